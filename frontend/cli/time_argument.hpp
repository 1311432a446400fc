// Times that operators write.
#pragma once

#include <optional>
#include <string>

namespace pg_principal::cli {

// A date, or a time as RFC 3339 has it, in UTC unless it names its zone: it means the same whatever
// the connection's settings are. nullopt: it is none.
std::optional<std::string> utc_time(const std::string &given);

} // namespace pg_principal::cli
