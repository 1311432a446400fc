#include "core/base/error.hpp"

#include <array>

namespace pg_principal {

namespace {

constexpr std::array kinds = {
#define ERROR_KIND(id, sqlstate, message, hint) ErrorKind{#id, sqlstate, message, hint},
#include "core/base/errors.inc"
#undef ERROR_KIND
};

} // namespace

std::size_t error_kind_count() noexcept { return kinds.size(); }

const ErrorKind &error_kind(std::size_t index) noexcept { return kinds[index]; }

const ErrorKind *find_error_kind(std::string_view id) noexcept {
    for (const ErrorKind &kind : kinds)
        if (kind.id == id)
            return &kind;
    return nullptr;
}

std::string format_error(std::string_view text, const std::string_view *args, std::size_t count) {
    std::string out;
    out.reserve(text.size() + 32);
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool placeholder = text[i] == '{' && i + 2 < text.size() && text[i + 2] == '}' &&
                                 text[i + 1] >= '0' && text[i + 1] <= '9';
        if (!placeholder) {
            out += text[i];
            continue;
        }
        const auto n = static_cast<std::size_t>(text[i + 1] - '0');
        if (n < count)
            out += args[n];
        i += 2;
    }
    return out;
}

Error::Error(Errc code, const std::string_view *args, std::size_t count, std::string detail)
    : code_(code), message_(format_error(kind().message, args, count)), detail_(std::move(detail)),
      hint_(format_error(kind().hint, args, count)) {}

} // namespace pg_principal
