#include "pg/tables/issuers.hpp"

#include "pg/tables/scan.hpp"

extern "C" {
#include "access/heaptoast.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"
}

namespace pg_principal {

namespace {

Texts texts_of(const Row &row, const char *name) {
    Texts texts{};
    deconstruct_array(DatumGetArrayTypeP(row.get(name)), TEXTOID, -1, false, TYPALIGN_INT,
                      &texts.items, nullptr, &texts.count);
    return texts;
}

// With the decisions that were made beside the row, in one statement: they may be brought into it at
// any moment.
Datum standing_of(const pg_uuid_t *id) {
    static SPIPlanPtr plan = nullptr;
    if (SPI_connect() != SPI_OK_CONNECT)
        elog(ERROR, "SPI_connect failed");
    if (plan == nullptr) {
        Oid types[] = {UUIDOID};
        SPIPlanPtr made =
            SPI_prepare("SELECT auth.standing(u) FROM auth.users u WHERE u.id = $1", 1, types);
        if (made == nullptr || SPI_keepplan(made) != 0)
            elog(ERROR, "SPI_prepare failed");
        plan = made;
    }
    Datum values[] = {UUIDPGetDatum(id)};
    if (SPI_execute_plan(plan, values, nullptr, false, 1) != SPI_OK_SELECT)
        elog(ERROR, "a principal could not be read");
    Datum whole = 0;
    if (SPI_processed == 1) {
        bool isnull;
        const Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
        if (!isnull)
            whole = SPI_datumTransfer(value, false, -1);
    }
    SPI_finish();
    return whole;
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

IssuerRule *read_issuer_rules(const text *issuer, bool (*fits)(Datum claims, void *argument),
                              void *argument, const Moment &moment) {
    const Snapshot snapshot = moment.snapshot();
    return guard([issuer, fits, argument, snapshot] {
        IssuerRule *rules = nullptr;
        const MemoryContext caller = CurrentMemoryContext;
        const MemoryContext for_one =
            AllocSetContextCreate(caller, "pg_principal rule", ALLOCSET_SMALL_SIZES);
        scan(
            "issuer_rules", "issuer", F_TEXTEQ, PointerGetDatum(issuer),
            [&rules, fits, argument, caller, for_one](const Row &row) {
                CHECK_FOR_INTERRUPTS(); // an issuer may have thousands
                MemoryContextSwitchTo(for_one);
                const bool does_fit = fits(row.get("claims"), argument);
                MemoryContextSwitchTo(caller);
                MemoryContextReset(for_one);
                if (!does_fit)
                    return;
                auto *rule = static_cast<IssuerRule *>(palloc(sizeof(IssuerRule)));
                rule->whole = heap_copy_tuple_as_datum(row.tuple, RelationGetDescr(row.relation));
                rule->user_id = *DatumGetUUIDP(row.get("user_id"));
                rule->owner_generation = DatumGetInt32(row.get("owner_generation"));
                rule->next = rules;
                rules = rule;
            },
            Rows::few, snapshot);
        MemoryContextDelete(for_one);
        return rules;
    });
}

Account read_account(const pg_uuid_t &id, const Moment &moment) {
    const pg_uuid_t *key = &id;
    const Snapshot snapshot = moment.snapshot();
    return guard([key, snapshot] {
        Account account{};
        scan(
            "users", "id", F_UUID_EQ, UUIDPGetDatum(key),
            [&account](const Row &row) {
                account.whole = heap_copy_tuple_as_datum(row.tuple, RelationGetDescr(row.relation));
            },
            Rows::many, snapshot);
        if (account.whole == 0)
            return account;
        bool is_decided = false;
        scan_if_there(
            "decisions", "user_id", key, [&is_decided](const Row &) { is_decided = true; },
            Rows::few, snapshot);
        if (is_decided)
            account.whole = standing_of(key);
        if (account.whole == 0)
            return account;
        HeapTupleHeader row = DatumGetHeapTupleHeader(account.whole);
        bool isnull;
        account.found = true;
        account.email = DatumGetTextPP(GetAttributeByName(row, "email", &isnull));
        account.owner_generation =
            DatumGetInt32(GetAttributeByName(row, "owner_generation", &isnull));
        const text *kind = DatumGetTextPP(GetAttributeByName(row, "kind", &isnull));
        account.is_service_account = view_of(kind) == "service_account";
        return account;
    });
}

} // namespace pg_principal
