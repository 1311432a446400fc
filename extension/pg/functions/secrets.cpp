// Secrets that wait for the statement that stores or compares them.
#include "core/base/error.hpp"
#include "pg/bridge/bridge.hpp"
#include "pg/memory/held_secrets.hpp"

using namespace pg_principal;

// Whatever the type, its bytes are kept and come back.
SQL_FUNCTION(hold_secret) { return Int64GetDatum(hold_secret(Secret(bytes_argument(fcinfo, 0)))); }

SQL_FUNCTION(held_secret) {
    const Secret *secret = held_secret(PG_GETARG_INT64(0));
    if (secret == nullptr)
        PG_RETURN_NULL();
    return PointerGetDatum(to_bytes(secret->view()));
}
