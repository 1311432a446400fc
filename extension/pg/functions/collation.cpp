// The collation by which our functions compare is the database's, not the caller's.
#include "pg/bridge/bridge.hpp"

extern "C" {
#include "catalog/pg_collation.h"
#include "nodes/primnodes.h"
#include "nodes/supportnodes.h"
}

using namespace pg_principal;

// A planner support function. PL/pgSQL gives every variable of a function the collation of the
// call's arguments, which anybody may choose, and make: by one that is not deterministic any two
// texts are the same. Each call is planned as one by the database's own.
SQL_FUNCTION(default_collation) {
    auto *request = reinterpret_cast<SupportRequestSimplify *>(PG_GETARG_POINTER(0));
    if (!IsA(request, SupportRequestSimplify))
        return 0;
    const FuncExpr *call = request->fcall;
    if (!OidIsValid(call->inputcollid) || call->inputcollid == DEFAULT_COLLATION_OID)
        return 0; // as it is
    return guard([call] {
        auto *planned = makeNode(FuncExpr);
        *planned = *call;
        planned->inputcollid = DEFAULT_COLLATION_OID;
        return PointerGetDatum(planned);
    });
}
