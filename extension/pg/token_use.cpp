#include "pg/token_use.hpp"

extern "C" {
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
}

#include <cstdint>
#include <cstring>

namespace pg_principal {

namespace {

constexpr int slot_count = 32768, longest_probe = 32; // a power of two
constexpr const char *name = "pg_principal token use";

// Open addressing; a slot is free while used_at is 0. Session ids are random: their bytes are the
// hash.
struct Shared {
    LWLock *lock;
    bool overflowed;
    TokenUse slots[slot_count];
};

Shared *shared = nullptr;
shmem_request_hook_type next_request_hook = nullptr;
shmem_startup_hook_type next_startup_hook = nullptr;

void on_request() {
    if (next_request_hook != nullptr)
        next_request_hook();
    RequestAddinShmemSpace(sizeof(Shared));
    RequestNamedLWLockTranche(name, 1);
}

void on_startup() {
    if (next_startup_hook != nullptr)
        next_startup_hook();
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    bool found;
    auto *memory = static_cast<Shared *>(ShmemInitStruct(name, sizeof(Shared), &found));
    if (!found) {
        std::memset(static_cast<void *>(memory), 0, sizeof(Shared));
        memory->lock = &GetNamedLWLockTranche(name)->lock;
    }
    shared = memory;
    LWLockRelease(AddinShmemInitLock);
}

} // namespace

void request_token_use_memory() {
    next_request_hook = shmem_request_hook;
    shmem_request_hook = on_request;
    next_startup_hook = shmem_startup_hook;
    shmem_startup_hook = on_startup;
}

bool token_use_is_tracked() noexcept { return shared != nullptr; }

bool token_use_overflowed() noexcept { return shared != nullptr && shared->overflowed; }

void note_token_use(const pg_uuid_t &session, TimestampTz now) noexcept {
    if (shared == nullptr)
        return;
    std::uint32_t hash;
    std::memcpy(&hash, session.data, sizeof hash);
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
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
    LWLockRelease(shared->lock);
}

int drain_token_use(TokenUse *out, int size) noexcept {
    if (shared == nullptr)
        return 0;
    int count = 0;
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    for (TokenUse &slot : shared->slots)
        if (slot.used_at != 0 && slot.database == MyDatabaseId && count < size) {
            out[count++] = slot;
            slot.used_at = 0;
        }
    shared->overflowed = false;
    LWLockRelease(shared->lock);
    return count;
}

} // namespace pg_principal
