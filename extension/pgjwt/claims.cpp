#include "pgjwt/claims.hpp"

#include <cstdint>

#include "core/json/document.hpp"
#include "pg/bridge/bridge.hpp"
#include "pgjwt/encoding.hpp"

extern "C" {
#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "utils/timestamp.h"
}

namespace pg_principal::pgjwt {

namespace {

// The text that was read last: verify() reads a payload once for its time and once for its column.
struct LastRead {
    std::string text;
    json::Document document;
    bool is_read = false;
};

// Our own reader is several times faster and stricter than the server's: what it accepts in a
// UTF-8 database the server reads alike. nullptr: the server is to read it, or to refuse it.
const json::Document *read_strictly(std::string_view utf8) {
    static auto *const last = new LastRead; // never destroyed: keeps its buffers
    constexpr std::size_t max_size = 64u << 10;
    if (GetDatabaseEncoding() != PG_UTF8 || utf8.size() > max_size)
        return nullptr;
    if (!last->is_read || last->text != utf8) {
        last->is_read = false;
        last->text = utf8;
        last->is_read = static_cast<bool>(try_parse(last->document, last->text, {}));
    }
    return last->is_read ? &last->document : nullptr;
}

Datum read_by_server(std::string_view utf8) {
    const std::string_view text = from_utf8(utf8);
    return guard([text] {
        return DirectFunctionCall1(json_in, CStringGetDatum(pnstrdup(text.data(), text.size())));
    });
}

// json ->> name: nullptr when there is no such member or it is null.
const text *member(Datum json, const char *name) {
    return guard([json, name]() -> const text * {
        LOCAL_FCINFO(call, 2);
        InitFunctionCallInfoData(*call, nullptr, 2, InvalidOid, nullptr, nullptr);
        call->args[0].value = json;
        call->args[0].isnull = false;
        call->args[1].value = CStringGetTextDatum(name);
        call->args[1].isnull = false;
        const Datum result = json_object_field_text(call);
        return call->isnull ? nullptr : DatumGetTextPP(result);
    });
}

// False unless the claim is missing or a whole number; of that both readers make the same double.
bool read_plain(json::Value claim, std::optional<double> &seconds) {
    if (!claim || claim.is_null())
        return true;
    const std::optional<std::int64_t> whole = claim.is_number() ? claim.as_int64() : std::nullopt;
    if (whole)
        seconds = static_cast<double>(*whole);
    return whole.has_value();
}

std::optional<double> claim_by_server(Datum json, const char *name) {
    const text *claim = member(json, name);
    return claim == nullptr ? std::nullopt : try_cast_double(view_of(claim));
}

std::optional<TimestampTz> timestamp_of(std::optional<double> seconds) {
    if (!seconds)
        return std::nullopt;
    const Datum value = Float8GetDatum(*seconds);
    return guard(
        [value] { return DatumGetTimestampTz(DirectFunctionCall1(float8_timestamptz, value)); });
}

// The bounds in the order in which errors are due: a bad nbf is reported before exp is read.
struct Period {
    std::optional<TimestampTz> from, to;

    explicit Period(std::string_view utf8) {
        std::optional<double> nbf, exp; // seconds
        if (const json::Document *payload = read_strictly(utf8))
            if (read_plain(payload->root().find("nbf"), nbf) &&
                read_plain(payload->root().find("exp"), exp)) {
                from = timestamp_of(nbf);
                to = timestamp_of(exp);
                return;
            }
        const Datum json = read_by_server(utf8);
        from = timestamp_of(claim_by_server(json, "nbf"));
        to = timestamp_of(claim_by_server(json, "exp"));
    }
};

} // namespace

Datum to_json(std::string_view utf8) {
    return read_strictly(utf8) ? PointerGetDatum(to_bytes(utf8)) : read_by_server(utf8);
}

std::optional<double> try_cast_double(std::string_view text) {
    try {
        return guard([text] {
            char *copy = pnstrdup(text.data(), text.size());
            return DatumGetFloat8(DirectFunctionCall1(float8in, CStringGetDatum(copy)));
        });
    } catch (const PgError &error) {
        FreeErrorData(error.data());
        return std::nullopt;
    }
}

bool is_in_time(std::string_view utf8_payload) {
    const Period period(utf8_payload);
    if (period.from && period.to && *period.from > *period.to)
        guard([] {
            // a range's error, translated as such
            ereport(ERROR,
                    (errcode(ERRCODE_DATA_EXCEPTION),
                     errmsg("range lower bound must be less than or equal to range upper bound")));
        });
    const TimestampTz now = GetCurrentTransactionStartTimestamp();
    return (!period.from || *period.from <= now) && (!period.to || now < *period.to);
}

} // namespace pg_principal::pgjwt
