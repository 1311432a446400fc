// Refused logins: counted by reason, and so few of them logged that a flood fills no disk.
#include "pg/login/connections.hpp"

#include "pg/memory/shared_area.hpp"

#include <algorithm>
#include <cstring>

namespace pg_principal::login {

namespace {

constexpr int log_lines = 20; // refusals that are logged in one window
constexpr TimestampTz log_window = 10 * USECS_PER_SEC;

struct Refusals {
    Counter counters[max_counters];
    TimestampTz window_began;
    int logged;
};
SharedArea refusals_area{"pg_principal login refusals", sizeof(Refusals)};

Refusals *refusals() noexcept { return static_cast<Refusals *>(refusals_area.contents()); }

} // namespace

void request_refusal_memory() { refusals_area.request(); }

bool count_refusal(std::string_view reason) noexcept {
    if (refusals() == nullptr)
        return true;
    // what follows the colon tells of the token's making and would make a counter for each
    reason = reason.substr(0, std::min(reason.find(':'), sizeof(Counter::reason) - 1));
    const TimestampTz now = GetCurrentTimestamp();
    LWLockAcquire(refusals_area.lock(), LW_EXCLUSIVE);
    Counter *counter = refusals()->counters;
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
    if (now - refusals()->window_began >= log_window || now < refusals()->window_began) {
        refusals()->window_began = now;
        refusals()->logged = 0;
    }
    const bool worth_a_line = ++refusals()->logged <= log_lines;
    LWLockRelease(refusals_area.lock());
    return worth_a_line;
}

int read_counters(Counter *out, int size) noexcept {
    if (refusals() == nullptr)
        return 0;
    LWLockAcquire(refusals_area.lock(), LW_SHARED);
    int count = 0;
    for (const Counter &counter : refusals()->counters)
        if (counter.count > 0 && count < size)
            out[count++] = counter;
    LWLockRelease(refusals_area.lock());
    return count;
}

} // namespace pg_principal::login
