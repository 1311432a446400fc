// The table of errors, for SQL.
#include "core/base/error.hpp"
#include "pg/bridge/bridge.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/tuplestore.h"
}

#include <vector>

using namespace pg_principal;

namespace {

// How many arguments the texts of an error ask for.
std::size_t placeholders(const ErrorKind &kind) {
    std::size_t count = 0;
    for (const std::string_view text : {kind.message, kind.hint})
        for (std::size_t i = 0; i + 2 < text.size(); ++i)
            if (text[i] == '{' && text[i + 2] == '}')
                count = std::max(count, static_cast<std::size_t>(text[i + 1] - '0') + 1);
    return count;
}

struct TextArray {
    Datum *values;
    bool *nulls;
    int count;
};

// What is wrong may be that it is not UTF-8.
std::string_view shown(const text *value) {
    return GetDatabaseEncoding() == PG_SQL_ASCII ? view_of(value) : to_utf8(view_of(value));
}

} // namespace

SQL_FUNCTION(raise_error) {
    const std::string_view id = PG_ARGISNULL(0) ? std::string_view() : text_argument(fcinfo, 0);
    const ErrorKind *kind = find_error_kind(id);
    if (kind == nullptr)
        throw Error(Errc::error_unknown, {id});
    const TextArray array = PG_ARGISNULL(1) ? TextArray{} : guard([fcinfo] {
        TextArray a;
        deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &a.values,
                          &a.nulls, &a.count);
        for (int i = 0; i < a.count; ++i)
            if (!a.nulls[i])
                a.values[i] = PointerGetDatum(DatumGetTextPP(a.values[i]));
        return a;
    });
    std::vector<std::string_view> args;
    for (int i = 0; i < array.count; ++i)
        args.push_back(array.nulls[i] ? std::string_view("NULL")
                                      : shown(reinterpret_cast<text *>(array.values[i])));
    const std::size_t count = std::min(args.size(), placeholders(*kind));
    const std::string detail = args.size() > count ? std::string(args[count]) : std::string();
    throw Error(static_cast<Errc>(kind - &error_kind(0)), args.data(), count, detail);
}

SQL_FUNCTION(error_kinds) {
    guard([fcinfo] { InitMaterializedSRF(fcinfo, 0); });
    auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    for (std::size_t i = 0; i < error_kind_count(); ++i) {
        const ErrorKind &kind = error_kind(i);
        Datum values[4] = {
            PointerGetDatum(to_text(kind.id)), PointerGetDatum(to_text(kind.sqlstate)),
            PointerGetDatum(to_text(kind.message)), PointerGetDatum(to_text(kind.hint))};
        bool nulls[4] = {false, false, false, kind.hint.empty()};
        Datum *row = values;
        bool *is_null = nulls;
        guard([result, row, is_null] {
            tuplestore_putvalues(result->setResult, result->setDesc, row, is_null);
        });
    }
    return 0;
}
