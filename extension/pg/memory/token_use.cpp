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

constexpr int token_use_slots = 32768, longest_probe = 32; // a power of two

// Open addressing; a slot is free while used_at is 0. Session ids are random: their bytes are the
// hash.
struct TokenUses {
    bool overflowed;
    TokenUse slots[token_use_slots];
};
SharedArea token_use_area{"pg_principal token use", sizeof(TokenUses)};

TokenUses *token_uses() noexcept { return static_cast<TokenUses *>(token_use_area.contents()); }

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
        token_uses()->overflowed = true;
}

void forget_taken() noexcept {
    std::vector<TokenUse>().swap(taken().uses);
    taken().overflowed = false;
}

void settle_token_use(XactEvent event, void *) {
    if (event == XACT_EVENT_ABORT)
        put_back();
    if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE)
        forget_taken();
}

// Of what an outer one has taken it may put back, too, what is then noted twice.
void put_back_token_use(SubXactEvent event, SubTransactionId, SubTransactionId, void *) {
    if (event == SUBXACT_EVENT_ABORT_SUB)
        put_back();
}

} // namespace

void watch_token_use() {
    (void)taken();
    RegisterXactCallback(settle_token_use, nullptr);
    RegisterSubXactCallback(put_back_token_use, nullptr);
}

void request_token_use_memory() { token_use_area.request(); }

bool token_use_is_tracked() noexcept { return token_uses() != nullptr; }

bool token_use_overflowed() noexcept { return token_uses() != nullptr && token_uses()->overflowed; }

void note_token_use(const pg_uuid_t &session, TimestampTz now) noexcept {
    TokenUses *shared = token_uses();
    if (shared == nullptr)
        return;
    std::uint32_t hash;
    std::memcpy(&hash, session.data, sizeof hash);
    LWLockAcquire(token_use_area.lock(), LW_EXCLUSIVE);
    TokenUse *slot = nullptr;
    for (int i = 0; i < longest_probe; ++i) {
        TokenUse &at = shared->slots[(hash + i) % token_use_slots];
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
    LWLockRelease(token_use_area.lock());
}

std::vector<TokenUse> drain_token_use() {
    TokenUses *shared = token_uses();
    if (shared == nullptr)
        return {};
    std::vector<TokenUse> &all = taken().uses;
    const std::size_t before = all.size();
    all.reserve(before + token_use_slots); // nothing may fail below
    LWLockAcquire(token_use_area.lock(), LW_EXCLUSIVE);
    for (TokenUse &slot : shared->slots)
        if (slot.used_at != 0 && slot.database == MyDatabaseId) {
            all.push_back(slot);
            slot.used_at = 0;
        }
    taken().overflowed = taken().overflowed || shared->overflowed;
    shared->overflowed = false;
    LWLockRelease(token_use_area.lock());
    return {all.begin() + static_cast<std::ptrdiff_t>(before), all.end()};
}

} // namespace pg_principal
