#include "core/principals/device_code.hpp"

#include "core/base/bytes.hpp"

namespace pg_principal {

namespace {

// RFC 8628, section 6.1: without vowels there are no words, and neither 0 and O nor 1 and I.
constexpr std::string_view alphabet = "BCDFGHJKLMNPQRSTVWXZ";
constexpr std::size_t letters = 8, group = 4;

} // namespace

std::string make_user_code(const std::function<std::string(std::size_t)> &random) {
    constexpr unsigned fair = 256 - 256 % alphabet.size(); // above it some would come more often
    std::string code;
    for (std::size_t made = 0; made < letters;) {
        std::string bytes = random(letters);
        const WipeOnExit guard(bytes);
        for (const char c : bytes) {
            const auto byte = static_cast<unsigned char>(c);
            if (made == letters || byte >= fair)
                continue;
            if (made == group)
                code += '-';
            code += alphabet[byte % alphabet.size()];
            ++made;
        }
    }
    return code;
}

std::optional<std::string> read_user_code(std::string_view text) {
    std::string code;
    for (const char c : text) {
        const char upper = c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
        // section 6.1: whatever a keyboard or a page made of the hyphen
        if (!(upper >= 'A' && upper <= 'Z') && !(c >= '0' && c <= '9'))
            continue;
        if (alphabet.find(upper) == alphabet.npos || code.size() == letters)
            return std::nullopt;
        code += upper;
    }
    if (code.size() != letters)
        return std::nullopt;
    return code;
}

} // namespace pg_principal
