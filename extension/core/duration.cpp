#include "core/duration.hpp"

#include "core/bytes.hpp"
#include "core/error.hpp"

#include <algorithm>

namespace pg_principal {

std::int64_t parse_ttl(std::string_view text) {
    const auto invalid = [&] { return Error(Errc::duration_invalid, {printable(text)}); };
    if (text.size() < 2)
        throw invalid();
    std::int64_t unit = 0;
    switch (text.back()) {
    case 'h':
        unit = 3600;
        break;
    case 'd':
        unit = 86400;
        break;
    case 'y':
        unit = std::int64_t{365} * 86400;
        break;
    default:
        throw invalid();
    }
    std::int64_t count = 0;
    for (const char c : text.substr(0, text.size() - 1)) {
        if (c < '0' || c > '9')
            throw invalid();
        // saturates: the caller says "too long", whatever the number of digits
        count = std::min(count * 10 + (c - '0'), longest_ttl_s);
    }
    if (count == 0)
        throw invalid();
    return count > longest_ttl_s / unit ? longest_ttl_s : count * unit;
}

} // namespace pg_principal
