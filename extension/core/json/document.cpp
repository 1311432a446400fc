#include "core/json/document.hpp"

#include "core/base/error.hpp"
#include "core/json/scan.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>

namespace pg_principal::json {

namespace {

[[noreturn]] void wrong_type(std::string_view wanted) {
    throw Error(Errc::json_malformed, {std::string(wanted) + " expected"});
}

[[noreturn]] void raise(const ParseStatus &status) {
    throw Error(Errc::json_malformed,
                {std::string(status.fault) + " at byte " + std::to_string(status.offset)});
}

// Where the next character stands that a string must escape.
std::size_t find_escaped(std::string_view text, std::size_t from) noexcept {
    while (text.size() - from >= 8 && !has_escaped(read_eight(text.data() + from)))
        from += 8;
    while (from < text.size() && !is_escaped[static_cast<unsigned char>(text[from])])
        ++from;
    return from;
}

} // namespace

Document::Document(std::string_view text, const Limits &limits) { parse_into(*this, text, limits); }

void Document::clear() noexcept {
    text_ = {};
    nodes_.clear();
    decoded_.clear();
    names_.clear();
}

Document parse(std::string_view text, const Limits &limits) { return Document(text, limits); }

void parse_into(Document &doc, std::string_view text, const Limits &limits) {
    if (const ParseStatus status = try_parse(doc, text, limits); !status)
        raise(status);
}

std::string_view Value::as_string() const {
    if (!is_string())
        wrong_type("a string");
    return doc_->text_of(doc_->nodes_[index_]);
}

bool Value::as_bool() const {
    if (!is_bool())
        wrong_type("true or false");
    return doc_->nodes_[index_].flag;
}

std::string_view Value::number_text() const {
    if (!is_number())
        wrong_type("a number");
    return doc_->text_of(doc_->nodes_[index_]);
}

Members Value::members() const {
    if (!is_object())
        wrong_type("an object");
    return {doc_, index_ + 1, doc_->nodes_[index_].next};
}

Elements Value::elements() const {
    if (!is_array())
        wrong_type("an array");
    return {doc_, index_ + 1, doc_->nodes_[index_].next};
}

std::optional<std::int64_t> Value::as_int64() const {
    bool exact = false;
    const auto value = scaled_integer(number_text(), 0, exact);
    return exact ? value : std::nullopt;
}

std::optional<double> Value::as_double() const {
    const std::string_view text = number_text();
    double value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    return result.ec == std::errc() ? std::optional(value) : std::nullopt;
}

std::size_t Value::size() const noexcept {
    return is_object() || is_array() ? doc_->nodes_[index_].size : 0;
}

bool Value::repeats_a_name() const noexcept {
    if (!doc_)
        return false;
    const auto first = doc_->nodes_.begin() + index_;
    return std::any_of(first, doc_->nodes_.begin() + first->next, [](const Document::Node &node) {
        return node.type == Type::object && node.flag;
    });
}

Value Value::find(std::string_view name) const noexcept {
    if (!is_object())
        return {};
    const Document::Node *nodes = doc_->nodes_.data();
    const std::uint32_t end = nodes[index_].next;
    for (std::uint32_t i = index_ + 1; i < end; i = nodes[i + 1].next)
        if (nodes[i].size == name.size() && doc_->text_of(nodes[i]) == name)
            return {doc_, i + 1};
    return {};
}

std::optional<std::int64_t> scaled_integer(std::string_view number, int scale,
                                           bool &exact) noexcept {
    constexpr std::int64_t far = 1'000'000'000; // exponents beyond this are all alike
    constexpr std::int64_t mantissa_digits = 19;
    std::size_t i = 0;
    const auto is_digit = [&] { return i < number.size() && number[i] >= '0' && number[i] <= '9'; };
    const auto skip = [&](char c) { return i < number.size() && number[i] == c && ++i; };

    // |number| * 10^scale = significant digits * 10^shift; the mantissa holds the first of them
    std::int64_t shift = scale, digits = 0, zeros = 0;
    std::uint64_t mantissa = 0;
    const auto push = [&](int digit) {
        if (digits < mantissa_digits)
            mantissa = mantissa * 10 + static_cast<unsigned>(digit);
        ++digits;
    };
    const auto take = [&](int digit) {
        if (digit == 0) {
            zeros += digits > 0; // held back: they count when another digit follows
            return;
        }
        for (; zeros > 0; --zeros)
            push(0);
        push(digit);
    };
    const bool negative = skip('-');
    for (; is_digit(); ++i)
        take(number[i] - '0');
    if (skip('.'))
        for (; is_digit(); ++i, --shift)
            take(number[i] - '0');
    shift += zeros;
    if (skip('e') || skip('E')) {
        const bool minus = skip('-');
        if (!minus)
            skip('+');
        std::int64_t exponent = 0;
        for (; is_digit(); ++i)
            exponent = exponent < far ? exponent * 10 + (number[i] - '0') : far;
        shift += minus ? -exponent : exponent;
    }

    exact = true;
    if (digits == 0)
        return 0;
    if (digits > mantissa_digits) {
        exact = false; // the last digit is not zero, so either this or no fit
        shift += digits - mantissa_digits;
        digits = mantissa_digits;
    }
    if (digits + shift > mantissa_digits)
        return std::nullopt;
    if (digits + shift <= 0) {
        exact = false;
        return 0;
    }
    constexpr auto limit = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    for (; shift > 0; --shift) {
        if (mantissa > limit / 10)
            return std::nullopt;
        mantissa *= 10;
    }
    for (; shift < 0; ++shift) {
        exact &= mantissa % 10 == 0;
        mantissa /= 10;
    }
    if (mantissa > limit)
        return std::nullopt;
    const auto magnitude = static_cast<std::int64_t>(mantissa);
    return negative ? -magnitude : magnitude;
}

std::string quote(std::string_view text) {
    std::string out;
    append_quoted(out, text);
    return out;
}

void append_quoted(std::string &out, std::string_view text) {
    constexpr char digits[] = "0123456789abcdef";
    out += '"';
    std::size_t plain = 0; // where a run of characters begins that stay as they are
    for (std::size_t i = find_escaped(text, 0); i < text.size(); i = find_escaped(text, plain)) {
        const char c = text[i];
        out.append(text, plain, i - plain);
        plain = i + 1;
        out += '\\';
        if (static_cast<unsigned char>(c) >= 0x20) {
            out += c;
            continue;
        }
        out += "u00";
        out += digits[c >> 4];
        out += digits[c & 15];
    }
    out.append(text, plain, text.npos);
    out += '"';
}

void append_value(std::string &out, Value value) {
    char separator = 0;
    const auto separate = [&](char open) {
        out += separator == 0 ? open : ',';
        separator = ',';
    };
    switch (value.type()) {
    case Type::missing:
    case Type::null:
        out += "null";
        return;
    case Type::boolean:
        out += value.as_bool() ? "true" : "false";
        return;
    case Type::number:
        out += value.number_text();
        return;
    case Type::string:
        return append_quoted(out, value.as_string());
    case Type::array:
        for (const Value element : value.elements()) {
            separate('[');
            append_value(out, element);
        }
        out += separator == 0 ? "[]" : "]";
        return;
    case Type::object:
        for (const Member member : value.members()) {
            separate('{');
            append_quoted(out, member.name);
            out += ':';
            append_value(out, member.value);
        }
        out += separator == 0 ? "{}" : "}";
    }
}

} // namespace pg_principal::json
