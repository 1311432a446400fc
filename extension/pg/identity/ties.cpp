#include "pg/identity/ties.hpp"

#include "pg/bridge/uuid.hpp"
#include "pg/keys/keyring.hpp"
#include "pg/identity/verification.hpp"

namespace pg_principal {

namespace {

void add_tie(const Tie &tie, TimestampTz now, const Moment &moment, std::vector<SignalId> &signals);

// Whether an agent, a session, a grant or a credential is still what it was when the session began
// that hangs on it.
bool tie_holds(const Tie &tie, TimestampTz now, const Moment &moment,
               std::vector<SignalId> &signals) {
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
            signals.push_back(*key);
        }
        // all else that it hangs on, whoever hangs on it has, too
        for (int i = 0; i < session.tie_count; ++i)
            if (session.ties[i].what == Tie::credential)
                add_tie(session.ties[i], now, moment, signals);
        return true;
    }
    case Tie::grant:
        return grant_stands(tie.id, moment);
    case Tie::credential: {
        // who is no service account any more is no client; that changes signal the principal
        const PrincipalRow owner = read_principal(tie.owner, now, moment);
        return owner.found && std::string_view(owner.kind) == "service_account" &&
               credential_stands(tie.id, tie.owner, moment);
    }
    }
    return false;
}

void add_tie(const Tie &tie, TimestampTz now, const Moment &moment,
             std::vector<SignalId> &signals) {
    if (!tie_holds(tie, now, moment, signals))
        refuse_token("session revoked");
    constexpr Subject subjects[] = {Subject::principal, Subject::session, Subject::grant,
                                    Subject::grant};
    signals.push_back(signal_id(subjects[tie.what], bytes_of(tie.id)));
}

} // namespace

std::vector<SignalId> judge_ties(const SessionRow &session, TimestampTz now, const Moment &moment) {
    std::vector<SignalId> signals;
    for (int i = 0; i < session.tie_count; ++i)
        add_tie(session.ties[i], now, moment, signals);
    return signals;
}

} // namespace pg_principal
