#include "pg/jsonb.hpp"

extern "C" {
#include "mb/pg_wchar.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
}

#include <cstring>

namespace pg_principal {

namespace {

// Everything here runs inside guard(): it may ereport and has no destructors. The depth is bounded
// by the parser's.

JsonbValue string_value(std::string_view utf8) {
    JsonbValue value{};
    value.type = jbvString;
    value.val.string.val = const_cast<char *>(utf8.data());
    value.val.string.len = static_cast<int>(utf8.size());
    if (GetDatabaseEncoding() != PG_UTF8) {
        char *copy = pnstrdup(utf8.data(), utf8.size());
        value.val.string.val = pg_any_to_server(copy, value.val.string.len, PG_UTF8);
        value.val.string.len = static_cast<int>(std::strlen(value.val.string.val));
    }
    return value;
}

JsonbValue number_value(json::Value number) {
    JsonbValue value{};
    value.type = jbvNumeric;
    const std::string_view text = number.number_text();
    const std::optional<std::int64_t> whole =
        text.find_first_of(".eE") == std::string_view::npos ? number.as_int64() : std::nullopt;
    if (whole)
        value.val.numeric = int64_to_numeric(*whole);
    else
        value.val.numeric = DatumGetNumeric(
            DirectFunctionCall3(numeric_in, CStringGetDatum(pnstrdup(text.data(), text.size())),
                                ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
    return value;
}

JsonbValue *push(JsonbParseState **state, json::Value value, JsonbIteratorToken as) {
    JsonbValue scalar{};
    switch (value.type()) {
    case json::Type::object:
        pushJsonbValue(state, WJB_BEGIN_OBJECT, nullptr);
        for (const json::Member member : value.members()) {
            JsonbValue name = string_value(member.name);
            pushJsonbValue(state, WJB_KEY, &name);
            push(state, member.value, WJB_VALUE);
        }
        return pushJsonbValue(state, WJB_END_OBJECT, nullptr);
    case json::Type::array:
        pushJsonbValue(state, WJB_BEGIN_ARRAY, nullptr);
        for (const json::Value element : value.elements())
            push(state, element, WJB_ELEM);
        return pushJsonbValue(state, WJB_END_ARRAY, nullptr);
    case json::Type::string:
        scalar = string_value(value.as_string());
        break;
    case json::Type::number:
        scalar = number_value(value);
        break;
    case json::Type::boolean:
        scalar.type = jbvBool;
        scalar.val.boolean = value.as_bool();
        break;
    case json::Type::null:
    case json::Type::missing:
        scalar.type = jbvNull;
        break;
    }
    return pushJsonbValue(state, as, &scalar);
}

} // namespace

std::string_view jsonb_argument(FunctionCallInfo fcinfo, int n) {
    return guard([fcinfo, n] {
        Jsonb *json = PG_GETARG_JSONB_P(n);
        char *local = JsonbToCString(nullptr, &json->root, VARSIZE(json));
        const char *utf8 = pg_server_to_any(local, static_cast<int>(std::strlen(local)), PG_UTF8);
        return std::string_view(utf8);
    });
}

Datum make_jsonb(std::string_view utf8) {
    char *copy = pnstrdup(utf8.data(), utf8.size());
    char *local = pg_any_to_server(copy, static_cast<int>(utf8.size()), PG_UTF8);
    return DirectFunctionCall1(jsonb_in, CStringGetDatum(local));
}

Datum to_jsonb(std::string_view utf8) {
    return guard([utf8] { return make_jsonb(utf8); });
}

Datum to_jsonb(json::Value value) {
    return guard([value] {
        JsonbParseState *state = nullptr;
        return JsonbPGetDatum(JsonbValueToJsonb(push(&state, value, WJB_ELEM)));
    });
}

} // namespace pg_principal
