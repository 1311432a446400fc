// Durations as people and programs write them: 24h, 90d, 1y; 1h30m, 1.5h.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace pg_principal {

// What a duration too long to count becomes: beyond any ceiling, yet safe to hold in microseconds.
constexpr std::int64_t longest_ttl_s = 1'000'000'000'000;

// Seconds, above zero and at most longest_ttl_s; a year has 365 days. Throws
// Error(duration_invalid).
std::int64_t parse_ttl(std::string_view text);

// Microseconds, cut off at longest_ttl_s, of numbers with units one after the other: ns, us, ms, s,
// m, h, as Go and Supabase Auth write a ban's duration (876000h). Nothing when it is malformed or
// below zero.
std::optional<std::int64_t> parse_go_duration(std::string_view text) noexcept;

} // namespace pg_principal
