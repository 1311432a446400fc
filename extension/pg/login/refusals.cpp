// Refused logins: counted by reason, and so few of them logged that a flood fills no disk.
#include "pg/login/connections.hpp"

#include "pg/memory/shared_area.hpp"

#include <algorithm>
#include <cstring>

namespace pg_principal::login {

namespace {

constexpr int log_lines = 20; // refusals that are logged in one window
constexpr TimestampTz log_window = 10 * USECS_PER_SEC;

struct Shared {
    Counter counters[max_counters];
    TimestampTz window_began;
    int logged;
};
SharedArea area{"pg_principal login refusals", sizeof(Shared)};

Shared *shared() noexcept { return static_cast<Shared *>(area.contents()); }

} // namespace

void request_refusal_memory() { area.request(); }

bool count_refusal(std::string_view reason) noexcept {
    if (shared() == nullptr)
        return true;
    // what follows the colon tells of the token's making and would make a counter for each
    reason = reason.substr(0, std::min(reason.find(':'), sizeof(Counter::reason) - 1));
    const TimestampTz now = GetCurrentTimestamp();
    LWLockAcquire(area.lock(), LW_EXCLUSIVE);
    Counter *counter = shared()->counters;
    Counter *const last = counter + max_counters - 1;
    while (counter < last && counter->count > 0 && reason != counter->reason)
        ++counter;
    if (counter == last)
        reason = "other";
    if (counter->count == 0) {
        std::memcpy(counter->reason, reason.data(), reason.size());
        counter->reason[reason.size()] = '\0';
    }
    ++counter->count;
    if (now - shared()->window_began >= log_window || now < shared()->window_began) {
        shared()->window_began = now;
        shared()->logged = 0;
    }
    const bool worth_a_line = ++shared()->logged <= log_lines;
    LWLockRelease(area.lock());
    return worth_a_line;
}

int read_counters(Counter *out, int size) noexcept {
    if (shared() == nullptr)
        return 0;
    LWLockAcquire(area.lock(), LW_SHARED);
    int count = 0;
    for (const Counter &counter : shared()->counters)
        if (counter.count > 0 && count < size)
            out[count++] = counter;
    LWLockRelease(area.lock());
    return count;
}

} // namespace pg_principal::login
