#include "pg/tables/principal_changes.hpp"

#include "core/json/writer.hpp"
#include "pg/bridge/jsonb.hpp"

extern "C" {
#include "catalog/pg_collation.h"
#include "utils/fmgrprotos.h"
#include "utils/uuid.h"
#include "utils/timestamp.h"
}

#include <cstring>

namespace pg_principal {

namespace {

using Name = PrincipalColumns::Name;

constexpr const char *names[] = {"id",
                                 "email",
                                 "kind",
                                 "app_role",
                                 "first_name",
                                 "last_name",
                                 "job_title",
                                 "phone_number",
                                 "raw_user_meta_data",
                                 "raw_app_meta_data",
                                 "banned_until",
                                 "ban_reason",
                                 "ban_origin",
                                 "password_scheme",
                                 "password_version",
                                 "password_changed_at",
                                 "owner_generation"};
static_assert(sizeof names / sizeof *names == Name::count);

struct Pair {
    const PrincipalColumns &columns;
    PrincipalValues was, becomes;

    bool had(Name name) const { return !was.nulls[columns.at[name]]; }
    bool has(Name name) const { return !becomes.nulls[columns.at[name]]; }
    Datum before(Name name) const { return was.values[columns.at[name]]; }
    Datum after(Name name) const { return becomes.values[columns.at[name]]; }

    // IS DISTINCT FROM, of values that `differ` compares where both are there.
    template <class Differ>
    bool changes(Name name, Differ differ) const {
        return had(name) != has(name) || (had(name) && differ(before(name), after(name)));
    }
};

// Also of a value that is toasted.
std::string_view bytes(Datum value) {
    auto *stored = reinterpret_cast<varlena *>(DatumGetPointer(value));
    if (VARATT_IS_COMPRESSED(stored) || VARATT_IS_EXTERNAL(stored))
        stored = guard([stored] { return pg_detoast_datum_packed(stored); });
    return view_of(reinterpret_cast<text *>(stored));
}

bool other_text(Datum a, Datum b) { return bytes(a) != bytes(b); }
bool other_uuid(Datum a, Datum b) {
    return std::memcmp(DatumGetPointer(a), DatumGetPointer(b), UUID_LEN) != 0;
}
bool other_time(Datum a, Datum b) { return DatumGetTimestampTz(a) != DatumGetTimestampTz(b); }
bool other_number(Datum a, Datum b) { return DatumGetInt32(a) != DatumGetInt32(b); }
bool other_jsonb(Datum a, Datum b) {
    return bytes(a) != bytes(b) && // 1.0 and 1.00 are equal
           guard([a, b] { return DatumGetBool(DirectFunctionCall2(jsonb_ne, a, b)); });
}

std::string quoted(std::string_view utf8) {
    std::string out;
    json::append_quoted(out, utf8);
    return out;
}

// As auth.iso_time(); what that has no form for, as the server writes it.
std::string format_time(Datum value) {
    return quoted(to_utf8(guard([value]() -> std::string_view {
        const TimestampTz time = DatumGetTimestampTz(value);
        if (TIMESTAMP_NOT_FINITE(time))
            return DatumGetCString(DirectFunctionCall1(timestamptz_out, value));
        // in UTC a timestamp without time zone is the same number
        const Datum format = PointerGetDatum(cstring_to_text("YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\""));
        return view_of(DatumGetTextPP(
            DirectFunctionCall2Coll(timestamp_to_char, DEFAULT_COLLATION_OID, value, format)));
    })));
}

// Many are banned until one time.
const std::string &time_json(Datum value) {
    static TimestampTz last = 0;
    static std::string json;
    if (json.empty() || last != DatumGetTimestampTz(value)) {
        json = format_time(value);
        last = DatumGetTimestampTz(value);
    }
    return json;
}

std::string text_json(Datum value) { return quoted(to_utf8(bytes(value))); }
std::string jsonb_json(Datum value) { return std::string(jsonb_text(value)); }

class Changes {
  public:
    explicit Changes(const Pair &pair) : pair_(pair), writer_(out_) {}

