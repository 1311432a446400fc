// New key material and its storage.
#include "core/base/error.hpp"
#include "core/jose/key_import.hpp"
#include "pg/bridge/jsonb.hpp"
#include "pg/keys/keyring.hpp"

using namespace pg_principal;

namespace {

constexpr std::size_t max_kid_bytes = 255; // as the table has it

// kid, key_alg, public_jwk, material, sealed_under
Datum key_record(FunctionCallInfo fcinfo, const Key &key) {
    const std::string_view alg = alg_name(key.default_alg());
    const Secret jwk = private_jwk(key);
    const StoredMaterial stored = store_material(jwk.view(), KeyKind::signing, key.kid());
    Datum values[5];
    bool nulls[5] = {false, false, key.is_symmetric(), false, stored.sealed_under.empty()};
    values[0] = PointerGetDatum(to_text(key.kid()));
    values[1] = PointerGetDatum(to_text(alg));
    values[2] = key.is_symmetric() ? 0 : to_jsonb(public_jwk(key));
    values[3] = PointerGetDatum(to_bytes(stored.bytes));
    values[4] = PointerGetDatum(to_text(stored.sealed_under));
    return record_result(fcinfo, values, nulls);
}

// material, sealed_under, and the name of the key: the first two as they are stored from now on
Datum resealed(FunctionCallInfo fcinfo, KeyKind kind) {
    if (PG_ARGISNULL(0) || PG_ARGISNULL(2))
        throw Error(Errc::key_malformed, {"it is NULL"});
    const std::string_view name = text_argument(fcinfo, 2);
    const Secret plain = open_material(bytes_argument(fcinfo, 0), !PG_ARGISNULL(1), kind, name);
    return material_record(fcinfo, store_material(plain.view(), kind, name));
}

} // namespace

SQL_FUNCTION(generate_key_material) {
    if (PG_ARGISNULL(0))
        (void)require_alg("NULL");
    return key_record(fcinfo,
                      generate_key(require_alg(text_argument(fcinfo, 0)), check_interrupts));
}

SQL_FUNCTION(read_key_material) {
    if (PG_ARGISNULL(0))
        throw Error(Errc::key_malformed, {"it is NULL"});
    Key key = import_key(text_argument(fcinfo, 0));
    const Alg alg = key.default_alg();
    if (const std::string_view why = key.refusal(alg, KeyOperation::sign); !why.empty())
        throw Error(Errc::key_refused, {why});
    key = key.with_alg(alg);
    if (key.kid().empty())
        key = key.with_kid(thumbprint(key));
    if (key.kid().size() > max_kid_bytes)
        throw Error(Errc::key_refused, {"its kid is longer than 255 bytes"});
    return key_record(fcinfo, key);
}

// 0.2.0's SQL calls it for server keys, too, with "server key NAME" for a kid.
SQL_FUNCTION(reseal_key_material) { return resealed(fcinfo, KeyKind::signing); }
SQL_FUNCTION(reseal_server_key) { return resealed(fcinfo, KeyKind::server); }
