// What a character is, by the properties that Unicode gives it: what hides, what is blank, what no
// font can draw.
#pragma once

#include <cstdint>

namespace pg_principal {

enum class CharacterKind : std::uint8_t {
    control,
    space,        // White_Space
    invisible,    // Default_Ignorable_Code_Point, format characters, what is drawn as nothing
    unassigned,   // also private use
    mark,         // combines with the letter before it
    other_mark,   // a mark that no domain name has
    letter,       // or a digit, of those that a domain name may have (RFC 5892)
    other_letter, // capitals, wide forms, numerals, ...
    symbol        // punctuation, too
};

CharacterKind kind_of_character(char32_t c) noexcept;

// Why such a character must not be in an address: it does not show, or misleads. nullptr when it is
// fine.
const char *hidden_character(char32_t c, CharacterKind kind) noexcept;

constexpr bool is_mark(CharacterKind kind) {
    return kind == CharacterKind::mark || kind == CharacterKind::other_mark;
}

} // namespace pg_principal
