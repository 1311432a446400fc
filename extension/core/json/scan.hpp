// For document.cpp and parser.cpp alone: looking at the bytes of a string quickly.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
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

// Names that differ in this differ; most names of an object do.
inline std::size_t kind_of(std::string_view name) noexcept {
    if (name.empty())
        return 0;
    return static_cast<unsigned char>(name.front()) * std::size_t{5} +
           static_cast<unsigned char>(name.back()) * std::size_t{3} + name.size();
}

} // namespace pg_principal::json
