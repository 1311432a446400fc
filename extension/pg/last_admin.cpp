// Of two ADMINs who take each other's role, one beside the other, one must be left. A lock taken when
// the role is taken would be held for as long as its transaction is left open, and keep all others from
// doing the same: so who was left is looked at again when the transaction commits. A commit may last,
// too: it waits for a standby, or has a million notifications to write. So it tells from whom it takes
// something, by a lock that nobody waits for, and passes by all others: it waits for those alone that
// are taking something from the one who is left.
#include "pg/last_admin.hpp"

#include "core/base/error.hpp"
#include "pg/tables/store.hpp"

extern "C" {
#include "access/xact.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/timestamp.h"
}

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace pg_principal {

namespace {

// What the transaction takes from somebody, an ADMIN's role perhaps.
struct Taken {
    SubTransactionId by;
    pg_uuid_t target;
    std::optional<pg_uuid_t>
        left;       // the ADMIN who is left then; none: the project key knows of none
    bool was_admin; // when it was asked for; others may make one of it until the commit
};
std::vector<Taken> &taken() {
    static auto *const list = new std::vector<Taken>; // never destroyed
    return *list;
}

// Beyond so many a lock is shared by several principals: the server has room for so many only.
constexpr std::size_t most_locks = 256;
constexpr std::uint32_t shared_locks = 4096;

// An object of a class that is none of the server's: no statement can lock it.
LOCKTAG lock_of(const pg_uuid_t &target, Oid marker, bool shared) noexcept {
    const std::uint32_t hash = hash_bytes(target.data, UUID_LEN);
    LOCKTAG tag;
    SET_LOCKTAG_OBJECT(tag, MyDatabaseId, marker, shared ? hash % shared_locks : hash,
                       shared ? 1 : 0);
    return tag;
}

constexpr LOCKMODE one_at_a_time = ShareRowExclusiveLock;
constexpr LOCKMODE takes = RowExclusiveLock, is_relied_on = ShareLock;

// On the marker, for moments only. After an error it ends with the transaction.
void close_gate(Oid marker) {
    guard([marker] { LockRelationOid(marker, one_at_a_time); });
}
void open_gate(Oid marker) {
    guard([marker] { UnlockRelationOid(marker, one_at_a_time); });
}

// For as long as all of it may wait, whatever the caller's own patience.
class Patience {
  public:
    Patience() noexcept
        : callers_(LockTimeout), most_(callers_ == 0 ? 100 : std::min(callers_, 100)) {
        LockTimeout = most_;
    }
    ~Patience() { LockTimeout = callers_; }
    void go_on() const noexcept {
        const auto spent = (GetCurrentTimestamp() - began_) / 1000;
        LockTimeout = static_cast<int>(std::clamp<std::int64_t>(most_ - spent, 1, most_));
    }

  private:
    const int callers_, most_;
    const TimestampTz began_ = GetCurrentTimestamp();
};

bool is_active_admin(const pg_uuid_t &id, Moment::Seen seen = Moment::Seen::by_us) {
    const PrincipalRow row = read_principal(id, GetCurrentTimestamp(), Moment(seen));
    return row.found && !row.banned && std::string_view(row.app_role) == "ADMIN";
}

// Tells the others; and no longer, should it have to wait.
class Announcement {
  public:
    Announcement(const std::vector<Taken> &all, Oid marker) {
        for (const Taken &one : all)
            tags_.push_back(lock_of(one.target, marker, tags_.size() >= most_locks));
    }
    void make() const {
        for (const LOCKTAG &tag : tags_)
            guard([&tag] { (void)LockAcquire(&tag, takes, false, false); });
    }
    void take_back() const {
        for (const LOCKTAG &tag : tags_)
            guard([&tag] { LockRelease(&tag, takes, false); });
    }

  private:
    std::vector<LOCKTAG> tags_;
};

// A transaction that takes something from a principal, and is about to commit.
std::optional<VirtualTransactionId> taker_of(const pg_uuid_t &id, Oid marker) {
    for (const bool shared : {false, true}) {
        const LOCKTAG tag = lock_of(id, marker, shared);
        VirtualTransactionId first{};
        if (guard([&tag, &first] {
                int count = 0;
                const VirtualTransactionId *found = GetLockConflicts(&tag, is_relied_on, &count);
                if (count > 0)
                    first = *found;
                return count > 0;
            }))
            return first;
    }
    return std::nullopt;
}

// Who must be an ADMIN when this commits.
std::vector<pg_uuid_t> relied_on(const std::vector<Taken> &really) {
    std::vector<pg_uuid_t> all;
    for (const Taken &one : really)
        if (one.was_admin)
            all.assign(1, *one.left); // the last one has seen what the others left
    for (const Taken &one : really)
        if (!one.was_admin && is_active_admin(one.target, Moment::Seen::by_others)) {
            if (!one.left)
                throw Error(Errc::admin_gone);
            all.push_back(*one.left);
        }
    return all;
}

// Runs at the very end, when nothing of the transaction is left to do but its commit, and no snapshot
// of its own is asked, which may be from before the others began.
Datum look_again(FunctionCallInfo) {
    guard([] { CommandCounterIncrement(); });
    std::vector<Taken> really;
    for (const Taken &one : taken())
        if (!is_active_admin(one.target)) // else it was asked for, and refused
            really.push_back(one);
    if (really.empty())
        return 0;
    const Oid marker = revocation_marker();
    const Announcement announcement(really, marker);
    const Patience patience;
    for (;;) {
        close_gate(marker);
        announcement.make();
        std::optional<VirtualTransactionId> waits_for;
        for (const pg_uuid_t &left : relied_on(really)) {
            if (!waits_for)
                waits_for = taker_of(left, marker);
            if (!waits_for && !is_active_admin(left))
                throw Error(Errc::admin_gone);
        }
        if (waits_for)
            announcement.take_back();
        open_gate(marker);
        if (!waits_for)
            return 0;
        patience.go_on();
        const VirtualTransactionId taker = *waits_for;
        guard([taker] { (void)VirtualXactLock(taker, true); });
        patience.go_on();
    }
}

void on_transaction(XactEvent event, void *) {
    switch (event) {
    case XACT_EVENT_PRE_COMMIT:
    case XACT_EVENT_PRE_PREPARE:
        if (!taken().empty())
            call_sql_function(look_again, nullptr);
        break;
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_ABORT:
    case XACT_EVENT_PREPARE:
        taken().clear();
        break;
    default:
        break;
    }
}

void on_subtransaction(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *) {
    std::vector<Taken> &all = taken();
    if (event == SUBXACT_EVENT_ABORT_SUB)
        all.erase(std::remove_if(all.begin(), all.end(),
                                 [mine](const Taken &one) { return one.by == mine; }),
                  all.end());
    else if (event == SUBXACT_EVENT_COMMIT_SUB)
        for (Taken &one : all)
            if (one.by == mine)
                one.by = parent;
}

} // namespace

void watch_last_admin() {
    RegisterXactCallback(on_transaction, nullptr);
    RegisterSubXactCallback(on_subtransaction, nullptr);
}

} // namespace pg_principal

using namespace pg_principal;

SQL_FUNCTION(rely_on_admin) {
    std::optional<pg_uuid_t> left;
    if (!PG_ARGISNULL(0))
        left = *PG_GETARG_UUID_P(0);
    if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
        return 0;
    const bool is_one = PG_GETARG_BOOL(2);
    if (left || !is_one)
        taken().push_back({GetCurrentSubTransactionId(), *PG_GETARG_UUID_P(1), left, is_one});
    return 0;
}
