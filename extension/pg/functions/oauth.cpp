// Tokens of others: what they say, and whether a key of a set has signed them.
#include "core/base/bytes.hpp"
#include "core/base/error.hpp"
#include "core/jose/jwt.hpp"
#include "pg/bridge/jsonb.hpp"
#include "pg/bridge/time.hpp"
#include "pg/keys/key_argument.hpp"
#include "pg/settings.hpp"

extern "C" {
#include "miscadmin.h"
#include "utils/jsonb.h"
}

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
    rules.keys_in_header = KeysInHeader::ignored;
    TokenScratch &token = scratch();
    const TokenFault fault = verify_token(bytes_argument(fcinfo, 0), key_set_argument(fcinfo, 1),
                                          rules, token, check_interrupts);
    if (fault != TokenFault::none)
        return outcome(fcinfo, token.describe(fault), nullptr, {});
    return outcome(fcinfo, {}, &token.jws(), thumbprint(*token.key()));
}

// What it says of itself, to find the keys by; nothing is verified.
SQL_FUNCTION(peek_assertion) {
    Datum values[3] = {}; // fault, iss, sub
    bool nulls[3] = {true, true, true};
    const auto tell = [&](int column, std::string_view text) {
        const auto told = if_storable([&] { return PointerGetDatum(to_text(text)); });
        values[column] = told.value_or(0);
        nulls[column] = !told;
        return told.has_value();
    };
    CompactJws jws;
    json::Document claims;
    std::string fault;
    if (const TokenFault found = jws.parse(bytes_argument(fcinfo, 0), KeysInHeader::ignored);
        found != TokenFault::none)
        fault = describe(found, jws.header_json);
    else if (const json::ParseStatus json = json::try_parse(claims, jws.payload); !json)
        fault = describe(TokenFault::payload_not_json, json);
    else if (!claims.root().is_object())
        fault = describe(TokenFault::payload_not_an_object);
    int column = 1;
    for (const char *name : {"iss", "sub"}) {
        const json::Value claim = fault.empty() ? claims.root().find(name) : json::Value();
        if (claim.is_string() && !tell(column, claim.as_string()))
            fault = describe(TokenFault::value_not_storable);
        ++column;
    }
    if (!fault.empty() && !tell(0, fault))
        (void)tell(0, describe(TokenFault::malformed));
    return record_result(fcinfo, values, nulls);
}

namespace {

bool fits(JsonbContainer *rule, JsonbContainer *claims);

// A claim that is an array has the value as an element; any other is that very value, a string no
// number and no truth value.
bool fits(JsonbValue &wanted, JsonbValue &given) {
    const bool is_container = given.type == jbvBinary;
    if (wanted.type == jbvBinary && JsonContainerIsObject(wanted.val.binary.data) &&
        JsonContainerSize(wanted.val.binary.data) > 0)
        return is_container && fits(wanted.val.binary.data, given.val.binary.data);
    if (is_container && JsonContainerIsArray(given.val.binary.data) && IsAJsonbScalar(&wanted) &&
        findJsonbValueFromContainer(given.val.binary.data, JB_FARRAY, &wanted) != nullptr)
        return true;
    return compareJsonbContainers(&JsonbValueToJsonb(&wanted)->root,
                                  &JsonbValueToJsonb(&given)->root) == 0;
}

bool fits(JsonbContainer *rule, JsonbContainer *claims) {
    check_stack_depth();
    if (!JsonContainerIsObject(rule) || !JsonContainerIsObject(claims))
        return false;
    JsonbValue name, wanted;
    JsonbIterator *members = JsonbIteratorInit(rule);
    (void)JsonbIteratorNext(&members, &wanted, true);
    while (JsonbIteratorNext(&members, &name, true) == WJB_KEY) {
        (void)JsonbIteratorNext(&members, &wanted, true);
        JsonbValue *given = findJsonbValueFromContainer(claims, JB_FOBJECT, &name);
        if (given == nullptr || !fits(wanted, *given))
            return false;
    }
    return true;
}

} // namespace

SQL_FUNCTION(rule_fits) {
    return guard([fcinfo] {
        return BoolGetDatum(fits(&PG_GETARG_JSONB_P(0)->root, &PG_GETARG_JSONB_P(1)->root));
    });
}
