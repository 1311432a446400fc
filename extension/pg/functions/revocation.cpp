// The trigger that tells every backend to forget what it has verified.
#include "core/base/error.hpp"
#include "pg/bridge/bridge.hpp"
#include "pg/tables/revocation.hpp"

extern "C" {
#include "commands/trigger.h"
}

using namespace pg_principal;

SQL_FUNCTION(signal_revocation) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        throw Error(Errc::not_a_trigger, {"auth.signal_revocation()"});
    signal_revocation();
    return Datum(0);
}
