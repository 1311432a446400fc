#include "pg/identity/call_site.hpp"

namespace pg_principal {

CallSite *call_site(FunctionCallInfo fcinfo) {
    if (fcinfo->flinfo == nullptr)
        return nullptr;
    if (fcinfo->flinfo->fn_extra == nullptr)
        fcinfo->flinfo->fn_extra = guard(
            [fcinfo] { return MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(CallSite)); });
    return static_cast<CallSite *>(fcinfo->flinfo->fn_extra);
}

const Identity *caller(FunctionCallInfo fcinfo) {
    CallSite *site = call_site(fcinfo);
    if (site == nullptr)
        return current_identity();
    if (site->fresh())
        return known_identity();
    const Identity *identity = current_identity();
    site->looked();
    return identity;
}

} // namespace pg_principal
