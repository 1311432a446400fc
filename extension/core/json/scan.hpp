// For the files beside it alone: looking at the bytes of a text quickly.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace pg_principal::json {

constexpr std::uint64_t repeat(unsigned char byte) { return 0x0101010101010101u * byte; }
constexpr std::uint64_t zero_bytes(std::uint64_t v) { return (v - repeat(1)) & ~v & repeat(0x80); }

inline std::uint64_t read_eight(const char *eight) noexcept {
    std::uint64_t v;
    std::memcpy(&v, eight, sizeof v);
    return v;
}

// Whether any of eight bytes must be escaped in a string: a quote, a backslash or a control
// character.
constexpr bool has_escaped(std::uint64_t v) {
    const std::uint64_t control = (v - repeat(0x20)) & ~v & repeat(0x80);
    return (control | zero_bytes(v ^ repeat('"')) | zero_bytes(v ^ repeat('\\'))) != 0;
}

// Whether any of them ends a run of plain string bytes: one of those, or a byte beyond ASCII.
inline bool has_special(const char *eight) noexcept {
    const std::uint64_t v = read_eight(eight);
    return (v & repeat(0x80)) != 0 || has_escaped(v);
}

// The same for one byte.
constexpr std::array<bool, 256> make_plain() {
    std::array<bool, 256> plain{};
    for (std::size_t c = 0x20; c < 0x80; ++c)
        plain[c] = c != '"' && c != '\\';
    return plain;
}
inline constexpr std::array<bool, 256> is_plain = make_plain();

constexpr std::array<bool, 256> make_escaped() {
    std::array<bool, 256> escaped{};
    for (std::size_t c = 0; c < escaped.size(); ++c)
        escaped[c] = c < 0x80 && !is_plain[c];
    return escaped;
}
inline constexpr std::array<bool, 256> is_escaped = make_escaped();

// The four hexadecimal digits at p, which moves past them; else the fault.
inline const char *read_code_unit(const char *&p, const char *end, std::uint32_t &unit) noexcept {
    unit = 0;
    for (int i = 0; i < 4; ++i, ++p) {
        if (p == end)
            return "unexpected end";
        const char c = *p;
        if (c >= '0' && c <= '9')
            unit = unit << 4 | static_cast<std::uint32_t>(c - '0');
        else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
            unit = unit << 4 | static_cast<std::uint32_t>((c | 0x20) - 'a' + 10);
        else
            return "invalid escape";
    }
    return nullptr;
}

// Moves past the array or object at p, of which the brackets and quotes alone are looked at, at any
// depth. False where they do not fit each other, or do not end.
inline bool skip_brackets(const char *&p, const char *end) {
    std::string open; // what closes them
    bool quoted = false;
    do {
        if (p == end)
            return false;
        const char c = *p;
        if (quoted && c == '\\' && p + 1 != end)
            ++p;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '[' || c == '{'))
            open += c == '[' ? ']' : '}';
        else if (!quoted && (c == ']' || c == '}')) {
            if (c != open.back())
                return false;
            open.pop_back();
        }
        ++p;
    } while (!open.empty());
    return true;
}

// Names that differ in this differ; most names of an object do.
inline std::size_t kind_of(std::string_view name) noexcept {
    if (name.empty())
        return 0;
    return static_cast<unsigned char>(name.front()) * std::size_t{5} +
           static_cast<unsigned char>(name.back()) * std::size_t{3} + name.size();
}

} // namespace pg_principal::json
