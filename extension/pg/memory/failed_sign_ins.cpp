#include "pg/memory/failed_sign_ins.hpp"

#include "pg/memory/shared_area.hpp"

extern "C" {
#include "access/xact.h"
#include "common/hashfn.h"
#include "miscadmin.h"
}

#include <algorithm>
#include <cstring>
#include <vector>

namespace pg_principal {

namespace {

constexpr int slot_count = 8192, window = 16;
constexpr TimestampTz memory_span = USECS_PER_DAY;

// A slot is free while its count is 0.
struct Slot {
    FailureKey key;
    int count;
    TimestampTz last_at;
};
// Nobody can work out whose slots are neighbours, and so push a slot out by failures of others.
struct Shared {
    uint64 seed;
    Slot slots[slot_count];
};
SharedArea area{"pg_principal failed sign-ins", sizeof(Shared)};

Shared *shared() noexcept { return static_cast<Shared *>(area.contents()); }

bool is_same(const pg_uuid_t &a, const pg_uuid_t &b) noexcept {
    return std::memcmp(a.data, b.data, UUID_LEN) == 0;
}

bool is_same(const FailureKey &a, const FailureKey &b) noexcept {
    return a.database == b.database && a.source == b.source && is_same(a.target, b.target);
}

// The key's slot, else the one of its window that is free or was written to longest ago.
Slot &slot_for(const FailureKey &key) noexcept {
    const uint64 hash = hash_bytes_extended(key.target.data, UUID_LEN, shared()->seed ^ key.source);
    Slot *best = nullptr;
    for (uint32 i = 0; i < window; ++i) {
        Slot &at = shared()->slots[(hash + i) % slot_count];
        if (at.count > 0 && is_same(at.key, key))
            return at;
        if (best == nullptr || (best->count > 0 && (at.count == 0 || at.last_at < best->last_at)))
            best = &at;
    }
    return *best;
}

// One for each key in each subtransaction.
struct Pending {
    SubTransactionId subtransaction;
    Slot failures;
};
std::vector<Pending> pending;

void add(Slot &slot, const Slot &more) noexcept {
    const bool goes_on = slot.count > 0 && slot.last_at > more.last_at - memory_span;
    slot.count = std::min((goes_on ? slot.count : 0) + more.count, 1000);
    slot.last_at = more.last_at;
}

// Called with area.lock() held.
void take_back(const Slot &failures) noexcept {
    if (shared()->seed == 0 && !pg_strong_random(&shared()->seed, sizeof shared()->seed))
        shared()->seed = 1;
    Slot &slot = slot_for(failures.key);
    if (!is_same(slot.key, failures.key))
        slot = {failures.key, 0, 0};
    add(slot, failures);
}

Pending *find_pending(SubTransactionId subtransaction, const FailureKey &key) noexcept {
    for (Pending &p : pending)
        if (p.subtransaction == subtransaction && is_same(p.failures.key, key))
            return &p;
    return nullptr;
}

// Calls `leave` for each of the subtransaction's; where it says true, that one is gone.
template <class F>
void settle(SubTransactionId subtransaction, F leave) noexcept {
    for (std::size_t i = 0; i < pending.size();) {
        if (pending[i].subtransaction == subtransaction && leave(pending[i])) {
            pending[i] = pending.back();
            pending.pop_back();
        } else {
            ++i;
        }
    }
}

void on_subtransaction(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *) {
    if (pending.empty())
        return;
    if (event == SUBXACT_EVENT_COMMIT_SUB) {
        settle(mine, [parent](Pending &p) {
            Pending *same = find_pending(parent, p.failures.key);
            if (same != nullptr)
                add(same->failures, p.failures);
            else
                p.subtransaction = parent;
            return same != nullptr;
        });
    } else if (event == SUBXACT_EVENT_ABORT_SUB) {
        LWLockAcquire(area.lock(), LW_EXCLUSIVE);
        settle(mine, [](const Pending &p) {
            take_back(p.failures);
            return true;
        });
        LWLockRelease(area.lock());
    }
}

void on_transaction(XactEvent event, void *) {
    if (pending.empty())
        return;
    if (event == XACT_EVENT_ABORT) {
        LWLockAcquire(area.lock(), LW_EXCLUSIVE);
        for (const Pending &p : pending)
            take_back(p.failures);
        LWLockRelease(area.lock());
        pending.clear();
    } else if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE) {
        pending.clear();
    }
}

} // namespace

void request_failed_sign_ins_memory() { area.request(); }

void watch_failed_sign_ins() {
    RegisterXactCallback(on_transaction, nullptr);
    RegisterSubXactCallback(on_subtransaction, nullptr);
}

FailureKey failure_key(const pg_uuid_t &target, std::string_view source) noexcept {
    return {MyDatabaseId, target,
            hash_bytes(reinterpret_cast<const unsigned char *>(source.data()),
                       static_cast<int>(source.size()))};
}

void note_failure(const FailureKey &key, TimestampTz now) {
    if (shared() == nullptr)
        return;
    const SubTransactionId here = GetCurrentSubTransactionId();
    if (Pending *same = find_pending(here, key); same != nullptr)
        add(same->failures, {key, 1, now});
    else
        pending.push_back({here, {key, 1, now}});
}

FailuresTakenBack failures_taken_back(const FailureKey &key, TimestampTz now) noexcept {
    FailuresTakenBack result{0, 0};
    if (shared() == nullptr)
        return result;
    LWLockAcquire(area.lock(), LW_SHARED);
    const Slot &slot = slot_for(key);
    if (slot.count > 0 && is_same(slot.key, key) && slot.last_at > now - memory_span)
        result = {slot.count, slot.last_at};
    LWLockRelease(area.lock());
    return result;
}

void forget_failures(const FailureKey &key) noexcept {
    if (shared() == nullptr)
        return;
    LWLockAcquire(area.lock(), LW_EXCLUSIVE);
    Slot &slot = slot_for(key);
    if (is_same(slot.key, key))
        slot.count = 0;
    LWLockRelease(area.lock());
}

void forget_failures(const pg_uuid_t &target) noexcept {
    if (shared() == nullptr)
        return;
    LWLockAcquire(area.lock(), LW_EXCLUSIVE);
    for (Slot &slot : shared()->slots)
        if (slot.key.database == MyDatabaseId && is_same(slot.key.target, target))
            slot.count = 0;
    LWLockRelease(area.lock());
}

} // namespace pg_principal
