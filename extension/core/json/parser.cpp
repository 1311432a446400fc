#include "core/json/scan.hpp"
#include "core/json/document.hpp"
#include "core/base/utf8.hpp"

#include <algorithm>
#include <cstdint>

namespace pg_principal::json {

namespace {

// Up to here every pair of names is compared; beyond, they are sorted once.
constexpr std::size_t few_names = 16;
constexpr std::uint32_t deepest = 512;
constexpr std::size_t longest = std::size_t{1} << 30; // offsets have 32 bits

} // namespace

class Parser {
  public:
    Parser(Document &doc, std::string_view text, const Limits &limits) noexcept
        : doc_(doc), begin_(text.data()), p_(begin_), end_(begin_ + text.size()),
          max_depth_(std::min(limits.max_depth, deepest)), keep_repeats_(limits.keep_repeats),
          skip_deeper_(limits.skip_deeper) {}

    ParseStatus run() {
        skip_space();
        if (value(1)) {
            skip_space();
            if (p_ == end_)
                return {};
            fail("text after the value");
        }
        return {fault_, static_cast<std::size_t>(p_ - begin_)};
    }

  private:
    bool fail(const char *fault) noexcept {
        fault_ = fault;
        return false;
    }
    bool unexpected() noexcept {
        return fail(p_ == end_ ? "unexpected end" : "unexpected character");
    }
    std::uint32_t offset(const char *p) const noexcept {
        return static_cast<std::uint32_t>(p - begin_);
    }
    void skip_space() noexcept {
        while (p_ != end_ && (*p_ == ' ' || *p_ == '\n' || *p_ == '\r' || *p_ == '\t'))
            ++p_;
    }
    bool skip(char c) noexcept {
        if (p_ == end_ || *p_ != c)
            return false;
        ++p_;
        return true;
    }
    bool skip_digits() noexcept {
        const char *start = p_;
        while (p_ != end_ && *p_ >= '0' && *p_ <= '9')
            ++p_;
        return p_ != start;
    }
    void add(Type type, bool flag, std::uint32_t at, std::size_t size) {
        const auto next = static_cast<std::uint32_t>(doc_.nodes_.size() + 1);
        doc_.nodes_.emplace_back(type, flag, at, static_cast<std::uint32_t>(size), next);
    }

    bool value(std::uint32_t depth);
    bool literal(std::string_view word, Type type, bool flag);
    bool number();
    bool string();
    bool string_with_escapes(const char *start);
    bool escape();
    bool code_unit(std::uint32_t &unit);
    bool non_ascii();
    bool too_deep();
    bool array(std::uint32_t depth);
    bool object(std::uint32_t depth);
    bool name(std::size_t first_name, std::uint64_t &seen, bool &repeats);
    bool names_differ(std::size_t first_name);

