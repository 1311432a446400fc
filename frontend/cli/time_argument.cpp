#include "cli/time_argument.hpp"

#include <regex>

namespace pg_principal::cli {

std::optional<std::string> utc_time(const std::string &given) {
    static const std::regex time("\\d{4}-\\d\\d-\\d\\d([T ]\\d\\d:\\d\\d(:\\d\\d(\\.\\d{1,6})?)?"
                                 "(Z|[+-]\\d\\d:\\d\\d)?)?");
    std::smatch parts;
    if (!std::regex_match(given, parts, time))
        return std::nullopt;
    return given + (parts[1].matched ? "" : " 00:00:00") + (parts[4].matched ? "" : "Z");
}

} // namespace pg_principal::cli
