// What an email address looks like here: one rule for the roster, the accounts and the command
// line.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace pg_principal {

inline constexpr std::size_t max_email_bytes = 254;     // RFC 5321, 4.5.3.1.3
inline constexpr std::size_t max_local_part_bytes = 64; // RFC 5321, 4.5.3.1.1

// Trims ASCII whitespace and lowers ASCII letters; other bytes stay, so no locale changes the
// result.
std::string normalise_email(std::string_view email);

// Nothing when the address is acceptable, else what is wrong, as the end of a sentence ("has no
// @"): a dot-atom, a host name, both also beyond ASCII, and nothing that hides (base/unicode).
// Addresses are compared as they are: neither Unicode's forms of one text nor letters of different
// scripts that look alike are told.
std::optional<std::string> check_email(std::string_view email);

} // namespace pg_principal
