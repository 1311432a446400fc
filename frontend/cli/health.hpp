// Who runs the health scan and whether they do, for `health status` and `doctor`.
#pragma once

#include "cli/session.hpp"

namespace pg_principal::cli {

// What auth.health_schedule() tells, also where pg_cron is in another database; `problem` is null
// when nothing is wrong, `remedy` what to do. Throws Failure.
Json read_health_schedule(const Session &session);

} // namespace pg_principal::cli
