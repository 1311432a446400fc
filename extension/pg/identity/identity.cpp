#include "pg/identity/identity.hpp"

#include <cstdint>

#include "core/base/error.hpp"
#include "pg/identity/identity_cache.hpp"
#include "pg/identity/verification.hpp"
#include "pg/settings.hpp"
#include "pg/memory/token_use.hpp"

extern "C" {
#include "access/parallel.h"
#include "utils/guc.h"
}

namespace pg_principal {

void (*on_token_alive)(const Identity &) = nullptr;

namespace {

struct Known {
    IdentityCache cache; // tokens only: what was believed of claims must never answer for a token
    std::uint64_t cache_epoch = 0; // everything_epoch
    std::shared_ptr<const Identity> current;
    std::uint64_t current_epoch = 0;   // identity_epoch
    std::uint64_t current_binding = 0; // binding_epoch
};

Known &known() {
    static Known *const state = new Known; // never destroyed: a backend's exit runs none of ours
    return *state;
}

void check_alive(const Identity &identity) {
    const TimestampTz now = GetCurrentTimestamp();
    if (now >= identity.dies_at || now >= identity.ties_end)
        refuse_token("expired");
    if (!identity.is_agent)
        return;
    const std::int64_t day = now / USECS_PER_DAY;
    if (day != identity.noted_day) {
        identity.noted_day = day;
        note_token_use(identity.session_id, now);
    }
}

// Proves what is not known, and judges what is known by rows that may have changed. Signature and
// claims stay proved while their key stands.
std::shared_ptr<Identity> proved(std::shared_ptr<Identity> identity, std::string_view token) {
    const Since since = Since::now();
    if (identity && !key_stands(*identity))
        identity.reset();
    if (!identity) {
        identity = std::make_shared<Identity>();
        static_cast<Claims &>(*identity) = prove_token(token);
        tie(*identity);
    }
    static_cast<Standing &>(*identity) = judge(*identity);
    identity->since = since;
    return identity;
}

std::shared_ptr<const Identity> identity_of(Known &state, std::string_view token) {
    for (;;) {
        if (state.cache_epoch != everything_epoch) {
            state.cache.clear();
            state.cache_epoch = everything_epoch;
        }
        auto identity = state.cache.find(token);
        if (!identity || !identity->holds()) {
            state.cache.erase(token); // it comes back alive or not at all
            identity = proved(std::move(identity), token);
            if (state.cache_epoch == everything_epoch)
                state.cache.insert(identity);
        }
        if (identity->holds()) {
            check_alive(*identity);
            return identity;
        }
        // what was signalled meanwhile may concern what had been read by then
        guard([] { CHECK_FOR_INTERRUPTS(); });
    }
}

bool claims_are_believed() noexcept {
    return settings::token().empty() && settings::trust_request_claims();
}

} // namespace

const Identity *current_identity() {
    if (!settings::identity_is_withheld())
        return bound_identity();
    // it may work for a trigger or for a query: to the latter, nobody would be a wrong answer
    if (IsParallelWorker())
        throw Error(Errc::identity_withheld);
    known().current_epoch = known().current_binding = 0;
    return nullptr;
}

const Identity *bound_identity() {
    Known &state = known();
    accept_revocations();
    const std::string_view token = settings::token();
    if (claims_are_believed()) {
        const char *claims =
            guard([] { return GetConfigOption("request.jwt.claims", true, false); });
        state.current_epoch = state.current_binding = 0;
        state.current.reset();
        if (claims != nullptr && *claims != '\0')
            state.current = std::make_shared<Identity>(prove_claims(to_utf8(claims)));
    } else if (state.current_epoch == identity_epoch ||
               (state.current_binding == binding_epoch &&
                (!state.current || state.current->holds()))) {
        if (state.current)
            check_alive(*state.current);
        state.current_epoch = identity_epoch;
    } else {
        state.current_epoch = state.current_binding = 0;
        state.current = token.empty() ? nullptr : identity_of(state, token);
        if (state.current && on_token_alive != nullptr)
            on_token_alive(*state.current);
        state.current_epoch = identity_epoch;
        state.current_binding = binding_epoch;
    }
    return state.current.get();
}

const Identity *known_identity() noexcept { return known().current.get(); }

void bind_early() {
    auto sample = std::make_shared<Identity>();
    sample->role = sample->source = "sample";
    IdentityCache cache;
    cache.insert(sample);
    [[maybe_unused]] const volatile bool used =
        sample->role == sample->source.c_str() && cache.find(sample->source) == sample;
}

// request.jwt.claims is not our setting, so nothing tells when it changes; nor where a trigger begins.
bool identity_is_unwatched() noexcept {
    return claims_are_believed() || settings::withholds_identity();
}

const Identity &verify_identity(std::string_view token) {
    Known &state = known();
    accept_revocations();
    state.current_epoch = state.current_binding = 0; // what is bound is looked up again
    forget_binding();
    state.current = identity_of(state, token);
    return *state.current;
}

} // namespace pg_principal
