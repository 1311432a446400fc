#include "pg/identity/ties.hpp"

#include "pg/bridge/uuid.hpp"
#include "pg/keys/keyring.hpp"
#include "pg/identity/verification.hpp"

#include <algorithm>

namespace pg_principal {

namespace {

void add_tie(const Tie &tie, TimestampTz now, const Moment &moment, Ties &judged);

bool lasts(const Lasting &tie, TimestampTz now, Ties &judged) {
    if (tie.found && tie.ends <= now)
        refuse_token("expired");
    judged.end = std::min(judged.end, tie.ends);
    return tie.found;
}

// Whether an agent, a session, a grant or a credential is still what it was when the session began
// that hangs on it.
bool tie_holds(const Tie &tie, TimestampTz now, const Moment &moment, Ties &judged) {
    switch (tie.what) {
    case Tie::agent: {
        const PrincipalRow agent = read_principal(tie.id, now, moment);
        return agent.found && !agent.banned && agent.generation == tie.generation &&
               std::string_view(agent.kind) == "service_account";
    }
    case Tie::session: {
        const SessionRow session = read_session(tie.id, moment);
        if (!session.found || session.revoked)
            return false;
        if (*session.kid != '\0') { // a token that whoever stole the key could have made
            const std::optional<SignalId> key = standing_key(to_utf8(session.kid));
            if (!key)
                return false;
            judged.signals.push_back(*key);
        }
        // all else that it hangs on, whoever hangs on it has, too
        for (int i = 0; i < session.tie_count; ++i)
            if (session.ties[i].what == Tie::credential)
                add_tie(session.ties[i], now, moment, judged);
        return true;
    }
    case Tie::grant:
        return lasts(read_grant(tie.id, moment), now, judged);
    case Tie::credential: {
        // who is no service account any more is no client; that changes signal the principal
        const PrincipalRow owner = read_principal(tie.owner, now, moment);
        return owner.found && std::string_view(owner.kind) == "service_account" &&
               lasts(read_credential(tie.id, tie.owner, moment), now, judged);
    }
    }
    return false;
}

void add_tie(const Tie &tie, TimestampTz now, const Moment &moment, Ties &judged) {
    if (!tie_holds(tie, now, moment, judged))
        refuse_token("session revoked");
    constexpr Subject subjects[] = {Subject::principal, Subject::session, Subject::grant,
                                    Subject::grant};
    judged.signals.push_back(signal_id(subjects[tie.what], bytes_of(tie.id)));
}

} // namespace

Ties judge_ties(const SessionRow &session, TimestampTz now, const Moment &moment) {
    Ties judged;
    for (int i = 0; i < session.tie_count; ++i)
        add_tie(session.ties[i], now, moment, judged);
    return judged;
}

} // namespace pg_principal
