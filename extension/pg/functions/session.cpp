// What a principal is told: its profile, its tokens. Written as text and parsed once: building the
// same through jsonb's SQL functions is most of what a refresh costs.
#include "core/base/error.hpp"
#include "core/json/writer.hpp"
#include "core/jose/jwt.hpp"
#include "core/jose/token_type.hpp"
#include "pg/bridge/jsonb.hpp"
#include "pg/keys/keyring.hpp"
#include "pg/settings.hpp"
#include "pg/bridge/time.hpp"
#include "pg/bridge/uuid.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
}

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>

using namespace pg_principal;
using json::ObjectWriter;

namespace {

// What RFC 3339 can write, the years 1 to 9999: a ban without end is one until the last of them.
constexpr TimestampTz first_time = -730119 * USECS_PER_DAY;
constexpr TimestampTz last_time = 2921940 * USECS_PER_DAY - 1;

// A row of auth.users, or of nobody. Columns are found by name: an upgrade may append some.
class UserRow {
  public:
    UserRow(FunctionCallInfo fcinfo, int n) {
        if (PG_ARGISNULL(n))
            return;
        row_ = guard([fcinfo, n] {
            HeapTupleHeader header = PG_GETARG_HEAPTUPLEHEADER(n);
            Row row{};
            row.desc = lookup_rowtype_tupdesc_copy(HeapTupleHeaderGetTypeId(header),
                                                   HeapTupleHeaderGetTypMod(header));
            HeapTupleData tuple{};
            tuple.t_len = HeapTupleHeaderGetDatumLength(header);
            tuple.t_data = header;
            row.values = static_cast<Datum *>(palloc(row.desc->natts * sizeof(Datum)));
            row.nulls = static_cast<bool *>(palloc(row.desc->natts * sizeof(bool)));
            heap_deform_tuple(&tuple, row.desc, row.values, row.nulls);
            return row;
        });
    }
    bool exists() const { return row_.desc != nullptr && !is_null(column("id")); }

    std::string id() const { return uuid_text(row_.values[column("id")]); }
    std::optional<std::string_view> string(const char *name) const {
        const int i = column(name);
        if (is_null(i))
            return std::nullopt;
        const Datum value = row_.values[i];
        return to_utf8(view_of(guard([value] { return DatumGetTextPP(value); })));
    }
    std::string_view json(const char *name) const {
        const int i = column(name);
        return is_null(i) ? std::string_view("{}") : jsonb_text(row_.values[i]);
    }
    std::optional<TimestampTz> time(const char *name) const {
        const int i = column(name);
        if (is_null(i) || TIMESTAMP_IS_NOBEGIN(DatumGetTimestampTz(row_.values[i])))
            return std::nullopt;
        return std::clamp(DatumGetTimestampTz(row_.values[i]), first_time, last_time);
    }
    // raw_app_meta_data, which is the application's, and under a name of its own what is ours to
    // say: an application may have a role and a kind, too.
    std::string app_metadata() const {
        std::string ours;
        json::ObjectWriter principal(ours);
        principal.text("kind", string("kind").value_or(""));
        principal.text("role", string("app_role").value_or(""));
        principal.end();
        const std::string provider = R"({"provider":"email","providers":["email"])",
                          last = R"("pg_principal":)" + ours + '}';
        const int i = column("raw_app_meta_data");
        const Datum theirs = row_.values[i];
        if (is_null(i) || guard([theirs] { return JB_ROOT_COUNT(DatumGetJsonbP(theirs)) == 0; }))
            return provider + ',' + last;
        const Datum under = to_jsonb(provider + '}'), over = to_jsonb('{' + last);
        return std::string(jsonb_text(guard([theirs, under, over] {
            const Datum known = DirectFunctionCall2(jsonb_concat, under, theirs);
            return DirectFunctionCall2(jsonb_concat, known, over);
        })));
    }

