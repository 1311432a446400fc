// Tokens of others: what they say, and whether a key of a set has signed them.
#include "core/base/bytes.hpp"
#include "core/base/error.hpp"
#include "core/jose/jwt.hpp"
#include "pg/bridge/jsonb.hpp"
#include "pg/bridge/time.hpp"
#include "pg/keys/key_argument.hpp"
#include "pg/settings.hpp"

using namespace pg_principal;

namespace {

// One for each backend, never destroyed: its buffers are reused from call to call.
TokenScratch &scratch() {
    static auto *const kept = new TokenScratch;
    return *kept;
}

// fault, header, claims, signer: either the fault alone or the rest.
Datum outcome(FunctionCallInfo fcinfo, std::string_view fault, const CompactJws *jws,
              const std::string &signer) {
    Datum values[4] = {};
    bool nulls[4] = {true, true, true, true};
    std::optional<Datum> header, payload;
    if (jws != nullptr) {
        header = if_storable([&] { return to_jsonb(jws->header); });
        payload = if_storable([&] { return to_jsonb(jws->payload); });
        fault = describe(TokenFault::value_not_storable);
    }
    if (!header || !payload) {
        values[0] = if_storable([&] {
                        return PointerGetDatum(to_text(fault));
                    }).value_or(PointerGetDatum(to_text(describe(TokenFault::malformed))));
        nulls[0] = false;
        return record_result(fcinfo, values, nulls);
    }
    values[1] = *header;
    values[2] = *payload;
    nulls[1] = nulls[2] = false;
    if (!signer.empty()) {
        values[3] = PointerGetDatum(to_text(signer));
        nulls[3] = false;
    }
    return record_result(fcinfo, values, nulls);
}

} // namespace

// Verified by a key of the set, alive now, and with an end.
SQL_FUNCTION(read_assertion) {
    ClaimRules rules;
    rules.time = {unix_microseconds(GetCurrentTimestamp()), settings::clock_skew()};
    rules.require_expiry = true;
    TokenScratch &token = scratch();
    const TokenFault fault = verify_token(bytes_argument(fcinfo, 0), key_set_argument(fcinfo, 1),
                                          rules, token, check_interrupts);
    if (fault != TokenFault::none)
        return outcome(fcinfo, token.describe(fault), nullptr, {});
    return outcome(fcinfo, {}, &token.jws(), thumbprint(*token.key()));
}

// What it says of itself, to find the keys by; nothing is verified.
SQL_FUNCTION(peek_assertion) {
    CompactJws jws;
    if (const TokenFault fault = jws.parse(bytes_argument(fcinfo, 0)); fault != TokenFault::none)
        return outcome(fcinfo, describe(fault, jws.header_json), nullptr, {});
    json::Document claims;
    const json::ParseStatus json = json::try_parse(claims, jws.payload);
    if (!json)
        return outcome(fcinfo, describe(TokenFault::payload_not_json, json), nullptr, {});
    if (!claims.root().is_object())
        return outcome(fcinfo, describe(TokenFault::payload_not_an_object), nullptr, {});
    return outcome(fcinfo, {}, &jws, {});
}
