#include "pg/identity/identity.hpp"

#include "pg/identity/identity_cache.hpp"
#include "pg/identity/verification.hpp"
#include "pg/settings.hpp"
#include "pg/memory/token_use.hpp"

extern "C" {
#include "utils/guc.h"
}

namespace pg_principal {

namespace {

struct Known {
    IdentityCache cache; // tokens only: what was believed of claims must never answer for a token
    std::uint64_t cache_epoch = 0;
    std::shared_ptr<const Identity> current;
    std::uint64_t current_epoch = 0;
};

Known &known() {
    static Known *const state = new Known; // never destroyed: a backend's exit runs none of ours
    return *state;
}

void check_alive(const Identity &identity) {
    const TimestampTz now = GetCurrentTimestamp();
    if (now >= identity.dies_at)
        refuse_token("expired");
    if (!identity.is_agent)
        return;
    const std::int64_t day = now / USECS_PER_DAY;
    if (day != identity.noted_day) {
        identity.noted_day = day;
        note_token_use(identity.session_id, now);
    }
}

std::shared_ptr<const Identity> identity_of(Known &state, std::string_view token) {
    for (;;) {
        if (state.cache_epoch != proof_epoch) {
            state.cache.clear();
            state.cache_epoch = proof_epoch;
        }
        if (auto hit = state.cache.find(token)) {
            check_alive(*hit);
            return hit;
        }
        find_marker();
        const std::uint64_t epoch = proof_epoch;
        auto identity = std::make_shared<Identity>(prove_token(token));
        if (epoch == proof_epoch) {
            note_own_transaction();
            check_alive(*identity);
            state.cache.insert(identity);
            return identity;
        }
        // what was signalled meanwhile may concern what had been read by then: prove again
        guard([] { CHECK_FOR_INTERRUPTS(); });
    }
}

} // namespace

const Identity *current_identity() {
    Known &state = known();
    accept_revocations();
    const std::string_view token = settings::token();
    if (identity_is_unwatched()) {
        const char *claims =
            guard([] { return GetConfigOption("request.jwt.claims", true, false); });
        state.current_epoch = 0;
        state.current.reset();
        if (claims != nullptr && *claims != '\0')
            state.current = std::make_shared<Identity>(prove_claims(to_utf8(claims)));
    } else if (state.current_epoch == identity_epoch) {
        if (state.current)
            check_alive(*state.current);
    } else {
        state.current_epoch = 0;
        state.current = token.empty() ? nullptr : identity_of(state, token);
        state.current_epoch = identity_epoch;
    }
    return state.current.get();
}

const Identity *known_identity() noexcept { return known().current.get(); }

// request.jwt.claims is not our setting, so nothing tells when it changes.
bool identity_is_unwatched() noexcept {
    return settings::token().empty() && settings::trust_request_claims();
}

const Identity &verify_identity(std::string_view token) {
    Known &state = known();
    accept_revocations();
    state.current_epoch = 0; // what is bound is looked up again
    forget_binding();
    state.current = identity_of(state, token);
    return *state.current;
}

} // namespace pg_principal
