#include "pg/memory/token_use.hpp"

#include "pg/memory/shared_area.hpp"

extern "C" {
#include "access/xact.h"
#include "miscadmin.h"
}

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace pg_principal {

namespace {

constexpr int slot_count = 32768, longest_probe = 32; // a power of two

// Open addressing; a slot is free while used_at is 0. Session ids are random: their bytes are the
// hash.
struct Shared {
    bool overflowed;
    TokenUse slots[slot_count];
};
SharedArea area{"pg_principal token use", sizeof(Shared)};

Shared *contents() noexcept { return static_cast<Shared *>(area.contents()); }

// What this transaction has taken out.
struct Taken {
    std::vector<TokenUse> uses;
    bool overflowed;
};
Taken &taken() noexcept {
    static auto *const state = new Taken{}; // never destroyed
    return *state;
}

void put_back() noexcept {
    for (const TokenUse &use : taken().uses)
        note_token_use(use.session, use.used_at);
    if (taken().overflowed)
        contents()->overflowed = true;
}

void forget_taken() noexcept {
    std::vector<TokenUse>().swap(taken().uses);
    taken().overflowed = false;
}

void on_transaction(XactEvent event, void *) {
    if (event == XACT_EVENT_ABORT)
        put_back();
    if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE)
        forget_taken();
}

// Of what an outer one has taken it may put back, too, what is then noted twice.
void on_subtransaction(SubXactEvent event, SubTransactionId, SubTransactionId, void *) {
    if (event == SUBXACT_EVENT_ABORT_SUB)
        put_back();
}

} // namespace

void watch_token_use() {
    (void)taken();
    RegisterXactCallback(on_transaction, nullptr);
    RegisterSubXactCallback(on_subtransaction, nullptr);
}

void request_token_use_memory() { area.request(); }

bool token_use_is_tracked() noexcept { return contents() != nullptr; }

bool token_use_overflowed() noexcept { return contents() != nullptr && contents()->overflowed; }

void note_token_use(const pg_uuid_t &session, TimestampTz now) noexcept {
    Shared *shared = contents();
    if (shared == nullptr)
        return;
    std::uint32_t hash;
    std::memcpy(&hash, session.data, sizeof hash);
    LWLockAcquire(area.lock(), LW_EXCLUSIVE);
    TokenUse *slot = nullptr;
    for (int i = 0; i < longest_probe; ++i) {
        TokenUse &at = shared->slots[(hash + i) % slot_count];
        if (at.used_at == 0 && slot == nullptr)
            slot = &at; // goes on: it may stand further on, behind one that was drained
        if (at.used_at != 0 && at.database == MyDatabaseId &&
            std::memcmp(at.session.data, session.data, UUID_LEN) == 0) {
            slot = &at;
            break;
        }
    }
    if (slot != nullptr) // what is put back may be older
        *slot = {MyDatabaseId, session, std::max(slot->used_at, now)};
    else
        shared->overflowed = true;
    LWLockRelease(area.lock());
}

std::vector<TokenUse> drain_token_use() {
    Shared *shared = contents();
    if (shared == nullptr)
        return {};
    std::vector<TokenUse> &all = taken().uses;
    const std::size_t before = all.size();
    all.reserve(before + slot_count); // nothing may fail below
    LWLockAcquire(area.lock(), LW_EXCLUSIVE);
    for (TokenUse &slot : shared->slots)
        if (slot.used_at != 0 && slot.database == MyDatabaseId) {
            all.push_back(slot);
            slot.used_at = 0;
        }
    taken().overflowed = taken().overflowed || shared->overflowed;
    shared->overflowed = false;
    LWLockRelease(area.lock());
    return {all.begin() + static_cast<std::ptrdiff_t>(before), all.end()};
}

} // namespace pg_principal
