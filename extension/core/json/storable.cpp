#include "core/json/storable.hpp"

#include "core/base/utf8.hpp"
#include "core/json/scan.hpp"

#include <algorithm>
#include <optional>

namespace pg_principal::json {

namespace {

constexpr std::size_t escape_size = 6; // \uXXXX
constexpr std::size_t deepest_stored = 256;
constexpr std::string_view replacement = "\xef\xbf\xbd";

std::optional<std::uint32_t> escaped_unit(std::string_view text) {
    std::uint32_t unit = 0;
    if (text.size() < escape_size || text.substr(0, 2) != "\\u")
        return std::nullopt;
    const char *digits = text.data() + 2;
    if (read_code_unit(digits, digits + 4, unit) != nullptr)
        return std::nullopt;
    return unit;
}

bool is_high(std::uint32_t unit) { return unit >= 0xd800 && unit <= 0xdbff; }
bool is_low(std::uint32_t unit) { return unit >= 0xdc00 && unit <= 0xdfff; }

// What begins with a backslash; taken: bytes of it.
std::string_view escape(std::string_view text, std::size_t &taken) {
    const auto unit = escaped_unit(text);
    if (!unit) {
        taken = text.size() > 1 && static_cast<unsigned char>(text[1]) < 0x80 ? 2 : 1;
        return text.substr(0, taken);
    }
    const bool is_pair =
        is_high(*unit) && is_low(escaped_unit(text.substr(escape_size)).value_or(0));
    taken = is_pair ? 2 * escape_size : escape_size;
    return !is_pair && (*unit == 0 || is_high(*unit) || is_low(*unit)) ? replacement
                                                                       : text.substr(0, taken);
}

// A double holds what is shorter, and so does numeric.
bool is_long(std::string_view number) {
    const std::size_t exponent = number.find_first_of("eE");
    return number.size() > 100 || (exponent != number.npos && number.size() - exponent > 3);
}

} // namespace

std::string storable(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    bool quoted = false, is_closed = true;
    std::size_t taken = 0, depth = 0;
    for (; !text.empty(); text.remove_prefix(taken)) {
        const char c = text.front(), *end = text.data();
        const bool opens = !quoted && (c == '[' || c == '{');
        const bool is_too_deep = opens && depth >= deepest_stored && is_closed;
        if (quoted && c == '\\') {
            out += escape(text, taken);
        } else if (is_too_deep && (is_closed = skip_brackets(end, end + text.size()))) {
            out += "null"; // what is not closed is not JSON, and looked through once
            taken = static_cast<std::size_t>(end - text.data());
        } else if (!quoted && (c == '-' || (c >= '0' && c <= '9'))) {
            taken = std::min(text.find_first_not_of("0123456789.eE+-"), text.size());
            out += is_long(text.substr(0, taken)) ? "null" : text.substr(0, taken);
        } else {
            quoted ^= c == '"';
            depth += opens;
            depth -= !quoted && depth > 0 && (c == ']' || c == '}');
            taken = utf8_sequence(text);
            out += taken == 0 ? replacement : text.substr(0, taken);
            taken = std::max<std::size_t>(taken, 1);
        }
    }
    return out;
}

} // namespace pg_principal::json
