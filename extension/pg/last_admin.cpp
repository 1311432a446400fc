// Of two ADMINs who take each other's role, one beside the other, one must be left. A lock taken when
// the role is taken would be held for as long as its transaction is left open, and keep all others from
// doing the same: so it is taken when the transaction commits, and who was left then is looked at
// again. Whoever takes something from one who is no ADMIN takes that lock, too, in a mode that keeps
// out only those who rely on somebody: made an ADMIN beside that, such a one is relied on by nobody
// until it is known whether it has come to it.
#include "pg/last_admin.hpp"

#include "core/base/error.hpp"
#include "pg/tables/store.hpp"

extern "C" {
#include "access/xact.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/timestamp.h"
}

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

namespace pg_principal {

namespace {

bool is_watched = false;
pg_uuid_t watched; // the ADMIN who is left after what the transaction asked for last

// Who was no ADMIN, and who is left should the others have made them one by the commit: for the
// project key, which is nobody itself, that is asked anew.
struct Plain {
    pg_uuid_t target;
    std::optional<pg_uuid_t> left;
};
std::vector<Plain> &plain() {
    static auto *const list = new std::vector<Plain>; // never destroyed
    return *list;
}

// A commit that waits for a standby may last, and whoever waits for it asks again.
struct ShortLockTimeout {
    const int callers = LockTimeout;
    ShortLockTimeout() noexcept { LockTimeout = callers == 0 ? 100 : std::min(callers, 100); }
    ~ShortLockTimeout() { LockTimeout = callers; }
};

bool is_active_admin(const PrincipalRow &row) {
    return row.found && !row.banned && std::string_view(row.app_role) == "ADMIN";
}

constexpr LOCKMODE rely = ShareRowExclusiveLock; // one at a time
constexpr LOCKMODE take = RowExclusiveLock;      // any number, while nobody relies

void lock_until_committed(LOCKMODE mode) {
    const Oid marker = revocation_marker();
    const ShortLockTimeout timeout;
    guard([marker, mode] { LockRelationOid(marker, mode); });
}

void insist_on(const pg_uuid_t &left) {
    lock_until_committed(rely);
    if (!is_active_admin(read_principal(left, GetCurrentTimestamp(), Moment())))
        throw Error(Errc::admin_gone);
}

// Runs at the very end, when nothing of the transaction is left to do but its commit. Whoever waits
// here waits for the commits of others, not for their transactions; and no snapshot of the
// transaction's own is asked, which may be from before they began.
Datum look_again(FunctionCallInfo) {
    if (is_watched)
        insist_on(watched);
    if (plain().empty())
        return 0;
    lock_until_committed(take);
    const Moment others(Moment::Seen::by_others);
    for (const Plain &one : plain())
        if (is_active_admin(read_principal(one.target, GetCurrentTimestamp(), others))) {
            if (!one.left)
                throw Error(Errc::admin_gone);
            insist_on(*one.left);
        }
    return 0;
}

void on_transaction(XactEvent event, void *) {
    switch (event) {
    case XACT_EVENT_PRE_COMMIT:
    case XACT_EVENT_PRE_PREPARE:
        if (is_watched || !plain().empty())
            call_sql_function(look_again, nullptr);
        break;
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_ABORT:
    case XACT_EVENT_PREPARE:
        is_watched = false;
        plain().clear();
        break;
    default:
        break;
    }
}

} // namespace

void watch_last_admin() { RegisterXactCallback(on_transaction, nullptr); }

} // namespace pg_principal

using namespace pg_principal;

SQL_FUNCTION(rely_on_admin) {
    std::optional<pg_uuid_t> left;
    if (!PG_ARGISNULL(0))
        left = *PG_GETARG_UUID_P(0);
    if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
        return 0;
    if (!PG_GETARG_BOOL(2)) {
        plain().push_back({*PG_GETARG_UUID_P(1), left});
    } else if (left) {
        watched = *left;
        is_watched = true;
    }
    return 0;
}
