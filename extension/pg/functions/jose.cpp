// auth.jws_*, auth.jwt_* and their kin: unpack, one call into core/, pack.
#include "core/base/error.hpp"
#include "core/jose/foreign_token.hpp"
#include "pg/bridge/jsonb.hpp"
#include "pg/keys/key_argument.hpp"
#include "pg/settings.hpp"
#include "pg/bridge/time.hpp"

extern "C" {
#include "access/xact.h"
#include "funcapi.h"
#include "utils/tuplestore.h"
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
    const auto claims = if_storable([&] { return to_jsonb(token.claims(), token.payload()); });
    if (!claims)
        throw Error(Errc::token_refused, {}, token.describe(TokenFault::value_not_storable));
    return *claims;
}

// claims, kid, refusal
SQL_FUNCTION(verify_foreign_token) {
    if (PG_ARGISNULL(2))
        throw Error(Errc::token_rules_malformed, {"they are missing"});
    const json::Document document(jsonb_argument(fcinfo, 2));
    ForeignRules rules = read_foreign_rules(document.root());
    rules.time = {unix_microseconds(GetCurrentTimestamp()), settings::clock_skew()};
    TokenScratch &token = reused<TokenScratch>();
    static const KeySet none; // of an issuer whose keys are not known yet
    TokenFault fault = verify_foreign_token(
        PG_ARGISNULL(0) ? std::string_view() : bytes_argument(fcinfo, 0),
        PG_ARGISNULL(1) ? none : key_set_argument(fcinfo, 1), rules, token, check_interrupts);
    Datum values[3] = {};
    bool nulls[3] = {true, true, true};
    std::optional<Datum> claims;
    if (fault == TokenFault::none) {
        claims = if_storable([&] { return to_jsonb(token.claims(), token.payload()); });
        fault = claims ? fault : TokenFault::value_not_storable;
    }
    if (claims) {
        values[0] = *claims;
        nulls[0] = false;
    } else {
        const std::string told = token.describe(fault);
        values[2] = if_storable([&] {
                        return PointerGetDatum(to_text(told));
                    }).value_or(PointerGetDatum(to_text(describe(fault))));
        nulls[2] = false;
    }
    // what could not be taken apart has left the kid of another token behind
    if (!is_malformed(fault) && fault != TokenFault::too_long && token.jws().kid) {
        const auto kid = if_storable([&] { return PointerGetDatum(to_text(*token.jws().kid)); });
        values[1] = kid.value_or(0);
        nulls[1] = !kid;
    }
    return record_result(fcinfo, values, nulls);
}

// index, kid, problem
SQL_FUNCTION(jwks_problems) {
    const KeySet &keys = key_set_argument(fcinfo, 0);
    guard([fcinfo] { InitMaterializedSRF(fcinfo, 0); });
    auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    for (std::size_t i = 0; i < keys.size(); ++i) {
        check_interrupts();
        const std::string problem = keys.problem(i, check_interrupts);
        if (problem.empty())
            continue;
        const std::string_view kid = keys.kid(i);
        Datum values[3] = {Int32GetDatum(static_cast<int>(i)), PointerGetDatum(to_text(kid)),
                           PointerGetDatum(to_text(problem))};
        bool nulls[3] = {false, kid.empty(), false};
        Datum *row = values;
        bool *is_null = nulls;
        guard([result, row, is_null] {
            tuplestore_putvalues(result->setResult, result->setDesc, row, is_null);
        });
    }
    return 0;
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

// Those that tokens of others may be signed with: all of the table but the symmetric ones.
SQL_FUNCTION(signature_algorithms) {
    std::string names;
    for (std::size_t i = 0; i < alg_count; ++i) {
        const auto alg = static_cast<Alg>(i);
        if (alg_kty(alg) != Kty::oct && (alg_kty(alg) != Kty::AKP || has_ml_dsa()))
            names += (names.empty() ? "[\"" : ",\"") + std::string(alg_name(alg)) + '"';
    }
    return to_jsonb(names + ']');
}
