#include "core/base/duration.hpp"

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"

#include <algorithm>
#include <cstdint>

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

namespace {

struct GoUnit {
    std::string_view name;
    double microseconds;
};

constexpr GoUnit go_units[] = {{"ns", 1e-3}, {"us", 1},  {"\xc2\xb5s", 1}, {"\xce\xbcs", 1},
                               {"ms", 1e3},  {"s", 1e6}, {"m", 6e7},       {"h", 3.6e9}};

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// Takes digits with at most one point from the front.
bool take_number(std::string_view &text, double &number) noexcept {
    bool any = false;
    for (number = 0; !text.empty() && is_digit(text[0]); text.remove_prefix(1), any = true)
        number = number * 10 + (text[0] - '0');
    if (text.empty() || text[0] != '.')
        return any;
    text.remove_prefix(1);
    for (double place = 0.1; !text.empty() && is_digit(text[0]);
         text.remove_prefix(1), place /= 10, any = true)
        number += place * (text[0] - '0');
    return any;
}

bool take_unit(std::string_view &text, double &microseconds) noexcept {
    std::size_t size = 0;
    while (size < text.size() && !is_digit(text[size]) && text[size] != '.')
        ++size;
    for (const GoUnit &unit : go_units)
        if (unit.name == text.substr(0, size)) {
            microseconds = unit.microseconds;
            text.remove_prefix(size);
            return true;
        }
    return false;
}

} // namespace

std::optional<std::int64_t> parse_go_duration(std::string_view text) noexcept {
    if (!text.empty() && text[0] == '+')
        text.remove_prefix(1);
    if (text.empty())
        return std::nullopt;
    if (text == "0")
        return 0;
    double total = 0;
    while (!text.empty()) {
        double number = 0, unit = 0;
        if (!take_number(text, number) || !take_unit(text, unit))
            return std::nullopt;
        total += number * unit;
    }
    constexpr double most = 1e6 * longest_ttl_s;
    return static_cast<std::int64_t>(std::min(total, most)); // infinity too
}

} // namespace pg_principal