  private:
    struct Row {
        TupleDesc desc;
        Datum *values;
        bool *nulls;
    };
    bool is_null(int i) const { return row_.nulls[i]; }
    int column(const char *name) const {
        for (int i = 0; i < row_.desc->natts; ++i)
            if (std::strcmp(NameStr(TupleDescAttr(row_.desc, i)->attname), name) == 0)
                return i;
        throw Error(Errc::column_missing, {name});
    }
    Row row_{};
};

// RFC 3339 in UTC with milliseconds.
std::string iso_time(TimestampTz time) {
    pg_tm parts{};
    fsec_t microseconds = 0;
    if (timestamp2tm(time, nullptr, &parts, &microseconds, nullptr, nullptr) != 0)
        return {};
    char text[64];
    std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year,
                  parts.tm_mon, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                  static_cast<int>(microseconds / 1000));
    return text;
}

void write_user(std::string &out, const UserRow &user) {
    struct Member {
        const char *name, *column;
    };
    ObjectWriter object(out);
    object.text("id", user.id());
    for (const Member member :
         {Member{"email", "email"}, Member{"kind", "kind"}, Member{"role", "app_role"},
          Member{"firstName", "first_name"}, Member{"lastName", "last_name"},
          Member{"jobTitle", "job_title"}, Member{"phoneNumber", "phone_number"}}) {
        if (const auto value = user.string(member.column))
            object.text(member.name, *value);
        else
            object.null(member.name);
    }
    object.raw("userMetadata", user.json("raw_user_meta_data"));
    object.raw("appMetadata", user.json("raw_app_meta_data"));
    for (const Member member :
         {Member{"emailConfirmedAt", "email_confirmed_at"}, Member{"bannedUntil", "banned_until"},
          Member{"passwordChangedAt", "password_changed_at"},
          Member{"lastSignInAt", "last_sign_in_at"}, Member{"createdAt", "created_at"},
          Member{"updatedAt", "updated_at"}}) {
        if (const auto value = user.time(member.column))
            object.text(member.name, iso_time(*value));
        else
            object.null(member.name);
    }
    object.end();
}

std::string random_uuid() {
    return uuid_text(guard([] { return gen_random_uuid(nullptr); }));
}

struct Session {
    std::string role, id;
    std::string method;  // of its sign-in; empty: nobody signed in for this token
    std::string scopes;  // separated by spaces
    std::string client;  // RFC 9068: whose access token it is; empty: nobody's but the principal's
    std::string actor;   // RFC 8693: the claim act, as JSON; empty: nobody acts for the principal
    std::string may_act; // RFC 8693: the agent that may exchange it, and nobody do more with it
    std::int64_t issued_at, ttl, signed_in_at = 0;
};

std::string mint(const UserRow &user, const Session &session) {
    const bool somebody = user.exists();
    std::string claims;
    ObjectWriter object(claims);
    object.text("iss", settings::issuer());
    object.text("aud", settings::audience());
    object.text("role", session.role);
    if (somebody) {
        object.text("sub", user.id());
        object.text("email", user.string("email").value_or(""));
        object.text("phone", ""); // none is ever proven
    }
    object.text("session_id", session.id);
    object.text("jti", random_uuid());
    object.number("iat", session.issued_at);
    object.number("exp", session.issued_at + session.ttl);
    if (!session.scopes.empty())
        object.text("scope", session.scopes);
    if (!session.client.empty())
        object.text("client_id", session.client);
    if (!session.actor.empty())
        object.raw("act", session.actor);
    if (!session.may_act.empty()) {
        std::string agent;
        ObjectWriter writer(agent);
        writer.text("sub", session.may_act);
        writer.end();
        object.raw("may_act", agent);
    }
    object.raw("app_metadata", somebody ? user.app_metadata() : "{}");
    object.raw("user_metadata", somebody ? user.json("raw_user_meta_data") : "{}");
    object.text("aal", "aal1");
    if (!session.method.empty()) { // Supabase's objects, where RFC 9068 has strings
        std::string method;
        ObjectWriter amr(method);
        amr.text("method", session.method);
        amr.number("timestamp", session.signed_in_at);
        amr.end();
        object.raw("amr", '[' + method + ']');
    }
    object.raw("is_anonymous", "false");
    object.end();
    return sign_claims(claims, !session.may_act.empty()  ? may_act_type
                               : !session.client.empty() ? "at+jwt"
                                                         : "JWT");
}

