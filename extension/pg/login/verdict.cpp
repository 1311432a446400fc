#include "pg/login/verdict.hpp"

#include <algorithm>

#include "pg/identity/verification.hpp"
#include "pg/tables/store.hpp"
#include "pg/bridge/time.hpp"
#include "pg/settings.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/relcache.h"
#include "utils/syscache.h"
}

#include <cstring>

namespace pg_principal::login {

namespace {

// Whoever may create tables could make a schema auth of their own in a database without the
// extension, and in it a principal for each role of the cluster.
bool tables_are_ours() {
    return guard([] {
        const Oid extension = get_extension_oid("pg_principal", true);
        const Oid schema = get_namespace_oid("auth", true);
        if (!OidIsValid(extension) || !OidIsValid(schema))
            return false;
        for (const char *name : {"login_roles", "users", "sessions", "signing_keys"}) {
            const Oid table = get_relname_relid(name, schema);
            if (!OidIsValid(table) || getExtensionOfObject(RelationRelationId, table) != extension)
                return false;
        }
        return true;
    });
}

// A superuser or a role that may replicate reads past every policy: no token is worth that.
bool is_too_powerful(const FormData_pg_authid *role) noexcept {
    return role->rolsuper || role->rolreplication;
}

struct Wanted {
    const char *role;
    const Identity *identity;
    bool granted;
};

bool matches(const LoginRoleRow &row, const Wanted &wanted) noexcept {
    const Identity &identity = *wanted.identity;
    return std::strcmp(row.database_role, wanted.role) == 0 &&
           (row.has_user || row.kind[0] != '\0' || row.app_role[0] != '\0') &&
           (!row.has_user || std::memcmp(row.user_id.data, identity.uid.data, UUID_LEN) == 0) &&
           (row.kind[0] == '\0' || identity.kind == row.kind) &&
           (row.app_role[0] == '\0' || identity.app_role == row.app_role);
}

} // namespace

const Identity &admit_bound(std::string_view token) {
    if (!tables_are_ours())
        refuse_token("no extension");
    const Identity &identity = verify_identity(token);
    if (!identity.has_principal)
        refuse_token("no principal");
    return identity;
}

const Identity &admit(std::string_view token, Oid role) {
    const Identity &identity = admit_bound(token);
    Wanted wanted{nullptr, &identity, false};
    bool too_powerful = true;
    guard([role, &wanted, &too_powerful] {
        const HeapTuple tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
        if (!HeapTupleIsValid(tuple))
            return;
        const auto *form = reinterpret_cast<FormData_pg_authid *>(GETSTRUCT(tuple));
        too_powerful = is_too_powerful(form);
        wanted.role = pstrdup(NameStr(form->rolname));
        ReleaseSysCache(tuple);
    });
    if (wanted.role == nullptr)
        refuse_token("unknown role");
    if (too_powerful)
        refuse_token("role too powerful");
    read_login_roles(
        [](const LoginRoleRow &row, void *argument) {
            auto *seen = static_cast<Wanted *>(argument);
            seen->granted = seen->granted || matches(row, *seen);
        },
        &wanted);
    if (!wanted.granted)
        refuse_token("role not granted");
    return identity;
}

Owner owner_of(const Identity &identity) noexcept {
    Owner owner{};
    owner.has_session = identity.has_session;
    owner.session_id = identity.session_id;
    owner.uid = identity.uid;
    owner.expires_at =
        TIMESTAMP_IS_NOEND(identity.dies_at)
            ? identity.dies_at
            : std::min(identity.ties_end, identity.dies_at - settings::clock_skew() * us_per_s);
    if (identity.email.size() < sizeof owner.email) // a part of one could be another's
        std::memcpy(owner.email, identity.email.data(), identity.email.size());
    return owner;
}

const char *reason_of(int sqlstate) noexcept {
    switch (sqlstate) {
    case ERRCODE_UNDEFINED_TABLE:
    case ERRCODE_UNDEFINED_COLUMN:
    case ERRCODE_UNDEFINED_SCHEMA:
        return "no extension";
    default:
        return "";
    }
}

RoleFacts find_role(const char *name) {
    return guard([name] {
        RoleFacts facts{InvalidOid, true};
        const HeapTuple tuple = SearchSysCache1(AUTHNAME, CStringGetDatum(name));
        if (HeapTupleIsValid(tuple)) {
            const auto *form = reinterpret_cast<FormData_pg_authid *>(GETSTRUCT(tuple));
            facts = {form->oid, is_too_powerful(form)};
            ReleaseSysCache(tuple);
        }
        return facts;
    });
}

// There is no database yet, hence no cache of databases: as the server itself looks for it.
Oid find_database(const char *name) {
    return guard([name] {
        Oid found = InvalidOid;
        ScanKeyData key;
        ScanKeyInit(&key, Anum_pg_database_datname, BTEqualStrategyNumber, F_NAMEEQ,
                    CStringGetDatum(name));
        Relation databases = table_open(DatabaseRelationId, AccessShareLock);
        SysScanDesc scan = systable_beginscan(databases, DatabaseNameIndexId,
                                              criticalSharedRelcachesBuilt, nullptr, 1, &key);
        const HeapTuple tuple = systable_getnext(scan);
        if (HeapTupleIsValid(tuple)) {
            const auto *form = reinterpret_cast<FormData_pg_database *>(GETSTRUCT(tuple));
            if (form->datallowconn)
                found = form->oid;
        }
        systable_endscan(scan);
        table_close(databases, AccessShareLock);
        return found;
    });
}

} // namespace pg_principal::login
