// The validator of pg_hba.conf's method oauth, PostgreSQL 18 and later: a bearer token in place of
// a password, judged as at the PAM door.
#include "pg/login/door.hpp"

#if __has_include(<libpq/oauth.h>)

#undef ENABLE_GSS

extern "C" {
#include "libpq/oauth.h"
}

namespace pg_principal::login {

namespace {

// An error raised here would reach a client that nobody has authenticated: there is none.
bool validate(const ValidatorModuleState *, const char *token, const char *role,
              ValidatorModuleResult *result) {
    result->authorized = false;
    result->authn_id = nullptr;
    if (!open_door(Door::oauth, role, token)) {
#if PG_VERSION_NUM >= 190000
        result->error_detail = const_cast<char *>(refusal()); // of the FATAL line in the log
#endif
        return true;
    }
    try {
        const Slot slot = own_slot();
        // what pg_ident.conf maps, where the line in pg_hba.conf names a map
        result->authn_id = guard([&slot] { return pstrdup(slot.owner.email); });
        result->authorized = true;
    } catch (...) {
        end_admission();
        forget_own_slot();
    }
    return true;
}

const OAuthValidatorCallbacks callbacks = {PG_OAUTH_VALIDATOR_MAGIC, nullptr, nullptr, validate};

} // namespace

} // namespace pg_principal::login

extern "C" {
PG_PRINCIPAL_EXPORT const OAuthValidatorCallbacks *_PG_oauth_validator_module_init(void);
const OAuthValidatorCallbacks *_PG_oauth_validator_module_init(void) {
    return &pg_principal::login::callbacks;
}
}

#endif
