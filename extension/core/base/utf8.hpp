// UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing beyond U+10FFFF.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pg_principal {

// Bytes of the sequence that the text starts with, or 0 when it starts with none.
std::size_t utf8_sequence(std::string_view text) noexcept;
bool is_utf8(std::string_view text) noexcept;
// U+FEFF at the start of a text is no part of it: a reader of JSON may pass it over (RFC 8259, 8.1).
std::string_view without_byte_order_mark(std::string_view text) noexcept;
void append_utf8(std::string &out, std::uint32_t code_point);
// Decodes one character at `at` and moves past it; nothing when the bytes there are not valid
// UTF-8.
std::optional<char32_t> next_character(std::string_view text, std::size_t &at);

} // namespace pg_principal
