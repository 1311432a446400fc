// Who is connected by a token, ending one, and how many logins were refused.
#include "pg/login/connections.hpp"
#include "pg/bridge/uuid.hpp"

extern "C" {
#include "funcapi.h"
#include "utils/tuplestore.h"
}

using namespace pg_principal;

// pid, role oid, door, session_id, user_id, since, expires_at: of this database
SQL_FUNCTION(token_connections) {
    guard([fcinfo] { InitMaterializedSRF(fcinfo, 0); });
    auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    login::Slot slot;
    for (int index = 0; login::next_connection(MyDatabaseId, index, slot);)
        guard([result, &slot] {
            Datum values[] = {Int32GetDatum(slot.pid),
                              ObjectIdGetDatum(slot.role),
                              CStringGetTextDatum(login::name_of(slot.door)),
                              UUIDPGetDatum(&slot.owner.session_id),
                              UUIDPGetDatum(&slot.owner.uid),
                              TimestampTzGetDatum(slot.since),
                              TimestampTzGetDatum(slot.owner.expires_at)};
            bool nulls[] = {false, false, false, !slot.owner.has_session, false, false, false};
            tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
        });
    return 0;
}

SQL_FUNCTION(end_token_connection) {
    return BoolGetDatum(
        login::end_connection(MyDatabaseId, PG_GETARG_INT32(0), login::ended_by_request));
}

// reason, count
SQL_FUNCTION(login_refusals) {
    guard([fcinfo] { InitMaterializedSRF(fcinfo, 0); });
    auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    login::Counter counters[login::max_counters];
    const int count = login::read_counters(counters, login::max_counters);
    for (int i = 0; i < count; ++i) {
        const login::Counter *counter = &counters[i];
        guard([result, counter] {
            Datum values[] = {CStringGetTextDatum(counter->reason), Int64GetDatum(counter->count)};
            bool nulls[] = {false, false};
            tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
        });
    }
    return 0;
}
