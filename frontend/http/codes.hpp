// Codes of refusals that the dispatcher itself treats in a way of their own.
#pragma once

#include <string_view>

namespace pg_principal::http {

// A 503 that passes when an operator has done something: without Retry-After.
inline constexpr std::string_view operator_needed = "operator_needed";

} // namespace pg_principal::http
