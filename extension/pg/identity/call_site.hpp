// What one call in a plan remembers between rows, so that a row costs next to nothing.
#pragma once

#include "pg/identity/identity.hpp"

extern "C" {
#include "access/xact.h"
}

#include <algorithm>
#include <cstdint>

#include <time.h>

namespace pg_principal {

// Fresh while the identity epoch and the statement are those of the last look. Since one plan can
// outlive many statements (a loop in PL/pgSQL) and one statement many bans, it also looks again
// after 1, 2, 4, ... and then every 256 calls, and with each tick of the kernel's clock: at each
// call of a job that works or sleeps between them.
struct Look {
    std::uint64_t epoch;
    std::int64_t tick;
    TimestampTz statement;
    std::uint32_t calls_left;
    std::uint32_t interval;

    bool fresh() noexcept {
        if (unlikely(epoch != identity_epoch || calls_left <= 1 ||
                     statement != GetCurrentStatementStartTimestamp() || tick != clock_tick()))
            return false; // until it has looked, which may fail
        --calls_left;
        return true;
    }

    void looked() noexcept {
        constexpr std::uint32_t longest = 256;
        epoch = identity_epoch;
        statement = GetCurrentStatementStartTimestamp();
        tick = clock_tick();
        interval = identity_is_unwatched() ? 1 : std::clamp(2 * interval, 2U, longest);
        calls_left = interval;
    }

  private:
    // Some milliseconds apart, and read in a quarter of the time that the exact one takes.
    static std::int64_t clock_tick() noexcept {
#ifdef CLOCK_MONOTONIC_COARSE
        constexpr clockid_t clock = CLOCK_MONOTONIC_COARSE;
#else
        constexpr clockid_t clock = CLOCK_MONOTONIC;
#endif
        timespec now{};
        clock_gettime(clock, &now);
        return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
    }
};

// Lives in fn_extra.
struct CallSite : Look {
    bool isnull;
    Datum value;
    Datum previous; // handed out before value; the caller may still hold it
};

// nullptr when called without a plan, or for the first time.
inline CallSite *existing_call_site(FunctionCallInfo fcinfo) noexcept {
    return fcinfo->flinfo == nullptr ? nullptr : static_cast<CallSite *>(fcinfo->flinfo->fn_extra);
}

// nullptr only when called without a plan.
CallSite *call_site(FunctionCallInfo fcinfo);

// The caller's identity as of this statement; nullptr without a token. Throws as
// current_identity().
const Identity *caller(FunctionCallInfo fcinfo);

} // namespace pg_principal
