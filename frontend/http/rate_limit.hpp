// A token bucket per client and budget in a table of fixed size: memory does not grow with the
// number of clients, and the client with the most tokens left is forgotten first.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <vector>

#include "base/clock.hpp"
#include "http/address.hpp"

namespace pg_principal::http {

struct RateLimit {
    double per_second = 0; // 0: no limit
    double burst = 0;
};

// What a request is charged to. A client has one of each, so that the refreshes of all who share an
// address leave their sign-ins alone. Costly is what takes work or proves something, own what
// changes the caller's own; administration, which comes in bulk, has ten times as much.
enum class Budget : std::uint8_t { costly, refresh, own, administration };

const char *budget_name(Budget budget) noexcept;

class RateLimiter {
  public:
    // `buckets` is rounded up to a power of two.
    explicit RateLimiter(RateLimit limit, std::size_t buckets = 1 << 16);
    // Takes a token of the client's; otherwise the seconds, at least 1, until there is one.
    // IPv6 counts by /64.
    unsigned try_take(const Address &client, Budget budget, Clock::time_point now);

  private:
    struct Bucket {
        Address::Bytes client = {};
        Budget budget = Budget::costly;
        Clock::time_point full_at = {}; // has all its tokens again
    };
    static constexpr std::size_t ways = 8; // buckets that one client may land in
    static constexpr std::size_t shards = 16;
    Bucket &bucket_of(const Address &client, Budget budget, std::size_t set);

    RateLimit limit_;
    std::uint64_t seed_;
    std::size_t sets_;
    std::vector<Bucket> buckets_;
    std::array<std::mutex, shards> mutexes_;
};

} // namespace pg_principal::http
