#include "terrain/tokens.hpp"

#include <algorithm>
#include <charconv>

#include "core/base/text.hpp"
#include "core/base/utf8.hpp"
#include "roster/file.hpp"

namespace pg_principal::cli {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_word(char c) { return is_letter(c) || is_digit(c) || c == '-'; }

class Lexer {
  public:
    explicit Lexer(std::string_view text) : text_(text) {}

    TokenList run() {
        for (skip_blanks(); at_ < text_.size(); skip_blanks())
            read_token();
        add(TokenType::end, "", line_);
        return std::move(list_);
    }

  private:
    char peek(std::size_t ahead = 0) const {
        return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
    }

    void add(TokenType type, std::string_view text, std::size_t line) {
        list_.tokens.push_back({type, std::string(text), line});
    }

    void skip_blanks() {
        while (at_ < text_.size()) {
            if (peek() == '\n')
                ++line_, ++at_;
            else if (peek() == ' ' || peek() == '\t' || peek() == '\r')
                ++at_;
            else if (peek() == '/' && peek(1) == '/')
                at_ = std::min(text_.find('\n', at_), text_.size());
            else if (peek() == '/' && peek(1) == '*')
                skip_comment();
            else if (text_.substr(at_, 3) == "...") // documentation writes "and so on" like this
                at_ += 3;
            else
                return;
        }
    }

    void skip_comment() {
        const std::size_t close = text_.find("*/", at_ + 2);
        if (close == std::string_view::npos)
            throw RosterFileError(line_, "a comment is never closed");
        line_ +=
            static_cast<std::size_t>(std::count(text_.begin() + at_, text_.begin() + close, '\n'));
        at_ = close + 2;
    }

    void read_token() {
        const char c = peek();
        if (c == '"')
            return read_string();
        if (c == '@')
            return read_reference();
        if (is_digit(c) || (c == '-' && is_digit(peek(1))))
            return read_number();
        if (is_letter(c))
            return read_word();
        const std::string_view symbols = "{}[],";
        constexpr TokenType types[] = {TokenType::open, TokenType::close, TokenType::bracket,
                                       TokenType::bracket, TokenType::comma};
        const std::size_t symbol = symbols.find(c);
        if (symbol == std::string_view::npos)
            throw RosterFileError(line_, "unexpected character " + character());
        add(types[symbol], text_.substr(at_, 1), line_);
        ++at_;
    }

    std::string character() const {
        std::size_t end = at_;
        return next_character(text_, end) ? quote_for_message(text_.substr(at_, end - at_)) : "";
    }

    void read_string() {
        const std::size_t opened = line_;
        std::string value;
        for (++at_; peek() != '"' || at_ >= text_.size(); ++at_) {
            if (at_ >= text_.size())
                throw RosterFileError(opened, "a string is never closed");
            char c = peek();
            if (c == '\\' && at_ + 1 < text_.size()) {
                c = text_[++at_];
                value += c == 'n' ? '\n' : c == 't' ? '\t' : c;
            } else {
                value += c;
            }
            line_ += c == '\n';
        }
        ++at_;
        if (line_ != opened && list_.first_long_string == 0)
            list_.first_long_string = opened;
        add(TokenType::string, value, opened);
    }

    // The word from here on, with dots in front of what they may stand before.
    std::string_view word(bool (*after_dot)(char)) {
        const std::size_t start = at_;
        while (is_word(peek()) || (peek() == '.' && after_dot(peek(1))))
            ++at_;
        return text_.substr(start, at_ - start);
    }

    void read_reference() {
        ++at_;
        const std::string_view name = word([](char) { return false; });
        if (name.empty())
            throw RosterFileError(line_, "a name is missing after @");
        add(TokenType::reference, name, line_);
    }

    // Dates such as 2025-03 are numbers here: whoever wants a number checks it.
    void read_number() {
        const std::string_view text = word(is_digit);
        const bool percent = peek() == '%';
        at_ += percent;
        add(percent ? TokenType::percent : TokenType::number, text, line_);
    }

    void read_word() { add(TokenType::word, word(is_letter), line_); }

    std::string_view text_;
    std::size_t at_ = 0, line_ = 1;
    TokenList list_;
};

} // namespace

std::optional<std::uint64_t> parse_whole(std::string_view text, std::uint64_t most) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool is_whole = error == std::errc() && end == text.data() + text.size();
    return is_whole && value <= most ? std::optional(value) : std::nullopt;
}

std::optional<std::uint64_t> parse_millionths(std::string_view text) {
    constexpr std::size_t places = 6;
    const std::size_t dot = std::min(text.find('.'), text.size());
    std::string fraction(text.substr(std::min(dot + 1, text.size())));
    if (fraction.size() > places)
        return std::nullopt;
    fraction.append(places - fraction.size(), '0');
    const auto whole = parse_whole(text.substr(0, dot), million),
               part = parse_whole(fraction, million);
    return whole && part ? std::optional(*whole * million + *part) : std::nullopt;
}

TokenList read_terrain_tokens(std::string_view text) { return Lexer(text).run(); }

} // namespace pg_principal::cli
