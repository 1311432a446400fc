// Tokens of others: what they say, and whether a key of a set has signed them.
#include "core/base/bytes.hpp"
#include "core/base/error.hpp"
#include "core/jose/foreign_token.hpp"
#include "pg/bridge/jsonb.hpp"
#include "pg/bridge/time.hpp"
#include "pg/keys/key_argument.hpp"
#include "pg/settings.hpp"
#include "pg/tables/issuers.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/jsonb.h"
}

using namespace pg_principal;

namespace {

// One for each backend, never destroyed: its buffers are reused from call to call.
TokenScratch &scratch() {
    static auto *const kept = new TokenScratch;
    return *kept;
}

text *text_if_storable(std::string_view utf8) {
    const auto value = if_storable([&] { return PointerGetDatum(to_text(utf8)); });
    return value ? DatumGetTextPP(*value) : nullptr;
}

// The fault itself may tell of what the server cannot hold.
Datum fault_text(std::string_view fault) {
    text *told = text_if_storable(fault);
    return PointerGetDatum(told != nullptr ? told : to_text(describe(TokenFault::malformed)));
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
        values[0] = fault_text(fault);
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

namespace {

// What a token says of itself, to find the keys by; nothing is verified. In the server's encoding;
// nullptr: it does not say, or no text.
struct Said {
    std::string fault; // empty: none
    text *iss = nullptr, *sub = nullptr;
};

// Leaves the token in the scratch.
Said peek(std::string_view token) {
    TokenScratch &read = scratch();
    Said said;
    if (const TokenFault fault = read.read(token, KeysInHeader::ignored);
        fault != TokenFault::none) {
        said.fault = read.describe(fault);
        return said;
    }
    for (const auto &[name, kept] : {std::pair("iss", &said.iss), std::pair("sub", &said.sub)})
        if (const json::Value claim = read.claims().find(name); claim.is_string()) {
            *kept = text_if_storable(claim.as_string());
            if (*kept == nullptr)
                said.fault = describe(TokenFault::value_not_storable);
        }
    return said;
}

std::vector<std::string_view> utf8_of(const Texts &texts) {
    std::vector<std::string_view> all;
    for (int i = 0; i < texts.count; ++i)
        all.push_back(to_utf8(view_of(DatumGetTextPP(texts.items[i]))));
    return all;
}

// The issuer that a token names, or, SPIFFE's tokens may lack iss, its trust domain.
IssuerRow trusted_issuer(const Said &said) {
    IssuerRow row{};
    if (said.iss != nullptr)
        row = read_trusted_issuer(said.iss);
    if (!row.found && said.sub != nullptr)
        if (const std::string_view domain = trust_domain_of(view_of(said.sub)); !domain.empty())
            row = read_trusted_issuer(to_bytes(domain));
    return row;
}

} // namespace

SQL_FUNCTION(peek_assertion) {
    const Said said = peek(bytes_argument(fcinfo, 0));
    Datum values[3] = {0, PointerGetDatum(said.iss), PointerGetDatum(said.sub)};
    bool nulls[3] = {said.fault.empty(), said.iss == nullptr, said.sub == nullptr};
    if (!said.fault.empty())
        values[0] = fault_text(said.fault);
    return record_result(fcinfo, values, nulls);
}

// trusted, claims, fault
SQL_FUNCTION(judge_foreign_token) {
    Datum values[3] = {};
    bool nulls[3] = {true, true, true};
    const auto refuse = [&](std::string_view fault) {
        values[2] = fault_text(fault);
        nulls[2] = false;
        return record_result(fcinfo, values, nulls);
    };
    const Said said = peek(PG_ARGISNULL(0) ? std::string_view() : bytes_argument(fcinfo, 0));
    if (!said.fault.empty())
        return refuse(said.fault);
    const IssuerRow row = trusted_issuer(said);
    if (!row.found)
        return refuse("issuer not trusted");
    values[0] = row.whole;
    nulls[0] = false;
    if (!row.has_keys)
        return refuse("keys of the issuer not known yet");

    const TimeRules time = {unix_microseconds(GetCurrentTimestamp()), settings::clock_skew()};
    const std::string_view issuer = to_utf8(bytes_of(row.issuer));
    const bool is_trust_domain = issuer.substr(0, 7) == "spiffe:";
    ForeignRules rules;
    rules.time = time;
    if (!is_trust_domain)
        rules.issuer = issuer;
    rules.audiences = utf8_of(row.audiences);
    for (const std::string_view name : utf8_of(row.algorithms))
        rules.algorithms.push_back(require_alg(name));
    rules.types = {"at+jwt"};
    rules.longest_life_s = row.longest_life_s;
    TokenScratch &verified = scratch();
    TokenFault fault =
        verify_foreign_token(key_set_of(row.keys), rules, verified, check_interrupts);
    if (fault == TokenFault::none) {
        const auto claims =
            if_storable([&] { return to_jsonb(verified.claims(), verified.payload()); });
        values[1] = claims.value_or(0);
        nulls[1] = !claims;
        IssuerRules own;
        own.time = time;
        if (is_trust_domain)
            own.trust_domain = issuer;
        own.no_audience = rules.audiences.empty();
        own.longest_life_s = row.longest_life_s;
        own.required_claims = utf8_of(row.required_claims);
        fault =
            claims ? check_issuer_rules(verified.claims(), own) : TokenFault::value_not_storable;
        if (fault == TokenFault::claim_missing)
            return refuse(verified.describe(fault) + ": " +
                          std::string(*missing_claim(verified.claims(), own)));
    }
    return fault == TokenFault::none ? record_result(fcinfo, values, nulls)
                                     : refuse(verified.describe(fault));
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

// The rules of an issuer that a token fits, of accounts that are still whose they were: rule and
// principal of one of them, and the addresses of all; NULLs: there is none.
SQL_FUNCTION(match_rules) {
    text *issuer = guard([fcinfo] { return PG_GETARG_TEXT_PP(0); });
    Jsonb *claims = guard([fcinfo] { return PG_GETARG_JSONB_P(1); });
    const Moment moment; // a decision may be moved from table to table
    const IssuerRule *rule = read_issuer_rules(
        issuer,
        [](Datum wanted, void *given) {
            return fits(&DatumGetJsonbP(wanted)->root, &static_cast<Jsonb *>(given)->root);
        },
        claims, moment);
    Datum values[3] = {};
    bool nulls[3] = {true, true, true};
    std::vector<Datum> emails;
    for (; rule != nullptr; rule = rule->next) {
        const Account account = read_account(rule->user_id, moment);
        if (!account.found || !account.is_service_account ||
            account.owner_generation != rule->owner_generation)
            continue;
        values[0] = rule->whole;
        values[1] = account.whole;
        emails.push_back(PointerGetDatum(account.email));
    }
    if (!emails.empty()) {
        Datum *items = emails.data();
        const int count = static_cast<int>(emails.size());
        values[2] = guard([items, count] {
            return PointerGetDatum(construct_array(items, count, TEXTOID, -1, false, TYPALIGN_INT));
        });
        nulls[0] = nulls[1] = nulls[2] = false;
    }
    return record_result(fcinfo, values, nulls);
}
