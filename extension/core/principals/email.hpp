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

// ASCII letters alone, whatever the locale.
std::string lower_ascii(std::string_view text);

// Nothing when the address is acceptable, else what is wrong, as the end of a sentence ("has no
// @"): a dot-atom, a host name, both also beyond ASCII, and nothing that hides (core/unicode).
// Addresses are compared as they are: neither Unicode's forms of one text nor letters of different
// scripts that look alike are told.
std::optional<std::string> check_email(std::string_view email);

// The same for any other text: valid UTF-8, something to see, nothing that hides but joiners and
// selectors where they belong, at most so many characters.
std::optional<std::string> check_text(std::string_view text, std::size_t max_characters);

// Trims ASCII whitespace at both ends.
std::string_view trim_ascii(std::string_view text);

// In double quotes, cut to a readable length, control characters and broken UTF-8 as \xNN.
std::string quote_for_message(std::string_view text);

// Decodes one character at `at` and moves past it; nothing when the bytes there are not valid
// UTF-8.
std::optional<char32_t> next_character(std::string_view text, std::size_t &at);

} // namespace pg_principal
