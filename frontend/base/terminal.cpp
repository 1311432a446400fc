#include "base/terminal.hpp"

#include <algorithm>

#include "core/base/text.hpp"
#include "core/base/utf8.hpp"

namespace pg_principal {

namespace {

void print_indented(std::ostream &err, std::string_view label, std::string_view text) {
    if (text.empty())
        return;
    std::string indent = "  " + std::string(label) + ": ";
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        err << indent << for_terminal(text.substr(0, end)) << '\n';
        text.remove_prefix(std::min(end + 1, text.size()));
        indent.assign(indent.size(), ' ');
    }
}

} // namespace

std::string for_terminal(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t start = at;
        const std::optional<char32_t> c = next_character(text, at);
        if (c && *c >= 0x20 && (*c < 0x7f || *c >= 0xa0)) {
            out += text.substr(start, at - start);
        } else {
            out += c == U'\t' ? ' ' : '?';
            at = std::max(at, start + 1);
        }
    }
    return out;
}

void print_error(std::ostream &err, std::string_view message, std::string_view detail,
                 std::string_view hint) {
    // A message of several lines (libpq writes them) is one error.
    const std::size_t end = std::min(message.find('\n'), message.size());
    err << "pg_principal: " << for_terminal(message.substr(0, end)) << '\n';
    print_indented(err, "detail", trim_ascii(message.substr(end)));
    print_indented(err, "detail", detail);
    print_indented(err, "hint", hint);
}

} // namespace pg_principal
