// Binding a token to the connection, minting one, reading a time to live.
#include "core/base/duration.hpp"
#include "core/base/text.hpp"
#include "core/principals/email.hpp"
#include "core/base/error.hpp"
#include "core/jose/jwt.hpp"
#include "pg/identity/identity.hpp"
#include "pg/bridge/jsonb.hpp"
#include "pg/keys/keyring.hpp"
#include "pg/identity/verification.hpp"
#include "pg/settings.hpp"
#include "pg/bridge/uuid.hpp"

extern "C" {
#include "utils/guc.h"
}

using namespace pg_principal;

namespace {

// Verified first, so that a dead token is never bound.
const Identity &bind(std::string_view token, bool local) {
    const std::string copy(token);
    (void)verify_identity(copy);
    settings::bind_token(copy.c_str(), local);
    return *current_identity();
}

std::string_view bearer_token(std::string_view header) {
    constexpr std::string_view scheme = "bearer ";
    if (header.size() < scheme.size() ||
        pg_strncasecmp(header.data(), scheme.data(), scheme.size()) != 0)
        return {};
    return trim_ascii(header.substr(scheme.size()));
}

} // namespace

SQL_FUNCTION(authenticate) {
    const bool local = PG_ARGISNULL(1) || PG_GETARG_BOOL(1);
    const std::string_view token = PG_ARGISNULL(0) ? std::string_view() : bytes_argument(fcinfo, 0);
    if (token.empty()) {
        settings::bind_token("", local);
        PG_RETURN_NULL();
    }
    return to_jsonb(bind(token, local).payload());
}

// A refusal is an answer here: errors of what strangers send would fill the server's log.
SQL_FUNCTION(try_authenticate) {
    std::string reason = "no token";
    try {
        const std::string_view token =
            PG_ARGISNULL(0) ? std::string_view() : text_argument(fcinfo, 0);
        if (!token.empty()) {
            (void)bind(token, true);
            PG_RETURN_NULL();
        }
    } catch (const Error &error) {
        if (error.code() != Errc::token_refused)
            throw;
        reason = error.detail();
    }
    settings::bind_token("", true);
    return PointerGetDatum(to_text(reason));
}

namespace {

// refused, claims: why it is dead, or what it says. Binds nothing.
template <class Verify>
Datum examination(FunctionCallInfo fcinfo, Verify &&claims_of) {
    Datum values[2] = {};
    bool nulls[2] = {true, true};
    try {
        values[1] = to_jsonb(claims_of(text_argument(fcinfo, 0)));
        nulls[1] = false;
    } catch (const Error &error) {
        if (error.code() != Errc::token_refused)
            throw;
        values[0] = PointerGetDatum(to_text(error.detail()));
        nulls[0] = false;
    }
    return record_result(fcinfo, values, nulls);
}

} // namespace

SQL_FUNCTION(examine_token) {
    return examination(fcinfo,
                       [](std::string_view token) { return verify_identity(token).payload(); });
}

// Of a token that an agent was lent: what is proven of it is not remembered.
SQL_FUNCTION(examine_may_act) {
    return examination(fcinfo, [](std::string_view token) {
        Identity identity;
        static_cast<Claims &>(identity) = prove_token(token, TokenPurpose::exchange);
        static_cast<Standing &>(identity) = judge(identity);
        return std::string(identity.payload());
    });
}

SQL_FUNCTION(is_project_key) {
    try {
        return BoolGetDatum(!verify_identity(bytes_argument(fcinfo, 0)).has_principal);
    } catch (const Error &error) {
        if (error.code() != Errc::token_refused)
            throw;
        return BoolGetDatum(false);
    }
}

SQL_FUNCTION(pre_request) {
    const char *headers = guard([] { return GetConfigOption("request.headers", true, false); });
    std::string_view token;
    json::Document document;
    if (headers != nullptr && *headers != '\0') {
        json::parse_into(document, to_utf8(headers));
        const json::Value header = document.root().find("authorization");
        if (header.is_string())
            token = bearer_token(header.as_string());
    }
    if (token.empty())
        settings::bind_token("", true);
    else
        (void)bind(token, true);
    PG_RETURN_VOID();
}

// session_id, role, expires_at
SQL_FUNCTION(read_adoptable_key) {
    const AdoptableKey key = read_adoptable_key(text_argument(fcinfo, 0));
    Datum values[3] = {uuid_datum(key.session_id.data), PointerGetDatum(to_text(key.role)),
                       TimestampTzGetDatum(key.expires_at)};
    bool nulls[3] = {false, false, TIMESTAMP_IS_NOEND(key.expires_at)};
    return record_result(fcinfo, values, nulls);
}

SQL_FUNCTION(sign_token) {
    return PointerGetDatum(to_text(sign_claims(jsonb_argument(fcinfo, 0))));
}

SQL_FUNCTION(token_kid) {
    const std::string token(bytes_argument(fcinfo, 0));
    CompactJws jws;
    if (jws.parse(token) != TokenFault::none || !jws.kid)
        PG_RETURN_NULL();
    return PointerGetDatum(to_text(*jws.kid));
}

SQL_FUNCTION(parse_ttl) {
    const std::string_view text = text_argument(fcinfo, 0);
    const std::int64_t seconds = parse_ttl(text);
    const std::int64_t ceiling = settings::max_token_ttl();
    if (seconds > ceiling) {
        const std::string limit = ceiling % 3600 == 0 ? std::to_string(ceiling / 3600) + "h"
                                                      : std::to_string(ceiling) + "s";
        throw Error(Errc::duration_too_long, {printable(text), limit});
    }
    return Int64GetDatum(seconds);
}

SQL_FUNCTION(uuid_of) {
    const std::optional<pg_uuid_t> id = parse_uuid(bytes_argument(fcinfo, 0));
    if (!id)
        PG_RETURN_NULL();
    return uuid_datum(id->data);
}

SQL_FUNCTION(normalise_email) {
    const std::string email = normalise_email(text_argument(fcinfo, 0));
    if (const auto problem = check_email(email))
        throw Error(Errc::email_malformed, {quote_for_message(email), *problem});
    return PointerGetDatum(to_text(email));
}
