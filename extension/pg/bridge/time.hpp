// PostgreSQL counts from 2000-01-01, JOSE from 1970-01-01.
#pragma once

#include "pg/bridge/pg.hpp"

extern "C" {
#include "datatype/timestamp.h"
#include "utils/timestamp.h"
}

#include <cstdint>

namespace pg_principal {

constexpr std::int64_t us_per_s = 1'000'000;
constexpr std::int64_t epoch_distance_us =
    static_cast<std::int64_t>(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY * us_per_s;

constexpr std::int64_t unix_microseconds(TimestampTz time) noexcept {
    return time + epoch_distance_us;
}

} // namespace pg_principal
