// What a session was got by: agents, sessions, grants, a credential. It ends with any of them.
#pragma once

#include "pg/tables/revocation.hpp"
#include "pg/tables/store.hpp"

#include <vector>

namespace pg_principal {

// Whether an agent has it, who acts for its principal; agents come first.
inline bool is_delegated(const SessionRow &session) noexcept {
    return session.tie_count > 0 && session.ties[0].what == Tie::agent;
}

struct Ties {
    std::vector<SignalId> signals; // what changes of each are signalled by
    TimestampTz end = DT_NOEND;    // the earliest of them, which no difference of clocks puts off
};
// Raises that the token is dead when one is not what it was when the session began.
Ties judge_ties(const SessionRow &session, TimestampTz now, const Moment &moment);

} // namespace pg_principal
