// The identities proved in this backend, least recently used first out, bounded in number and
// bytes.
#pragma once

#include "pg/identity/identity.hpp"

#include <list>
#include <memory>
#include <unordered_map>

namespace pg_principal {

class IdentityCache {
  public:
    static constexpr std::size_t max_entries = 1024;
    static constexpr std::size_t max_bytes = 4 << 20;

    std::shared_ptr<Identity> find(std::string_view source) {
        const auto found = index_.find(source);
        if (found == index_.end())
            return nullptr;
        entries_.splice(entries_.begin(), entries_, found->second);
        return *found->second;
    }

    // The source is not in the cache.
    void insert(std::shared_ptr<Identity> identity) {
        entries_.push_front(std::move(identity));
        index_.emplace(entries_.front()->source, entries_.begin());
        bytes_ += size_of(*entries_.front());
        while (entries_.size() > max_entries || bytes_ > max_bytes) {
            bytes_ -= size_of(*entries_.back());
            index_.erase(entries_.back()->source);
            entries_.pop_back();
        }
    }

    void erase(std::string_view source) noexcept {
        const auto found = index_.find(source);
        if (found == index_.end())
            return;
        const auto entry = found->second;
        bytes_ -= size_of(**entry);
        index_.erase(found); // its key is the entry's
        entries_.erase(entry);
    }

    void clear() noexcept {
        index_.clear();
        entries_.clear();
        bytes_ = 0;
    }

  private:
    static std::size_t size_of(const Identity &identity) noexcept {
        return sizeof identity + identity.source.size() + identity.minted.size() +
               identity.rewritten.size();
    }

    std::list<std::shared_ptr<Identity>> entries_;
    std::unordered_map<std::string_view, decltype(entries_)::iterator>
        index_; // keys are the sources
    std::size_t bytes_ = 0;
};

} // namespace pg_principal
