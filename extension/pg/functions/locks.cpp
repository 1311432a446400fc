// Who holds a row: what the SQL of 0.1.0 and 0.2.0 asks until ALTER EXTENSION UPDATE has run.
#include "pg/bridge/bridge.hpp"

extern "C" {
#include "access/heapam.h"
#include "access/multixact.h"
#include "access/subtrans.h"
#include "access/table.h"
#include "access/transam.h"
#include "funcapi.h"
#include "storage/bufmgr.h"
#include "storage/procarray.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"
}

using namespace pg_principal;

namespace {

// Everything here runs inside guard().

// A subtransaction's row lock is its transaction's.
void put_holder(ReturnSetInfo *result, TransactionId xid) {
    if (!TransactionIdIsInProgress(xid))
        return;
    const int pid = BackendXidGetPid(SubTransGetTopmostTransaction(xid));
    if (pid == 0 || pid == MyProcPid)
        return;
    Datum value = Int32GetDatum(pid);
    bool isnull = false;
    tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
}

void put_holders(ReturnSetInfo *result, const HeapTupleHeaderData &header) {
    const TransactionId xmax = HeapTupleHeaderGetRawXmax(&header);
    if ((header.t_infomask & HEAP_XMAX_INVALID) != 0 || !TransactionIdIsValid(xmax))
        return;
    // A foreign key's lock lets everything pass but a deletion and another key.
    if ((header.t_infomask & HEAP_XMAX_IS_MULTI) == 0)
        return HEAP_XMAX_IS_KEYSHR_LOCKED(header.t_infomask) ? void() : put_holder(result, xmax);
    MultiXactMember *members;
    const int count =
        GetMultiXactIdMembers(xmax, &members, false, HEAP_XMAX_IS_LOCKED_ONLY(header.t_infomask));
    for (int i = 0; i < count; ++i)
        if (members[i].status != MultiXactStatusForKeyShare)
            put_holder(result, members[i].xid);
}

} // namespace

// table, ctid
SQL_FUNCTION(row_holders) {
    guard([fcinfo] {
        InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
        auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
        Relation relation = table_open(PG_GETARG_OID(0), AccessShareLock);
        HeapTupleData tuple{};
        tuple.t_self = *reinterpret_cast<ItemPointer>(PG_GETARG_POINTER(1));
        Buffer buffer;
        if (heap_fetch(relation, SnapshotAny, &tuple, &buffer, false)) {
            const HeapTupleHeaderData header = *tuple.t_data;
            ReleaseBuffer(buffer);
            put_holders(result, header);
        }
        table_close(relation, AccessShareLock);
    });
    return 0;
}
