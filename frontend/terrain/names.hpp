// Names for generated people, each once: given names times family names, then again with a number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "core/principals/roster.hpp"

namespace pg_principal::cli {

// The same seed gives the same names for ever: the lists in names.cpp and their order stay
// as they are until a new major version.
class NameSource {
  public:
    NameSource(std::uint64_t seed, std::string domain);
    // Name, email and github_username: the next one whose email is still free.
    RosterRow next();
    // For somebody with a name already; the email may be taken.
    RosterRow named(const std::string &name) const;
    // False when it was taken before.
    bool take(const std::string &email) { return taken_.insert(email).second; }
    std::size_t distinct_names() const { return order_.size(); }

  private:
    std::string domain_, label_;
    std::vector<std::uint32_t> order_;
    std::size_t at_ = 0;
    std::unordered_set<std::string> taken_;
};

} // namespace pg_principal::cli
