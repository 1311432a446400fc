// Refresh tokens, read and derived; what a token is worth SQL decides.
#include "core/base/bytes.hpp"
#include "core/crypto/crypto.hpp"
#include "core/base/error.hpp"
#include "core/principals/device_code.hpp"
#include "core/principals/refresh_token.hpp"
#include "pg/keys/keyring.hpp"
#include "pg/bridge/uuid.hpp"

using namespace pg_principal;

namespace {

Datum text_datum(std::string text) {
    const WipeOnExit guard(text);
    return PointerGetDatum(to_text(text));
}

} // namespace

// material, sealed_under
SQL_FUNCTION(make_server_key) {
    const Secret key(random_bytes(32));
    return material_record(fcinfo,
                           store_material(key.view(), KeyKind::server, refresh_token_key_name));
}

// secret, hash: for a program to keep. Its beginning is what scanners for leaked secrets look for.
SQL_FUNCTION(make_client_secret) {
    std::string random = random_bytes(32);
    const WipeOnExit guard_random(random);
    std::string secret = "pgps_";
    base64url_append(secret, random);
    const std::string hash = sha256(secret);
    Datum values[2] = {text_datum(std::move(secret)), PointerGetDatum(to_bytes(hash))};
    bool nulls[2] = {false, false};
    return record_result(fcinfo, values, nulls);
}

// device_code, hash, user_code, user_code_hash
SQL_FUNCTION(make_device_code) {
    std::string random = random_bytes(32);
    const WipeOnExit guard_random(random);
    std::string device_code = "pgpd_";
    base64url_append(device_code, random);
    std::string user_code = make_user_code([](std::size_t size) { return random_bytes(size); });
    const std::string hash = sha256(device_code), user_hash = sha256(*read_user_code(user_code));
    Datum values[4] = {text_datum(std::move(device_code)), PointerGetDatum(to_bytes(hash)),
                       text_datum(std::move(user_code)), PointerGetDatum(to_bytes(user_hash))};
    bool nulls[4] = {};
    return record_result(fcinfo, values, nulls);
}

SQL_FUNCTION(hash_user_code) {
    const std::optional<std::string> letters = read_user_code(bytes_argument(fcinfo, 0));
    if (!letters)
        PG_RETURN_NULL();
    return PointerGetDatum(to_bytes(sha256(*letters)));
}

// token, hash
SQL_FUNCTION(first_refresh_token) {
    const Uuid session_id = uuid_from(PG_GETARG_UUID_P(0)->data);
    std::string random = random_bytes(32);
    const WipeOnExit guard(random);
    const RefreshToken token = derive_first(refresh_token_key(), session_id, random);
    Datum values[2] = {text_datum(refresh_token_text(token)),
                       PointerGetDatum(to_bytes(refresh_token_hash(token)))};
    bool nulls[2] = {false, false};
    return record_result(fcinfo, values, nulls);
}

// fault, session_id, generation, hash, is_ours, successor, successor_hash: either the fault or the
// rest
SQL_FUNCTION(read_refresh_token) {
    RefreshToken token;
    RefreshTokenFault fault = PG_ARGISNULL(0)
                                  ? RefreshTokenFault::verification_failed
                                  : parse_refresh_token(bytes_argument(fcinfo, 0), token);
    std::string_view key;
    if (fault == RefreshTokenFault::none) {
        try {
            key = refresh_token_key();
        } catch (const Error &error) {
            if (error.code() != Errc::server_key_missing)
                throw;
            fault = RefreshTokenFault::verification_failed; // no token was ever made here
        }
    }
    Datum values[7] = {};
    bool nulls[7] = {true, true, true, true, true, true, true};
    if (fault != RefreshTokenFault::none) {
        values[0] = PointerGetDatum(to_text(refresh_fault_reason(fault)));
        nulls[0] = false;
        return record_result(fcinfo, values, nulls);
    }
    const bool is_ours = is_our_id(key, token);
    values[1] = uuid_datum(token.session_id.data());
    values[2] = Int32GetDatum(static_cast<int32>(generation_of(token)));
    values[3] = PointerGetDatum(to_bytes(refresh_token_hash(token)));
    values[4] = BoolGetDatum(is_ours);
    nulls[1] = nulls[2] = nulls[3] = nulls[4] = false;
    if (is_ours) {
        const RefreshToken successor = derive_successor(key, token);
        values[5] = text_datum(refresh_token_text(successor));
        values[6] = PointerGetDatum(to_bytes(refresh_token_hash(successor)));
        nulls[5] = nulls[6] = false;
    }
    return record_result(fcinfo, values, nulls);
}

// Not strict: nothing is equal to NULL, not even NULL.
SQL_FUNCTION(equal_secrets) {
    return BoolGetDatum(!PG_ARGISNULL(0) && !PG_ARGISNULL(1) &&
                        constant_time_equal(bytes_argument(fcinfo, 0), bytes_argument(fcinfo, 1)));
}
