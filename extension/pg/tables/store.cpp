#include "pg/tables/store.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "storage/bufmgr.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
}

#include <cstring>

namespace pg_principal {

namespace {

// Everything below runs inside guard(): no destructors, no exceptions.

Oid relation_named(const char *name) {
    const Oid schema = get_namespace_oid("auth", true);
    return OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
}

Oid existing_relation(const char *name) {
    const Oid oid = relation_named(name);
    if (!OidIsValid(oid))
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation auth.%s is missing", name),
                 errhint("CREATE EXTENSION pg_principal.")));
    return oid;
}

AttrNumber column(Relation relation, const char *name) {
    const TupleDesc desc = RelationGetDescr(relation);
    for (int i = 0; i < desc->natts; ++i) {
        const Form_pg_attribute attribute = TupleDescAttr(desc, i);
        if (!attribute->attisdropped && std::strcmp(NameStr(attribute->attname), name) == 0)
            return attribute->attnum;
    }
    ereport(ERROR,
            (errcode(ERRCODE_UNDEFINED_COLUMN),
             errmsg("column %s of auth.%s is missing", name, RelationGetRelationName(relation))));
    pg_unreachable();
}

struct Row {
    Relation relation;
    HeapTuple tuple;

    Datum get(const char *name, bool *isnull) const {
        return heap_getattr(tuple, column(relation, name), RelationGetDescr(relation), isnull);
    }
    bool is_null(const char *name) const {
        bool isnull;
        (void)get(name, &isnull);
        return isnull;
    }
    Datum get(const char *name) const {
        bool isnull;
        const Datum value = get(name, &isnull);
        if (isnull)
            ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
                            errmsg("auth.%s.%s is null", RelationGetRelationName(relation), name)));
        return value;
    }
    template <std::size_t Size>
    void copy_text_or_empty(const char *name, char (&to)[Size]) const {
        to[0] = '\0';
        if (!is_null(name))
            copy_text(name, to);
    }
    template <std::size_t Size>
    void copy_text(const char *name, char (&to)[Size]) const {
        const text *value = DatumGetTextPP(get(name));
        const std::size_t length = VARSIZE_ANY_EXHDR(value);
        if (length >= Size)
            ereport(ERROR,
                    (errcode(ERRCODE_DATA_CORRUPTED),
                     errmsg("auth.%s.%s is too long", RelationGetRelationName(relation), name)));
        std::memcpy(to, VARDATA_ANY(value), length);
        to[length] = '\0';
    }
};

// The index that makes one column unique; InvalidOid (a sequential scan) where there is none.
Oid unique_index_on(Relation relation, AttrNumber attribute) {
    List *indexes = RelationGetIndexList(relation);
    Oid found = InvalidOid;
    ListCell *cell;
    foreach (cell, indexes) {
        Relation index = index_open(lfirst_oid(cell), AccessShareLock);
        const Form_pg_index form = index->rd_index;
        if (form->indisunique && form->indisvalid && form->indnkeyatts == 1 &&
            form->indkey.values[0] == attribute && RelationGetIndexPredicate(index) == NIL)
            found = RelationGetRelid(index);
        index_close(index, AccessShareLock);
        if (OidIsValid(found))
            break;
    }
    list_free(indexes);
    return found;
}

// A few keys, read once by a connection: looking at each costs less than opening an index.
enum class Rows { few, many };

// Visits the rows whose `key_column` equals `key`, or all of them without a key. A NULL snapshot
// makes the scan take a new one: the transaction's own would miss a ban in REPEATABLE READ, and
// GetLatestSnapshot refuses in parallel mode.
template <class Visit>
void scan(const char *table, const char *key_column, RegProcedure equals, Datum key, Visit visit,
          Rows rows_are = Rows::many) {
    Relation relation = table_open(existing_relation(table), AccessShareLock);
    ScanKeyData scan_key;
    Oid index = InvalidOid;
    if (key_column != nullptr) {
        const AttrNumber attribute = column(relation, key_column);
        if (rows_are == Rows::many || RelationGetNumberOfBlocks(relation) > 8)
            index = unique_index_on(relation, attribute);
        ScanKeyInit(&scan_key, attribute, BTEqualStrategyNumber, equals, key);
        scan_key.sk_collation = equals == F_TEXTEQ ? DEFAULT_COLLATION_OID : InvalidOid;
    }
    SysScanDesc rows = systable_beginscan(relation, index, OidIsValid(index), nullptr,
                                          key_column != nullptr ? 1 : 0, &scan_key);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(rows)))
        visit(Row{relation, tuple});
    systable_endscan(rows);
    table_close(relation, AccessShareLock);
}

