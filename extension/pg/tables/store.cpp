#include "pg/tables/store.hpp"

#include "pg/tables/scan.hpp"

namespace pg_principal {

namespace {

SigningKeyRow head_of(const Row &row) {
    SigningKeyRow key{};
    key.found = true;
    row.copy_text("kid", key.kid);
    row.copy_text("state", key.state);
    key.sealed = !row.is_null("sealed_under");
    return key;
}

} // namespace

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
