#include "http/rate_limit.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/crypto/crypto.hpp"

namespace pg_principal::http {

namespace {

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

double RateLimiter::tokens_at(const Bucket &bucket, Clock::time_point now) const {
    const double elapsed = std::chrono::duration<double>(now - bucket.at).count();
    return std::min(limit_.burst, bucket.tokens + std::max(elapsed, 0.0) * limit_.per_second);
}

// The client's own, a free one, or the fullest: its owner loses the least by being forgotten.
RateLimiter::Bucket &RateLimiter::bucket_of(const Address &client, Budget budget, std::size_t set,
                                            Clock::time_point now) {
    Bucket *fullest = nullptr;
    double most = -1;
    for (Bucket *bucket = &buckets_[set * ways]; bucket != &buckets_[0] + (set + 1) * ways;
         ++bucket) {
        if (bucket->used && bucket->budget == budget && bucket->client == client.bytes())
            return *bucket;
        const double tokens = bucket->used ? tokens_at(*bucket, now) : limit_.burst + 1;
        if (tokens > most) {
            most = tokens;
            fullest = bucket;
        }
    }
    *fullest = {client.bytes(), limit_.burst, now, budget, true};
    return *fullest;
}

unsigned RateLimiter::try_take(const Address &client, Budget budget, Clock::time_point now) {
    if (limit_.per_second <= 0)
        return 0;
    const Address network = client.network();
    const std::size_t set =
        hash_of(network.bytes(), seed_ + static_cast<std::uint64_t>(budget)) & (sets_ - 1);
    const std::lock_guard<std::mutex> lock(mutexes_[set % shards]);
    Bucket &bucket = bucket_of(network, budget, set, now);
    bucket.tokens = tokens_at(bucket, now);
    bucket.at = now;
    const double price = budget == Budget::administration ? 0.1 : 1;
    if (bucket.tokens >= price) {
        bucket.tokens -= price;
        return 0;
    }
    return static_cast<unsigned>(
        std::min(std::max(std::ceil((price - bucket.tokens) / limit_.per_second), 1.0), 3600.0));
}

} // namespace pg_principal::http
