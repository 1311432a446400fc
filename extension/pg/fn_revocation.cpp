// The trigger that tells every backend to forget what it has verified.
#include "core/error.hpp"
#include "pg/store.hpp"

extern "C" {
#include "commands/trigger.h"
#include "utils/inval.h"
}

using namespace pg_principal;

SQL_FUNCTION(signal_revocation) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        throw Error(Errc::not_a_trigger, {"auth.signal_revocation()"});
    const Oid marker = revocation_marker();
    // transactional: sent at commit, written to the WAL for standbys, dropped by a rollback
    if (OidIsValid(marker))
        guard([marker] { CacheInvalidateRelcacheByRelid(marker); });
    return PointerGetDatum(nullptr);
}
