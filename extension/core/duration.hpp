// The time to live of a token as people write it: 24h, 90d, 1y.
#pragma once

#include <cstdint>
#include <string_view>

namespace pg_principal {

// What a duration too long to count becomes: beyond any ceiling, yet safe to hold in microseconds.
constexpr std::int64_t longest_ttl_s = 1'000'000'000'000;

// Seconds, above zero and at most longest_ttl_s; a year has 365 days. Throws
// Error(duration_invalid).
std::int64_t parse_ttl(std::string_view text);

} // namespace pg_principal
