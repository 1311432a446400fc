#include "pg/memory/token_use.hpp"

#include "pg/memory/shared_area.hpp"

extern "C" {
#include "miscadmin.h"
}

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

} // namespace

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
    if (slot != nullptr)
        *slot = {MyDatabaseId, session, now};
    else
        shared->overflowed = true;
    LWLockRelease(area.lock());
}

int drain_token_use(TokenUse *out, int size) noexcept {
    Shared *shared = contents();
    if (shared == nullptr)
        return 0;
    int count = 0;
    LWLockAcquire(area.lock(), LW_EXCLUSIVE);
    for (TokenUse &slot : shared->slots)
        if (slot.used_at != 0 && slot.database == MyDatabaseId && count < size) {
            out[count++] = slot;
            slot.used_at = 0;
        }
    shared->overflowed = false;
    LWLockRelease(area.lock());
    return count;
}

} // namespace pg_principal
