#include "pg/bridge/jsonb.hpp"

extern "C" {
#include "mb/pg_wchar.h"
#include "utils/jsonb.h"
}

#include <cstring>

namespace pg_principal {

namespace {

// The server writes a space after each colon and comma; a token would carry them for life.
void drop_spaces(char *json) {
    char *to = json;
    bool in_string = false;
    for (const char *from = json; *from != '\0'; ++from) {
        if (*from == ' ' && !in_string)
            continue;
        if (*from == '\\') // never outside a string, never the last character
            *to++ = *from++;
        else if (*from == '"')
            in_string = !in_string;
        *to++ = *from;
    }
    *to = '\0';
}

} // namespace

std::string_view jsonb_argument(FunctionCallInfo fcinfo, int n) {
    return jsonb_text(PG_GETARG_DATUM(n));
}

std::string_view jsonb_text(Datum jsonb) {
    return to_utf8(guard([jsonb] {
        Jsonb *json = DatumGetJsonbP(jsonb);
        char *local = JsonbToCString(nullptr, &json->root, VARSIZE(json));
        drop_spaces(local);
        return std::string_view(local);
    }));
}

bool is_jsonb_object(FunctionCallInfo fcinfo, int n) {
    return guard(
        [fcinfo, n] { return static_cast<bool>(JB_ROOT_IS_OBJECT(PG_GETARG_JSONB_P(n))); });
}

Datum make_jsonb(std::string_view utf8) {
    char *copy = pnstrdup(utf8.data(), utf8.size());
    char *local = pg_any_to_server(copy, static_cast<int>(utf8.size()), PG_UTF8);
    return DirectFunctionCall1(jsonb_in, CStringGetDatum(local));
}

Datum to_jsonb(std::string_view utf8) {
    return guard([utf8] { return make_jsonb(utf8); });
}

} // namespace pg_principal
