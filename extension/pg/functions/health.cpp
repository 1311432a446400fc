// The health scan: what SQL finds becomes lines in the server log and rows of the result.
#include "pg/bridge/bridge.hpp"
#include "pg/memory/token_use.hpp"

extern "C" {
#include "executor/spi.h"
#include "funcapi.h"
#include "utils/tuplestore.h"
}

using namespace pg_principal;

namespace {

// May ereport: for use inside guard().
void report(ReturnSetInfo *result, HeapTuple tuple, TupleDesc desc) {
    Datum values[16];
    bool nulls[16];
    heap_deform_tuple(tuple, desc, values, nulls);
    if (!nulls[0])
        ereport(WARNING, (errmsg_internal("%s", TextDatumGetCString(values[0])), errhidestmt(true),
                          errhidecontext(true)));
    tuplestore_putvalues(result->setResult, result->setDesc, values + 1, nulls + 1);
}

} // namespace

// auth.collect_incidents() returns the line to log, then our own columns.
SQL_FUNCTION(scan_agent_health) {
    guard([fcinfo] {
        InitMaterializedSRF(fcinfo, 0);
        auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
        if (SPI_connect() != SPI_OK_CONNECT)
            elog(ERROR, "SPI_connect failed");
        Oid types[1] = {TEXTOID};
        Datum values[1] = {PG_ARGISNULL(0) ? 0 : PG_GETARG_DATUM(0)};
        const char nulls[1] = {PG_ARGISNULL(0) ? 'n' : ' '};
        if (SPI_execute_with_args("SELECT * FROM auth.collect_incidents($1)", 1, types, values,
                                  nulls, false, 0) != SPI_OK_SELECT)
            elog(ERROR, "auth.collect_incidents() failed");
        SPITupleTable *found = SPI_tuptable;
        if (found->tupdesc->natts != result->setDesc->natts + 1 || found->tupdesc->natts > 16)
            elog(ERROR, "auth.collect_incidents() has other columns");
        for (uint64 i = 0; i < found->numvals; ++i)
            report(result, found->vals[i], found->tupdesc);
        SPI_finish();
    });
    return 0;
}

// session_id, used_at
SQL_FUNCTION(drain_token_use) {
    const std::vector<TokenUse> uses = drain_token_use();
    guard([fcinfo, &uses] {
        InitMaterializedSRF(fcinfo, 0);
        auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
        for (const TokenUse &use : uses) {
            Datum values[2] = {UUIDPGetDatum(&use.session), TimestampTzGetDatum(use.used_at)};
            bool nulls[2] = {false, false};
            tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
        }
    });
    return 0;
}

// Not where a use was lost: nothing must be called unused that was used.
SQL_FUNCTION(token_use_is_known) {
    return BoolGetDatum(token_use_is_tracked() && !token_use_overflowed());
}
