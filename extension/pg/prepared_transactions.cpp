#include "pg/prepared_transactions.hpp"

#include "core/base/error.hpp"
#include "pg/bridge/bridge.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/namespace.h"
#include "replication/logicalworker.h"
#include "storage/lock.h"
#include "utils/lsyscache.h"
}

namespace pg_principal {

namespace {

// What a transaction of somebody else could wait for.
constexpr const char *tables[] = {
    "users",          "sessions",     "refresh_tokens",      "audit_heads",  "sign_in_attempts",
    "metrics",        "signing_keys", "server_keys",         "audit_seals",  "incidents",
    "login_roles",    "clients",      "organization_people", "client_keys",  "client_secrets",
    "issuer_rules",   "delegations",  "trusted_issuers",     "device_codes", "public_clients",
    "used_assertions"};

bool is_held(const LOCKTAG *tag) {
    for (LOCKMODE mode = RowShareLock; mode <= AccessExclusiveLock; ++mode)
#if PG_VERSION_NUM >= 170000
        if (LockHeldByMe(tag, mode, false))
#else
        if (LockHeldByMe(tag, mode))
#endif
            return true;
    return false;
}

bool accounts_are_held() {
    const Oid schema = get_namespace_oid("auth", true);
    if (!OidIsValid(schema))
        return false;
    for (const char *name : tables) {
        const Oid relation = get_relname_relid(name, schema);
        LOCKTAG tag;
        SET_LOCKTAG_RELATION(tag, MyDatabaseId, relation);
        if (OidIsValid(relation) && is_held(&tag))
            return true;
    }
    return false;
}

Datum refuse_when_held(FunctionCallInfo) {
    if (guard([] { return accounts_are_held(); }))
        throw Error(Errc::transaction_not_preparable);
    return 0;
}

// A superuser is trusted with it, and an apply worker only repeats what was permitted elsewhere.
void refuse_held_accounts(XactEvent event, void *) {
    if (event == XACT_EVENT_PRE_PREPARE && !superuser_arg(GetSessionUserId()) && !IsLogicalWorker())
        call_sql_function(refuse_when_held, nullptr);
}

} // namespace

void refuse_prepared_transactions() { RegisterXactCallback(refuse_held_accounts, nullptr); }

} // namespace pg_principal
