// auth.jws_*, auth.jwt_* and their kin: unpack, one call into core/, pack.
#include "core/base/error.hpp"
#include "core/jose/jwt.hpp"
#include "pg/bridge/jsonb.hpp"
#include "pg/keys/key_argument.hpp"
#include "pg/settings.hpp"
#include "pg/bridge/time.hpp"

extern "C" {
#include "access/xact.h"
}

using namespace pg_principal;

namespace {

std::optional<Alg> alg_argument(FunctionCallInfo fcinfo, int n) {
    if (PG_ARGISNULL(n))
        return std::nullopt;
    return require_alg(text_argument(fcinfo, n));
}

// One for each backend, never destroyed: its buffers are reused from call to call.
template <class Scratch>
Scratch &reused() {
    static Scratch *const kept = new Scratch;
    return *kept;
}

} // namespace

SQL_FUNCTION(jws_sign) {
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
        PG_RETURN_NULL();
    const std::optional<Alg> alg = alg_argument(fcinfo, 2);
    return PointerGetDatum(to_text(jws_sign(bytes_argument(fcinfo, 0), key_argument(fcinfo, 1, alg),
                                            alg, {}, check_interrupts)));
}

SQL_FUNCTION(jws_verify) {
    const KeySet &keys = key_set_argument(fcinfo, 1);
    CompactJws &jws = reused<CompactJws>();
    if (jws.parse(bytes_argument(fcinfo, 0)) != TokenFault::none ||
        verify(jws, keys, nullptr, nullptr, check_interrupts) != TokenFault::none)
        PG_RETURN_NULL();
    return PointerGetDatum(to_bytes(jws.payload));
}

SQL_FUNCTION(jwt_sign) {
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
        PG_RETURN_NULL();
    // not jwt_sign(): jsonb is well-formed already
    if (!is_jsonb_object(fcinfo, 0))
        throw Error(Errc::claims_not_an_object);
    const std::optional<Alg> alg = alg_argument(fcinfo, 2);
    JwsHeader header;
    header.typ = "JWT";
    return PointerGetDatum(to_text(jws_sign(jsonb_argument(fcinfo, 0), key_argument(fcinfo, 1, alg),
                                            alg, header, check_interrupts)));
}

SQL_FUNCTION(jwt_verify) {
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
        PG_RETURN_NULL();
    ClaimRules rules;
    rules.time = {unix_microseconds(GetCurrentStatementStartTimestamp()), settings::clock_skew()};
    rules.audience = optional_text_argument(fcinfo, 2);
    rules.issuer = optional_text_argument(fcinfo, 3);
    TokenScratch &token = reused<TokenScratch>();
    const TokenFault fault = verify_token(bytes_argument(fcinfo, 0), key_set_argument(fcinfo, 1),
                                          rules, token, check_interrupts);
    if (fault != TokenFault::none)
        throw Error(Errc::token_refused, {}, token.describe(fault));
    return to_jsonb(token.claims(), token.payload());
}

SQL_FUNCTION(verify_signature) {
    const Alg alg = require_alg(text_argument(fcinfo, 0));
    return BoolGetDatum(verify_signature(alg, verifying_key_argument(fcinfo, 1, alg),
                                         bytes_argument(fcinfo, 2), bytes_argument(fcinfo, 3),
                                         check_interrupts));
}

SQL_FUNCTION(jwk_thumbprint) {
    return PointerGetDatum(to_text(thumbprint(key_argument(fcinfo, 0))));
}

SQL_FUNCTION(generate_jwk) {
    return to_jsonb(
        private_jwk(generate_key(require_alg(text_argument(fcinfo, 0)), check_interrupts)).view());
}

SQL_FUNCTION(public_jwk) { return to_jsonb(public_jwk(key_argument(fcinfo, 0))); }

SQL_FUNCTION(public_pem) { return PointerGetDatum(to_text(public_pem(key_argument(fcinfo, 0)))); }

SQL_FUNCTION(pem_to_jwk) {
    const Key key = parse_pem(text_argument(fcinfo, 0));
    return key.is_private() ? to_jsonb(private_jwk(key).view()) : to_jsonb(public_jwk(key));
}
