// For secret_text*.cpp alone: what gives a text away, and what it may be wrapped in.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pg_principal::secret_text {

// What bytes are; empty when they tell nothing.
std::string_view binary_kind(std::string_view bytes);
// The same for text that has a mark of its own: armour, an SSH key, a URL, a token.
std::string marked_kind(std::string_view text);
// The same for JSON, and for what is written like it, XML, YAML and assignments.
// by_chance: several lines mean nothing.
std::string structured_kind(std::string_view text, bool by_chance);

// No control characters but white space, and UTF-8.
bool is_printable(std::string_view text) noexcept;
std::string_view trimmed(std::string_view text) noexcept;

// A decoding that can be done, with its name. The bytes are wiped by whoever has them.
struct Unwrapped {
    const char *wrapping;
    std::string bytes;
    bool by_chance = false; // a password may look like that, and then like text of several lines
};
std::vector<Unwrapped> unwrapped(std::string_view text);
// Lenient: either alphabet, no padding needed. nullopt for a foreign character.
std::optional<std::string> base64_bytes(std::string_view text);
// The runs of base64's characters in a text, from this length.
std::vector<std::string_view> base64_runs(std::string_view text, std::size_t shortest);

} // namespace pg_principal::secret_text
