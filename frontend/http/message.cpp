#include "http/message.hpp"

#include <stdexcept>

#include "base/text.hpp"
#include "core/base/bytes.hpp"
#include "core/base/text.hpp"
#include "core/base/utf8.hpp"

namespace pg_principal::http {

namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// A handler may hand over what a client sent it: a line break in there would begin a header.
void check_header(std::string_view name, std::string_view value) {
    const bool bad_name =
        name.empty() || std::any_of(name.begin(), name.end(), [](char c) {
            return is_control(c) || c == ' ' || c == ':' || static_cast<unsigned char>(c) > 0x7e;
        });
    if (bad_name || std::any_of(value.begin(), value.end(), is_control))
        throw std::invalid_argument("not a header");
}

std::string_view without_newline(std::string_view encoded) {
    for (const char *end : {"%0A", "%0D"})
        if (encoded.size() >= 3 && same_name(encoded.substr(encoded.size() - 3), end))
            encoded.remove_suffix(3);
    return encoded;
}

} // namespace

bool same_name(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                              [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view Request::header(std::string_view name) const noexcept {
    for (const Header &header : headers)
        if (same_name(header.name, name))
            return header.value;
    return {};
}

std::ptrdiff_t Request::count(std::string_view name) const noexcept {
    return std::count_if(headers.begin(), headers.end(),
                         [&](const Header &header) { return same_name(header.name, name); });
}

const std::string &Request::param(std::string_view name) const {
    for (const PathParam &param : params)
        if (param.name == name)
            return param.value;
    throw std::logic_error("the route has no such parameter");
}

std::string_view Request::bearer() const noexcept {
    constexpr std::string_view scheme = "Bearer ";
    const std::string_view value = header("Authorization");
    if (value.size() < scheme.size() || !same_name(value.substr(0, scheme.size()), scheme))
        return {};
    const std::string_view token = trim_ascii(value.substr(scheme.size()));
    return is_utf8(token) ? token : "?"; // as malformed, and the database can be asked
}

Response &Response::set(std::string_view name, std::string_view value) {
    check_header(name, value);
    for (auto &[known, old] : headers)
        if (same_name(known, name)) {
            old = value;
            return *this;
        }
    headers.emplace_back(name, value);
    return *this;
}

bool Response::has(std::string_view name) const noexcept {
    return std::any_of(headers.begin(), headers.end(),
                       [&](const auto &header) { return same_name(header.first, name); });
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '+' && plus_is_space) {
            c = ' ';
        } else if (c == '%') {
            std::string byte;
            if (!hex_decode(text.substr(i + 1, 2), byte) || byte.empty())
                return std::nullopt;
            c = byte[0];
            i += 2;
        }
        if (is_control(c))
            return std::nullopt;
        out += c;
    }
    return is_utf8(out) ? std::optional(std::move(out)) : std::nullopt;
}

std::optional<Form> Form::parse(std::string_view text, bool of_files) {
    Form form;
    for (const std::string_view part : split(text, '&')) {
        if (part.empty())
            continue;
        const std::size_t equals = std::min(part.find('='), part.size());
        auto name = percent_decode(part.substr(0, equals), true);
        const std::string_view encoded = part.substr(std::min(equals + 1, part.size()));
        auto value = percent_decode(of_files ? without_newline(encoded) : encoded, true);
        if (!name || !value)
            return std::nullopt;
        form.fields_.emplace_back(std::move(*name), std::move(*value));
    }
    return form;
}

std::optional<std::string> Form::get(std::string_view name) const {
    for (const auto &[known, value] : fields_)
        if (known == name)
            return value;
    return std::nullopt;
}

bool Form::repeats(std::string_view name) const {
    return std::count_if(fields_.begin(), fields_.end(),
                         [&](const auto &field) { return field.first == name; }) > 1;
}

} // namespace pg_principal::http
