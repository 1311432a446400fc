// What constraints ask.
#include "core/base/error.hpp"
#include "pg/bridge/bridge.hpp"

extern "C" {
#include "utils/array.h"
}

#include <algorithm>
#include <initializer_list>

using namespace pg_principal;

namespace {

// What is NULL and must not be says the column.
bool is_one_of(FunctionCallInfo fcinfo, int n, std::initializer_list<std::string_view> words) {
    return PG_ARGISNULL(n) ||
           std::find(words.begin(), words.end(), bytes_argument(fcinfo, n)) != words.end();
}

int count_of(FunctionCallInfo fcinfo, int n) { // -1: NULL
    return PG_ARGISNULL(n) ? -1 : guard([fcinfo, n] {
        const ArrayType *array = PG_GETARG_ARRAYTYPE_P(n);
        return ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
    });
}

} // namespace

SQL_FUNCTION(check_session) {
    enum { role, user_id, origin, label, revoked_as, agents, agent_generations };
    const char *wrong = nullptr;
    if (!is_one_of(fcinfo, role, {"authenticated", "anon", "service_role"}))
        wrong = "role is authenticated, anon or service_role";
    else if (!PG_ARGISNULL(role) &&
             (bytes_argument(fcinfo, role) == "authenticated") == PG_ARGISNULL(user_id))
        wrong = "with the role authenticated, and no other, it has a user_id";
    else if (!is_one_of(fcinfo, origin, {"issued", "sign_in", "adopted", "oauth"}))
        wrong = "origin is issued, sign_in, adopted or oauth";
    else if (!PG_ARGISNULL(label) && bytes_argument(fcinfo, label).size() > 255)
        wrong = "label has at most 255 bytes";
    else if (!is_one_of(fcinfo, revoked_as, {"revoked", "signed_out", "password_rotated", "reuse"}))
        wrong = "revoked_as is revoked, signed_out, password_rotated or reuse";
    else if (count_of(fcinfo, agents) != count_of(fcinfo, agent_generations))
        wrong = "agents and agent_generations have as many elements";
    if (wrong != nullptr)
        throw Error(Errc::session_refused, {wrong});
    return BoolGetDatum(true);
}