    Document &doc_;
    const char *const begin_, *p_, *const end_;
    const std::uint32_t max_depth_;
    const bool keep_repeats_, skip_deeper_;
    const char *fault_ = nullptr;
};

bool Parser::value(std::uint32_t depth) {
    if (p_ == end_)
        return unexpected();
    switch (*p_) {
    case '{':
        return object(depth);
    case '[':
        return array(depth);
    case '"':
        return string();
    case 't':
        return literal("true", Type::boolean, true);
    case 'f':
        return literal("false", Type::boolean, false);
    case 'n':
        return literal("null", Type::null, false);
    default:
        return number();
    }
}

bool Parser::literal(std::string_view word, Type type, bool flag) {
    for (const char c : word)
        if (!skip(c))
            return unexpected();
    add(type, flag, 0, 0);
    return true;
}

bool Parser::number() {
    const char *start = p_;
    skip('-');
    if ((!skip('0') && !skip_digits()) || (skip('.') && !skip_digits()))
        return unexpected();
    if (skip('e') || skip('E')) {
        if (!skip('-'))
            skip('+');
        if (!skip_digits())
            return unexpected();
    }
    add(Type::number, false, offset(start), static_cast<std::size_t>(p_ - start));
    return true;
}

bool Parser::string() {
    const char *const start = p_ + 1;
    const char *p = start;
    for (;;) {
        while (end_ - p >= 8 && !has_special(p))
            p += 8;
        while (p != end_ && is_plain[static_cast<unsigned char>(*p)])
            ++p;
        p_ = p;
        if (p == end_)
            return unexpected();
        if (*p == '"') {
            add(Type::string, false, offset(start), static_cast<std::size_t>(p - start));
            ++p_;
            return true;
        }
        if (*p == '\\')
            return string_with_escapes(start);
        if (static_cast<unsigned char>(*p) < 0x20)
            return fail("control character in a string");
        if (!non_ascii())
            return false;
        p = p_;
    }
}

bool Parser::string_with_escapes(const char *start) {
    std::string &out = doc_.decoded_;
    const std::size_t at = out.size();
    for (;;) {
        while (p_ != end_ && *p_ != '"' && *p_ != '\\' && static_cast<unsigned char>(*p_) >= 0x20) {
            if (static_cast<unsigned char>(*p_) < 0x80)
                ++p_;
            else if (!non_ascii())
                return false;
        }
        if (p_ == end_)
            return unexpected();
        if (static_cast<unsigned char>(*p_) < 0x20)
            return fail("control character in a string");
        out.append(start, p_);
        if (skip('"'))
            break;
        ++p_;
        if (!escape())
            return false;
        start = p_;
    }
    add(Type::string, true, static_cast<std::uint32_t>(at), out.size() - at);
    return true;
}

bool Parser::escape() {
    if (p_ == end_)
        return unexpected();
    constexpr std::string_view letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
    if (const std::size_t i = letters.find(*p_); i != letters.npos) {
        doc_.decoded_ += meanings[i];
        ++p_;
        return true;
    }
    std::uint32_t c = 0;
    if (!skip('u'))
        return fail("invalid escape");
    if (!code_unit(c))
        return false;
    if (c == 0)
        return fail("\\u0000 in a string");
    if (c >= 0xdc00 && c <= 0xdfff)
        return fail("lone surrogate");
    if (c >= 0xd800 && c <= 0xdbff) {
        std::uint32_t low = 0;
        if (!skip('\\') || !skip('u'))
            return fail("lone surrogate");
        if (!code_unit(low))
            return false;
        if (low < 0xdc00 || low > 0xdfff)
            return fail("lone surrogate");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    append_utf8(doc_.decoded_, c);
    return true;
}

bool Parser::code_unit(std::uint32_t &unit) {
    const char *const fault = read_code_unit(p_, end_, unit);
    return fault == nullptr || fail(fault);
}

bool Parser::non_ascii() {
    const std::size_t size = utf8_sequence({p_, static_cast<std::size_t>(end_ - p_)});
    p_ += size;
    return size != 0 || fail("invalid UTF-8");
}

bool Parser::too_deep() {
    if (!skip_deeper_)
        return fail("nested too deeply");
    if (!skip_brackets(p_, end_))
        return unexpected();
    add(Type::null, false, 0, 0);
    return true;
}

bool Parser::array(std::uint32_t depth) {
    if (depth > max_depth_)
        return too_deep();
    const std::size_t self = doc_.nodes_.size();
    add(Type::array, false, 0, 0);
    std::uint32_t count = 0;
    ++p_;
    skip_space();
    if (!skip(']')) {
        do {
            skip_space();
            if (!value(depth + 1))
                return false;
            ++count;
            skip_space();
        } while (skip(','));
        if (!skip(']'))
            return unexpected();
    }
    doc_.nodes_[self].size = count;
    doc_.nodes_[self].next = static_cast<std::uint32_t>(doc_.nodes_.size());
    return true;
}

bool Parser::object(std::uint32_t depth) {
    if (depth > max_depth_)
        return too_deep();
    const std::size_t self = doc_.nodes_.size(), first_name = doc_.names_.size();
    add(Type::object, false, 0, 0);
    std::uint32_t count = 0;
    std::uint64_t seen = 0;
    bool repeats = false;
    ++p_;
    skip_space();
    if (!skip('}')) {
        do {
            skip_space();
            if (!name(first_name, seen, repeats))
                return false;
            skip_space();
            if (!skip(':'))
                return unexpected();
            skip_space();
            if (!value(depth + 1))
                return false;
            ++count;
            skip_space();
        } while (skip(','));
        if (!skip('}'))
            return unexpected();
    }
    repeats |= count > few_names && !names_differ(first_name);
    if (repeats && !keep_repeats_)
        return fail("repeated name");
    doc_.nodes_[self].flag = repeats;
    doc_.names_.resize(first_name);
    doc_.nodes_[self].size = count;
    doc_.nodes_[self].next = static_cast<std::uint32_t>(doc_.nodes_.size());
    return true;
}

// `seen` has a bit for each kind of name so far: most names need no comparison.
bool Parser::name(std::size_t first_name, std::uint64_t &seen, bool &repeats) {
    const auto self = static_cast<std::uint32_t>(doc_.nodes_.size());
    if (p_ == end_ || *p_ != '"')
        return unexpected();
    if (!string())
        return false;
    if (doc_.names_.size() - first_name < few_names) {
        const std::string_view text = doc_.text_of(doc_.nodes_[self]);
        const std::uint64_t kind = std::uint64_t{1} << (kind_of(text) & 63);
        const bool maybe = (seen & kind) != 0;
        seen |= kind;
        for (std::size_t i = first_name; maybe && i < doc_.names_.size(); ++i) {
            const Document::Node &other = doc_.nodes_[doc_.names_[i]];
            if (other.size != text.size() || doc_.text_of(other) != text)
                continue;
            if (!keep_repeats_)
                return fail("repeated name");
            repeats = true;
        }
    }
    doc_.names_.push_back(self);
    return true;
}

// Sorting keeps a hostile object with thousands of members from costing the square of their number.
bool Parser::names_differ(std::size_t first_name) {
    const auto text = [this](std::uint32_t i) { return doc_.text_of(doc_.nodes_[i]); };
    const auto first = doc_.names_.begin() + static_cast<std::ptrdiff_t>(first_name);
    std::sort(first, doc_.names_.end(),
              [&](std::uint32_t a, std::uint32_t b) { return text(a) < text(b); });
    return std::adjacent_find(first, doc_.names_.end(), [&](std::uint32_t a, std::uint32_t b) {
               return text(a) == text(b);
           }) == doc_.names_.end();
}

ParseStatus try_parse(Document &doc, std::string_view text, const Limits &limits) {
    doc.clear();
    if (text.size() > std::min(limits.max_bytes, longest))
        return {"too long", 0};
    doc.text_ = text;
    if (doc.nodes_.capacity() == 0) {
        doc.nodes_.reserve(64); // a token's claims
        doc.names_.reserve(few_names);
    }
    const ParseStatus status = Parser(doc, text, limits).run();
    if (!status)
        doc.clear();
    return status;
}

} // namespace pg_principal::json
