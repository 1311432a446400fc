#include "pg/bridge/jsonb.hpp"

#include "core/base/utf8.hpp"

extern "C" {
#include "mb/pg_wchar.h"
#include "utils/jsonb.h"
}

#include <cstdio>
#include <cstring>
#include <string>

namespace pg_principal {

namespace {

constexpr const char *hex_digits = "0123456789abcdefABCDEF";

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

// \u00e9 as the character itself, which the server leaves alone in SQL_ASCII; it refuses the escape
// there. Below U+0080 they stay: they may be what a string must not have.
void resolve_escapes(char *json) {
    char *to = json;
    const auto code_at = [](const char *from) {
        unsigned code = 0;
        return from[0] == '\\' && from[1] == 'u' && std::strspn(from + 2, hex_digits) >= 4 &&
                       std::sscanf(from + 2, "%4x", &code) == 1
                   ? code
                   : 0;
    };
    for (const char *from = json; *from != '\0';) {
        unsigned code = code_at(from);
        int length = 6;
        if (is_utf16_surrogate_first(code) && is_utf16_surrogate_second(code_at(from + 6))) {
            code = surrogate_pair_to_codepoint(static_cast<pg_wchar>(code),
                                               static_cast<pg_wchar>(code_at(from + 6)));
            length = 12;
        }
        if (code >= 0x80 && !(code >= 0xD800 && code < 0xE000)) {
            std::string character; // at most four bytes: nothing is allocated, nothing jumps
            append_utf8(character, code);
            std::memcpy(to, character.data(), character.size());
            to += character.size();
            from += length;
            continue;
        }
        if (*from == '\\' && from[1] != '\0')
            *to++ = *from++;
        *to++ = *from++;
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
    if (GetDatabaseEncoding() == PG_SQL_ASCII)
        resolve_escapes(copy);
    char *local = pg_any_to_server(copy, static_cast<int>(std::strlen(copy)), PG_UTF8);
    return DirectFunctionCall1(jsonb_in, CStringGetDatum(local));
}

Datum to_jsonb(std::string_view utf8) {
    return guard([utf8] { return make_jsonb(utf8); });
}

} // namespace pg_principal
