// Who the caller is: the token verified, its session and principal alive. What was proved once is
// kept until it may no longer hold (revocation.hpp); expiry is checked at every use.
#pragma once

#include "pg/bridge/bridge.hpp"
#include "pg/tables/revocation.hpp"

extern "C" {
#include "utils/timestamp.h"
#include "utils/uuid.h"
}

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pg_principal {

// What the token itself says: proved by its signature, whatever the rows say.
struct Claims {
    std::string source; // the whole token
    std::string minted; // its claims as JSON, UTF-8
    std::string role;
    std::string scope; // space-separated
    std::string subject;
    std::string actor;                        // of a delegated token: the agent's id
    std::optional<std::string> claimed_email; // empty: not a text
    bool names_session = false;
    pg_uuid_t session_id{};
    TimestampTz expires_at = DT_NOEND; // clock skew included
    std::string kid;                   // of the key that signed it
    std::uint64_t key_edition = 0;
    SignalId key_signal = 0;
};

// What the rows of its session and principal say of it.
struct Standing {
    bool has_session = false;
    bool has_principal = false; // false: a project key
    pg_uuid_t uid{};
    std::string email, kind, app_role;
    std::string rewritten; // the claims, where they were minted with another email or a later end
    TimestampTz dies_at = 0;
    TimestampTz ties_end = DT_NOEND; // of a grant or secret that it was got by
    bool is_agent = false;
    std::vector<SignalId> ties; // what the changes of all else that it hangs on are signalled by
};

struct Identity : Claims, Standing {
    std::string_view payload() const noexcept { return rewritten.empty() ? minted : rewritten; }

    Since since; // when it was last judged
    // Nothing that it hangs on was signalled since.
    bool holds() const noexcept {
        return since.holds_for(key_signal) && since.holds_for(session_signal) &&
               since.holds_for(principal_signal) &&
               std::all_of(ties.begin(), ties.end(),
                           [this](SignalId tie) { return since.holds_for(tie); });
    }
    SignalId session_signal = 0, principal_signal = 0;
    mutable std::int64_t noted_day = 0; // when its use was last noted
};

// nullptr without a token. Throws Error(token_refused) with the reason as detail. Valid until the
// next call of this or of verify_identity().
const Identity *current_identity();
// The same, for the audit alone: also where it is withheld from triggers.
const Identity *bound_identity();
// What current_identity() last returned: only while identity_epoch has not changed since.
const Identity *known_identity() noexcept;
// True while it may change without identity_epoch telling: ask at every call.
bool identity_is_unwatched() noexcept;
const Identity &verify_identity(std::string_view token);

// For the postmaster, once. The server binds the libraries it is linked with lazily: what libstdc++
// calls of itself, each new connection would look up among some forty libraries at its first token.
void bind_early();

// Who else wants to know: that the bound token was just found alive; may throw.
extern void (*on_token_alive)(const Identity &);

} // namespace pg_principal