    void tell(std::string_view field, std::string_view previous, std::string_view current) {
        std::string change;
        json::ObjectWriter writer(change);
        writer.raw("previous", previous);
        writer.raw("current", current);
        writer.end();
        writer_.raw(field, change);
    }
    template <class Json>
    void tell(std::string_view field, Name name, Json json) {
        tell(field, pair_.had(name) ? json(pair_.before(name)) : "null",
             pair_.has(name) ? json(pair_.after(name)) : "null");
    }
    void text(std::string_view field, Name name) {
        if (pair_.changes(name, other_text))
            tell(field, name, text_json);
    }
    void metadata(std::string_view field, Name name) {
        if (pair_.changes(name, other_jsonb))
            tell(field, name, jsonb_json);
    }
    // less than a millisecond may change, which is told as nothing
    void end_of_ban() {
        const Name name = Name::banned_until;
        if (!pair_.changes(name, other_time))
            return;
        const std::string previous = pair_.had(name) ? time_json(pair_.before(name)) : "null";
        const std::string current = pair_.has(name) ? time_json(pair_.after(name)) : "null";
        if (previous != current)
            tell("bannedUntil", previous, current);
    }
    void password() {
        if (!pair_.changes(Name::password_version, other_number))
            return;
        if (pair_.changes(Name::password_changed_at, other_time))
            tell("password", R"("updated")", R"("updated")");
        else
            tell("passwordHash", Name::password_scheme, text_json);
    }
    void owner(bool has_row) {
        if (!pair_.changes(Name::owner_generation, other_number))
            return;
        const bool had_left =
            pair_.had(Name::ban_origin) && bytes(pair_.before(Name::ban_origin)) == "provision";
        tell("proof",
             has_row && !had_left ? R"("of the owner before")" : R"("of who left the roster")",
             R"("ended")");
    }
    std::string end() {
        writer_.end();
        return std::move(out_);
    }

  private:
    const Pair &pair_;
    std::string out_;
    json::ObjectWriter writer_;
};

} // namespace

PrincipalColumns principal_columns(TupleDesc desc) {
    return guard([desc] {
        PrincipalColumns columns{};
        for (int name = 0; name < Name::count; ++name) {
            int at = 0;
            while (at < desc->natts &&
                   (TupleDescAttr(desc, at)->attisdropped ||
                    std::strcmp(NameStr(TupleDescAttr(desc, at)->attname), names[name]) != 0))
                ++at;
            if (at == desc->natts)
                ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                                errmsg("column %s of auth.users is missing", names[name])));
            columns.at[name] = at;
        }
        return columns;
    });
}

bool is_same_principal(const PrincipalColumns &columns, PrincipalValues was,
                       PrincipalValues becomes) {
    const Pair pair{columns, was, becomes};
    return !pair.changes(Name::id, other_uuid) && !pair.changes(Name::email, other_text);
}

bool is_audited(const PrincipalColumns &columns, PrincipalValues was, PrincipalValues becomes) {
    const Pair pair{columns, was, becomes};
    for (const Name name : {Name::kind, Name::app_role, Name::first_name, Name::last_name,
                            Name::job_title, Name::phone_number})
        if (pair.changes(name, other_text))
            return true;
    for (const Name name : {Name::password_version, Name::owner_generation})
        if (pair.changes(name, other_number))
            return true;
    return is_other_ban(columns, was, becomes) ||
           pair.changes(Name::raw_user_meta_data, other_jsonb) ||
           pair.changes(Name::raw_app_meta_data, other_jsonb);
}

bool is_other_ban(const PrincipalColumns &columns, PrincipalValues was, PrincipalValues becomes) {
    return Pair{columns, was, becomes}.changes(Name::banned_until, other_time);
}

bool is_other_owner(const PrincipalColumns &columns, PrincipalValues was, PrincipalValues becomes) {
    return Pair{columns, was, becomes}.changes(Name::owner_generation, other_number);
}

std::string principal_changes(const PrincipalColumns &columns, PrincipalValues was,
                              PrincipalValues becomes, bool has_row) {
    const Pair pair{columns, was, becomes};
    Changes changes(pair);
    changes.text("email", Name::email);
    changes.text("kind", Name::kind);
    changes.text("role", Name::app_role);
    changes.text("firstName", Name::first_name);
    changes.text("lastName", Name::last_name);
    changes.text("jobTitle", Name::job_title);
    changes.text("phoneNumber", Name::phone_number);
    changes.end_of_ban();
    changes.metadata("userMetadata", Name::raw_user_meta_data);
    changes.metadata("appMetadata", Name::raw_app_meta_data);
    changes.password();
    changes.owner(has_row);
    return changes.end();
}

} // namespace pg_principal
