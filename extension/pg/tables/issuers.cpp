#include "pg/tables/issuers.hpp"

#include "pg/tables/scan.hpp"

extern "C" {
#include "access/heaptoast.h"
#include "utils/array.h"
}

namespace pg_principal {

namespace {

Texts texts_of(const Row &row, const char *name) {
    Texts texts{};
    deconstruct_array(DatumGetArrayTypeP(row.get(name)), TEXTOID, -1, false, TYPALIGN_INT,
                      &texts.items, nullptr, &texts.count);
    return texts;
}

} // namespace

IssuerRow read_trusted_issuer(const text *issuer) {
    return guard([issuer] {
        IssuerRow result{};
        scan(
            "trusted_issuers", "issuer", F_TEXTEQ, PointerGetDatum(issuer),
            [&result](const Row &stored) {
                const TupleDesc desc = RelationGetDescr(stored.relation);
                const Row row{stored.relation, toast_flatten_tuple(stored.tuple, desc)};
                result.found = true;
                result.whole = heap_copy_tuple_as_datum(row.tuple, desc);
                result.issuer = row.get("issuer");
                bool isnull;
                result.keys = row.get("jwks", &isnull);
                result.has_keys = !isnull;
                result.audiences = texts_of(row, "audiences");
                result.algorithms = texts_of(row, "algorithms");
                result.required_claims = texts_of(row, "required_claims");
                result.longest_life_s = DatumGetInt32(row.get("max_life"));
            },
            Rows::few);
        return result;
    });
}

} // namespace pg_principal
