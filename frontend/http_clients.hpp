// How many connections each client has open. Memory grows with the connections, which are bounded.
#pragma once

#include <cstdint>
#include <mutex>
#include <new>
#include <unordered_map>

#include "core/crypto.hpp"
#include "http_hash.hpp"

namespace pg_principal::http {

class ClientCounts {
  public:
    explicit ClientCounts(std::uint32_t most) : most_(most), counts_(16, Hash()) {}

    // False, and not counted, when the client has as many as it may. IPv6 counts by /64.
    bool enter(const Address &client) noexcept {
        if (most_ == 0)
            return true;
        const std::lock_guard<std::mutex> lock(mutex_);
        try {
            std::uint32_t &count = counts_[client.network().bytes()];
            const bool enters = count < most_;
            count += enters ? 1 : 0;
            return enters;
        } catch (const std::bad_alloc &) {
            return false;
        }
    }

    void leave(const Address &client) noexcept {
        if (most_ == 0)
            return;
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto found = counts_.find(client.network().bytes());
        if (--found->second == 0)
            counts_.erase(found);
    }

  private:
    struct Hash {
        Hash() { random_bytes(&seed, sizeof seed); }
        std::size_t operator()(const Address::Bytes &bytes) const noexcept {
            return hash_of(bytes, seed);
        }
        std::uint64_t seed = 0;
    };
    const std::uint32_t most_;
    std::mutex mutex_;
    std::unordered_map<Address::Bytes, std::uint32_t, Hash> counts_;
};

} // namespace pg_principal::http
