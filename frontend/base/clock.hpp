// The clock that time limits are measured with.
#pragma once

#include <chrono>

namespace pg_principal {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

} // namespace pg_principal
