#include "core/base/unicode.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace pg_principal {

namespace {

struct Range {
    std::uint32_t first;
    CharacterKind kind;
};

constexpr auto C = CharacterKind::control, Z = CharacterKind::space, I = CharacterKind::invisible,
               U = CharacterKind::unassigned, M = CharacterKind::mark,
               N = CharacterKind::other_mark, L = CharacterKind::letter,
               O = CharacterKind::other_letter, S = CharacterKind::symbol;

constexpr Range ranges[] = {
#include "core/base/unicode_ranges.inc"
};

CharacterKind kind_of_ascii(char32_t c) noexcept {
    if (c < 0x20 || c == 0x7f)
        return C;
    if (c == ' ')
        return Z;
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
        return L;
    return c >= 'A' && c <= 'Z' ? O : S;
}

} // namespace

CharacterKind kind_of_character(char32_t c) noexcept {
    if (c < 0x80)
        return kind_of_ascii(c);
    const Range *after =
        std::upper_bound(std::begin(ranges), std::end(ranges), c,
                         [](char32_t wanted, const Range &range) { return wanted < range.first; });
    return after[-1].kind;
}

const char *hidden_character(char32_t c, CharacterKind kind) noexcept {
    switch (kind) {
    case CharacterKind::control:
        return c == 0 ? "contains a NUL byte" : "contains a control character";
    case CharacterKind::invisible:
        return "contains an invisible character";
    case CharacterKind::unassigned:
        return "contains an unassigned or private-use character";
    default:
        return nullptr;
    }
}

} // namespace pg_principal
