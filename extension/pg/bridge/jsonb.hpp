// jsonb across the border, in the UTF-8 that core/ speaks whatever the database's encoding.
#pragma once

#include "core/json/document.hpp"
#include "pg/bridge/bridge.hpp"

namespace pg_principal {

// Its text without spaces between its parts; lives in the current memory context.
std::string_view jsonb_text(Datum jsonb);
std::string_view jsonb_argument(FunctionCallInfo fcinfo, int n);
bool is_jsonb_object(FunctionCallInfo fcinfo, int n);
// For use inside guard(): may ereport.
Datum make_jsonb(std::string_view utf8);
Datum to_jsonb(std::string_view utf8);
// The same for an object or array that has been parsed from the text already.
Datum to_jsonb(json::Value container, std::string_view utf8);

// For what strangers send: nothing where `make` fails for a number beyond what numeric holds, or
// for a character that the database's encoding lacks.
template <class Make>
std::optional<Datum> if_storable(Make make) {
    try {
        return make();
    } catch (const PgError &error) {
        if (ERRCODE_TO_CATEGORY(error.data()->sqlerrcode) != ERRCODE_DATA_EXCEPTION)
            throw;
        return std::nullopt;
    }
}

} // namespace pg_principal
