// Who runs the health scan and whether they do, for `health status` and `doctor`.
#pragma once

#include <vector>

#include "cli/session.hpp"

namespace pg_principal::cli {

// What auth.health_schedule() tells, also where pg_cron is in another database; at these places
// what is wrong, NULL when nothing is, and what to do. Throws Failure.
enum { health_problem = 9, health_remedy = 10 };
std::vector<db::Param> read_health_schedule(const Session &session);

} // namespace pg_principal::cli
