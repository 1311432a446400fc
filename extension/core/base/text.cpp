#include "core/base/text.hpp"

#include <algorithm>

#include "core/base/unicode.hpp"
#include "core/base/utf8.hpp"

namespace pg_principal {

namespace {

constexpr bool is_ascii_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// In names, joiners shape Persian and Hindi letters and put emoji together, selectors choose
// between forms of one character.
constexpr bool is_joiner(char32_t c) { return c == 0x200c || c == 0x200d; }
constexpr bool is_selector(char32_t c) {
    return (c >= 0xfe00 && c <= 0xfe0f) || (c >= 0xe0100 && c <= 0xe01ef) ||
           (c >= 0x180b && c <= 0x180f && c != 0x180e);
}

// Later versions of Unicode assign new emoji: a text may have them, an address not yet.
constexpr bool is_reserved(char32_t c) {
    return !(c >= 0xe000 && c <= 0xf8ff) && c < 0xf0000 && (c & 0xfffe) != 0xfffe &&
           !(c >= 0xfdd0 && c <= 0xfdef);
}

// Reads a text character by character: what is wrong with the next one, given those before.
class TextChecker {
  public:
    const char *next(char32_t c) {
        const CharacterKind kind = kind_of_character(c);
        const char *reason = hidden_character(c, kind);
        if (kind == CharacterKind::unassigned && is_reserved(c))
            reason = nullptr;
        if (kind == CharacterKind::invisible && takes_form(c))
            reason = nullptr;
        if (c == 0x2028 || c == 0x2029)
            reason = "contains an invisible character";
        if (first_ && is_mark(kind))
            reason = "begins with a combining mark";
        first_ = false;
        joined_ = is_joiner(c);
        if (kind != CharacterKind::space && kind != CharacterKind::invisible) {
            last_visible_ = c;
            blank_ = false;
        } else if (kind == CharacterKind::space) {
            last_visible_ = 0;
        }
        return reason;
    }
    const char *end() const {
        if (joined_)
            return "contains an invisible character";
        return blank_ && !first_ ? "is blank" : nullptr;
    }

  private:
    // Latin letters have no other form, and after a joiner there is something to join.
    bool takes_form(char32_t c) const {
        return !joined_ && ((is_joiner(c) && last_visible_ >= 0x80) ||
                            (is_selector(c) && last_visible_ != 0 && !is_latin(last_visible_)));
    }
    static bool is_latin(char32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

    char32_t last_visible_ = 0;
    bool first_ = true, joined_ = false, blank_ = true;
};

void append_escaped(std::string &out, unsigned char byte) {
    constexpr char digits[] = "0123456789abcdef";
    out += "\\x";
    out += digits[byte >> 4];
    out += digits[byte & 15];
}

} // namespace

std::string_view trim_ascii(std::string_view text) {
    while (!text.empty() && is_ascii_space(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && is_ascii_space(text.back()))
        text.remove_suffix(1);
    return text;
}

std::string lower_ascii(std::string_view text) {
    std::string out(text);
    for (char &c : out)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
    return out;
}

std::optional<std::string> check_text(std::string_view text, std::size_t max_characters) {
    TextChecker checker;
    std::size_t characters = 0;
    for (std::size_t at = 0; at < text.size(); ++characters) {
        const std::optional<char32_t> c = next_character(text, at);
        if (!c)
            return "is not valid UTF-8";
        if (const char *reason = checker.next(*c))
            return reason;
        if (characters == max_characters)
            return "is longer than " + std::to_string(max_characters) + " characters";
    }
    if (const char *reason = checker.end())
        return reason;
    return std::nullopt;
}

std::string quote_for_message(std::string_view text) {
    constexpr std::size_t longest = 80;
    std::string out = "\"";
    for (std::size_t at = 0; at < text.size();) {
        if (out.size() > longest) {
            out += "...";
            break;
        }
        const std::size_t start = at;
        const std::optional<char32_t> c = next_character(text, at);
        if (c && !hidden_character(*c, kind_of_character(*c)) && *c != 0x2028 && *c != 0x2029) {
            out += text.substr(start, at - start);
            continue;
        }
        at = std::max(at, start + 1);
        for (std::size_t i = start; i < at; ++i)
            append_escaped(out, static_cast<unsigned char>(text[i]));
    }
    return out += '"';
}

} // namespace pg_principal
