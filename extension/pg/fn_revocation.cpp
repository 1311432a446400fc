// The trigger that tells every backend to forget what it has verified.
#include "core/error.hpp"
#include "pg/bridge.hpp"
#include "pg/revocation.hpp"

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
