// Small readings of text.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace pg_principal {

// Without the optional white space of RFC 9110, section 5.6.3.
inline std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
        text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
        text.remove_suffix(1);
    return text;
}

// The parts between separators; one without any is one part.
inline std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (std::size_t from = 0, end = 0; end != text.npos; from = end + 1) {
        end = text.find(separator, from);
        parts.push_back(text.substr(from, end - from));
    }
    return parts;
}

inline bool read_digits(std::string_view text, std::uint64_t &number) {
    if (text.empty() || text.size() > 19)
        return false;
    number = 0;
    for (const char c : text) {
        if (c < '0' || c > '9')
            return false;
        number = number * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return true;
}

} // namespace pg_principal
