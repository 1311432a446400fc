#include "http/rate_limit.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/crypto/crypto.hpp"

namespace pg_principal::http {

namespace {

constexpr double longest = 4e9; // seconds, twice of which a clock can bear

std::uint64_t mix(std::uint64_t z) noexcept {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

// Seeded, so that nobody can choose addresses that fall together.
std::uint64_t hash_of(const Address::Bytes &bytes, std::uint64_t seed) noexcept {
    std::uint64_t words[2];
    std::memcpy(words, bytes.data(), sizeof words);
    return mix(mix(words[0] ^ seed) ^ words[1] ^ seed);
}

} // namespace

const char *budget_name(Budget budget) noexcept {
    constexpr const char *names[] = {"costly", "refresh", "own", "administration"};
    return names[static_cast<std::size_t>(budget)];
}

RateLimiter::RateLimiter(RateLimit limit, std::size_t buckets) : limit_(limit) {
    limit_.burst = std::max(limit_.burst, 1.0);
    random_bytes(&seed_, sizeof seed_);
    sets_ = 1;
    while (limit_.per_second > 0 && sets_ * ways < buckets)
        sets_ *= 2;
    buckets_.resize(sets_ * ways);
}

// The client's own, or the one that is full first: its owner loses the least by being forgotten.
RateLimiter::Bucket &RateLimiter::bucket_of(const Address &client, Budget budget, std::size_t set) {
    Bucket *const first = &buckets_[set * ways], *found = first;
    for (Bucket *bucket = first; bucket != first + ways; ++bucket) {
        if (bucket->budget == budget && bucket->client == client.bytes())
            return *bucket;
        if (bucket->full_at < found->full_at)
            found = bucket;
    }
    return *found = {client.bytes(), budget};
}

// What a bucket lacks is the time until it is full.
unsigned RateLimiter::try_take(const Address &client, Budget budget, Clock::time_point now) {
    if (limit_.per_second <= 0)
        return 0;
    const auto time_of = [this](double tokens) {
        return std::chrono::duration_cast<Clock::duration>(
            std::chrono::duration<double>(std::min(tokens / limit_.per_second, longest)));
    };
    const Address network = client.network();
    const std::size_t set =
        hash_of(network.bytes(), seed_ + static_cast<std::uint64_t>(budget)) & (sets_ - 1);
    const std::lock_guard<std::mutex> lock(mutexes_[set % shards]);
    Bucket &bucket = bucket_of(network, budget, set);
    const Clock::time_point full_at =
        std::max(bucket.full_at, now) + time_of(budget == Budget::administration ? 0.1 : 1);
    const Clock::duration early = full_at - now - time_of(limit_.burst);
    if (early <= Clock::duration::zero()) {
        bucket.full_at = full_at;
        return 0;
    }
    const double seconds = std::ceil(std::chrono::duration<double>(early).count());
    return static_cast<unsigned>(std::min(std::max(seconds, 1.0), 3600.0));
}

} // namespace pg_principal::http