// What a token of /oauth/token says of its session: after the principal the arguments are
// session_id, issued_at, ttl_seconds, scopes.
Session oauth_session(FunctionCallInfo fcinfo) {
    Session session;
    session.role = "authenticated";
    session.id = uuid_text(PG_GETARG_DATUM(1));
    session.issued_at = PG_GETARG_INT64(2);
    session.ttl = PG_GETARG_INT64(3);
    if (!PG_ARGISNULL(4))
        session.scopes = text_argument(fcinfo, 4);
    return session;
}

std::int64_t unix_seconds(TimestampTz time) noexcept {
    return unix_microseconds(time) / us_per_s; // never before 1970
}

} // namespace

SQL_FUNCTION(user_json) {
    const UserRow user(fcinfo, 0);
    if (!user.exists())
        PG_RETURN_NULL();
    std::string out;
    write_user(out, user);
    return to_jsonb(out);
}

// principal, role, session_id, issued_at, ttl_seconds, scopes, method, signed_in_at
SQL_FUNCTION(mint_token) {
    for (const int n : {1, 2, 3, 4, 6, 7})
        if (PG_ARGISNULL(n))
            PG_RETURN_NULL();
    const UserRow user(fcinfo, 0);
    Session session;
    session.role = text_argument(fcinfo, 1);
    session.id = uuid_text(PG_GETARG_DATUM(2));
    session.issued_at = PG_GETARG_INT64(3);
    session.ttl = PG_GETARG_INT64(4);
    if (!PG_ARGISNULL(5))
        session.scopes = text_argument(fcinfo, 5);
    session.method = text_argument(fcinfo, 6);
    session.signed_in_at = PG_GETARG_INT64(7);
    return PointerGetDatum(to_text(mint(user, session)));
}

// principal, session_id, issued_at, ttl_seconds, scopes, client_id, act
SQL_FUNCTION(mint_access_token) {
    for (const int n : {0, 1, 2, 3, 5})
        if (PG_ARGISNULL(n))
            PG_RETURN_NULL();
    Session session = oauth_session(fcinfo);
    session.client = text_argument(fcinfo, 5);
    if (!PG_ARGISNULL(6))
        session.actor = jsonb_argument(fcinfo, 6);
    return PointerGetDatum(to_text(mint(UserRow(fcinfo, 0), session)));
}

// principal, session_id, issued_at, ttl_seconds, scopes, agent
SQL_FUNCTION(mint_may_act) {
    for (const int n : {0, 1, 2, 3, 4, 5})
        if (PG_ARGISNULL(n))
            PG_RETURN_NULL();
    Session session = oauth_session(fcinfo);
    session.may_act = uuid_text(PG_GETARG_DATUM(5));
    return PointerGetDatum(to_text(mint(UserRow(fcinfo, 0), session)));
}

// principal, session_id, signed_in_at, refresh_token, refresh_expires_at, access_ttl: what a
// sign-in and a refresh answer. The access token never outlives the refresh token.
SQL_FUNCTION(session_payload) {
    for (const int n : {0, 1, 2, 3, 4})
        if (PG_ARGISNULL(n))
            PG_RETURN_NULL();
    const UserRow user(fcinfo, 0);
    const TimestampTz now = GetCurrentTimestamp();
    const std::int64_t refresh_ttl =
        (PG_GETARG_TIMESTAMPTZ(4) - now + us_per_s / 2) / us_per_s; // to the nearest second
    const std::int64_t access_ttl =
        PG_ARGISNULL(5) ? settings::access_token_ttl() : PG_GETARG_INT64(5);
    Session session;
    session.role = "authenticated";
    session.id = uuid_text(PG_GETARG_DATUM(1));
    session.method = "password";
    session.issued_at = unix_seconds(now);
    session.ttl = std::max<std::int64_t>(1, std::min(access_ttl, refresh_ttl));
    session.signed_in_at = unix_seconds(PG_GETARG_TIMESTAMPTZ(2));

    std::string tokens;
    const WipeOnExit guard_tokens(tokens);
    ObjectWriter object(tokens);
    object.text("accessToken", mint(user, session));
    object.number("accessTokenExpiresIn", session.ttl);
    object.text("refreshToken", text_argument(fcinfo, 3));
    object.number("refreshTokenExpiresIn", refresh_ttl);
    object.end();
    std::string out = "{\"user\":";
    const WipeOnExit guard_out(out);
    write_user(out, user);
    out.append(",\"tokens\":").append(tokens).append("}");
    return to_jsonb(out);
}
