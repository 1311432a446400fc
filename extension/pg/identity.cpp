#include "pg/identity.hpp"

#include "core/error.hpp"
#include "pg/identity_cache.hpp"
#include "pg/keyring.hpp"
#include "pg/proof.hpp"
#include "pg/settings.hpp"
#include "pg/store.hpp"

extern "C" {
#include "access/xact.h"
#include "utils/guc.h"
#include "utils/inval.h"
}

namespace pg_principal {

std::uint64_t identity_epoch = 1;

namespace {

// Set in callbacks, where nothing may be freed or fail; obeyed in obey_signals().
bool everything_stale = false;
bool any_tentative = false;
Oid marker = InvalidOid; // known while anything is cached

struct Known {
    IdentityCache cache;
    std::shared_ptr<const Identity> current;
    std::uint64_t current_epoch = 0;
};

Known &known() {
    static Known *const state = new Known; // never destroyed
    return *state;
}

void on_relcache_invalidation(Datum, Oid relation) {
    if (relation == marker || !OidIsValid(relation))
        forget_identities();
}

// What an aborted (or prepared, so not yet committed) transaction had seen of itself is no proof.
void on_transaction_end(bool committed) {
    if (any_tentative && !committed)
        forget_identities();
    any_tentative = false;
}

void on_transaction(XactEvent event, void *) {
    switch (event) {
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_PARALLEL_COMMIT:
        on_transaction_end(true);
        break;
    case XACT_EVENT_ABORT:
    case XACT_EVENT_PARALLEL_ABORT:
    case XACT_EVENT_PREPARE:
        on_transaction_end(false);
        break;
    default:
        break;
    }
}

void on_subtransaction(SubXactEvent event, SubTransactionId, SubTransactionId, void *) {
    if (event == SUBXACT_EVENT_ABORT_SUB && any_tentative)
        forget_identities();
}

void obey_signals(Known &state) {
    if (!everything_stale)
        return;
    everything_stale = false;
    state.cache.clear();
    state.current.reset();
    forget_keys();
}

void check_alive(const Identity &identity) {
    if (GetCurrentTimestamp() >= identity.dies_at)
        refuse_token("expired");
}

// The cache holds tokens only: what was believed of claims must never answer for a token.
std::shared_ptr<const Identity> identity_of_token(Known &state, std::string_view token) {
    if (auto hit = state.cache.find(token)) {
        check_alive(*hit);
        return hit;
    }
    // A signal that arrives meanwhile may concern what was read before it: prove again.
    for (;;) {
        obey_signals(state);
        marker = revocation_marker();
        const std::uint64_t epoch = identity_epoch;
        auto identity = std::make_shared<Identity>(prove_token(token));
        if (epoch != identity_epoch) {
            guard([] { CHECK_FOR_INTERRUPTS(); });
            continue;
        }
        // it may rest on rows that this transaction wrote and may yet roll back
        any_tentative = any_tentative || TransactionIdIsValid(GetTopTransactionIdIfAny());
        state.cache.insert(identity);
        return identity;
    }
}

void accept_signals(Known &state) {
    guard([] { AcceptInvalidationMessages(); });
    obey_signals(state);
}

} // namespace

void identity_changed() noexcept { ++identity_epoch; }

void forget_identities() noexcept {
    ++identity_epoch;
    everything_stale = true;
}

void watch_revocations() {
    CacheRegisterRelcacheCallback(on_relcache_invalidation, 0);
    RegisterXactCallback(on_transaction, nullptr);
    RegisterSubXactCallback(on_subtransaction, nullptr);
}

const Identity *current_identity() {
    Known &state = known();
    accept_signals(state);
    const std::string_view token = settings::token();
    if (token.empty() && settings::trust_request_claims()) {
        // not our setting, so nothing tells when it changes
        const char *claims = guard([] { return GetConfigOption("request.jwt.claims", true, false); });
        state.current_epoch = 0;
        state.current.reset();
        if (claims != nullptr && *claims != '\0')
            state.current = std::make_shared<Identity>(prove_claims(claims));
        return state.current.get();
    }
    if (state.current_epoch != identity_epoch) {
        state.current.reset();
        if (!token.empty())
            state.current = identity_of_token(state, token);
        state.current_epoch = identity_epoch;
    } else if (state.current) {
        check_alive(*state.current);
    }
    return state.current.get();
}

const Identity *known_identity() noexcept { return known().current.get(); }

const Identity &verify_identity(std::string_view token) {
    Known &state = known();
    accept_signals(state);
    state.current_epoch = 0; // what is bound is looked up again
    state.current = identity_of_token(state, token);
    return *state.current;
}

} // namespace pg_principal