PrincipalRow principal_where(const char *key_column, RegProcedure equals, Datum key,
                             TimestampTz now) {
    PrincipalRow result{};
    scan("users", key_column, equals, key, [&result, now](const Row &row) {
        result.found = true;
        result.id = *DatumGetUUIDP(row.get("id"));
        bool isnull;
        const Datum banned_until = row.get("banned_until", &isnull);
        result.banned = !isnull && DatumGetTimestampTz(banned_until) > now;
        result.generation = DatumGetInt32(row.get("session_generation"));
        row.copy_text("email", result.email);
        row.copy_text("kind", result.kind);
        row.copy_text("app_role", result.app_role);
    });
    return result;
}

SigningKeyRow head_of(const Row &row) {
    SigningKeyRow key{};
    key.found = true;
    row.copy_text("kid", key.kid);
    row.copy_text("state", key.state);
    key.sealed = !row.is_null("sealed_under");
    return key;
}

} // namespace

SessionRow read_session(const pg_uuid_t &id) {
    const pg_uuid_t *key = &id;
    return guard([key] {
        SessionRow result{};
        scan("sessions", "id", F_UUID_EQ, UUIDPGetDatum(key), [&result](const Row &row) {
            result.found = true;
            result.revoked = !row.is_null("revoked_at");
            bool isnull;
            const Datum user_id = row.get("user_id", &isnull);
            result.has_user = !isnull;
            if (!isnull)
                result.user_id = *DatumGetUUIDP(user_id);
            result.generation = DatumGetInt32(row.get("generation"));
            result.expires_at = DatumGetTimestampTz(row.get("expires_at"));
            row.copy_text("role", result.role);
            char origin[16];
            row.copy_text("origin", origin);
            result.adopted = std::strcmp(origin, "adopted") == 0;
        });
        return result;
    });
}

PrincipalRow read_principal(const pg_uuid_t &id, TimestampTz now) {
    const pg_uuid_t *key = &id;
    return guard([key, now] { return principal_where("id", F_UUID_EQ, UUIDPGetDatum(key), now); });
}

PrincipalRow read_principal(std::string_view email, TimestampTz now) {
    text *key = to_bytes(email);
    return guard([key, now] {
        const PrincipalRow row = principal_where("email", F_TEXTEQ, PointerGetDatum(key), now);
        pfree(key);
        return row;
    });
}

SigningKeyRow read_signing_key(std::string_view kid) {
    text *key = to_bytes(kid);
    return guard([key] {
        SigningKeyRow result{};
        scan(
            "signing_keys", "kid", F_TEXTEQ, PointerGetDatum(key),
            [&result](const Row &row) {
                result = head_of(row);
                result.material = DatumGetByteaPCopy(row.get("material"));
            },
            Rows::few);
        pfree(key);
        return result;
    });
}

void read_signing_keys(void (*visit)(const SigningKeyRow &, void *), void *argument) {
    guard([visit, argument] {
        scan("signing_keys", nullptr, 0, 0,
             [visit, argument](const Row &row) { visit(head_of(row), argument); });
    });
}

void read_login_roles(void (*visit)(const LoginRoleRow &, void *), void *argument) {
    guard([visit, argument] {
        scan("login_roles", nullptr, 0, 0, [visit, argument](const Row &row) {
            LoginRoleRow granted{};
            row.copy_text("database_role", granted.database_role);
            row.copy_text_or_empty("kind", granted.kind);
            row.copy_text_or_empty("app_role", granted.app_role);
            bool isnull;
            const Datum user_id = row.get("user_id", &isnull);
            granted.has_user = !isnull;
            if (!isnull)
                granted.user_id = *DatumGetUUIDP(user_id);
            visit(granted, argument);
        });
    });
}

ServerKeyRow read_server_key(const char *name) {
    return guard([name] {
        ServerKeyRow result{};
        const Datum key = PointerGetDatum(cstring_to_text(name));
        scan("server_keys", "name", F_TEXTEQ, key, [&result](const Row &row) {
            result.found = true;
            result.sealed = !row.is_null("sealed_under");
            result.material = DatumGetByteaPCopy(row.get("material"));
        });
        return result;
    });
}

text *read_password_hash(const pg_uuid_t &id) {
    const pg_uuid_t *key = &id;
    return guard([key] {
        text *result = nullptr;
        scan("password_hashes", "user_id", F_UUID_EQ, UUIDPGetDatum(key),
             [&result](const Row &row) { result = DatumGetTextPCopy(row.get("hash")); });
        return result;
    });
}

Oid revocation_marker() {
    return guard([] { return relation_named("revocation_marker"); });
}

} // namespace pg_principal
