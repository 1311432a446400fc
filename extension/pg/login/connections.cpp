#include "pg/login/connections.hpp"

#include "pg/memory/shared_area.hpp"

extern "C" {
#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/proc.h"
}

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstring>

namespace pg_principal::login {

namespace {

constexpr int max_workers = 64; // databases with logins at a time

struct Worker {
    Oid database; // InvalidOid: free
    int pid;      // 0: about to start, or to start again
    Latch *latch;
};

struct Shared {
    Worker workers[max_workers];
    Slot slots[FLEXIBLE_ARRAY_MEMBER];
};

SharedArea area{"pg_principal connections", [] {
                    return static_cast<Size>(offsetof(Shared, slots)) + MaxBackends * sizeof(Slot);
                }};
// Pages that no token ever reaches are never touched, so it is not cleared when the server starts.
SharedArea tokens{"pg_principal login tokens", [] { return MaxBackends * Size{max_token_bytes}; },
                  false};

Shared *shared() noexcept { return static_cast<Shared *>(area.contents()); }

char *token_at(int index) noexcept {
    return static_cast<char *>(tokens.contents()) + Size{max_token_bytes} * index;
}

class Lock {
  public:
    explicit Lock(LWLockMode mode) noexcept { LWLockAcquire(area.lock(), mode); }
    ~Lock() { LWLockRelease(area.lock()); }
    Lock(const Lock &) = delete;
    Lock &operator=(const Lock &) = delete;
};

int own_index() noexcept {
    if (shared() == nullptr || MyProc == nullptr)
        return -1;
    const auto index = MyProc - ProcGlobal->allProcs;
    return index >= 0 && index < MaxBackends ? static_cast<int>(index) : -1;
}

void wipe(int index) noexcept {
    Slot &slot = shared()->slots[index];
    explicit_bzero(token_at(index), slot.token_bytes);
    const std::uint32_t generation = slot.generation;
    slot = {};
    slot.generation = generation + 1;
}

void put(int index, std::string_view token) noexcept {
    std::memcpy(token_at(index), token.data(), token.size());
    shared()->slots[index].token_bytes = static_cast<std::uint32_t>(token.size());
}

void put_reason(Slot &slot, std::string_view reason) noexcept {
    const std::size_t length = std::min(reason.size(), sizeof slot.reason - 1);
    std::memcpy(slot.reason, reason.data(), length);
    slot.reason[length] = '\0';
}

bool is_current(const Case &seen) noexcept {
    const Slot &slot = shared()->slots[seen.index];
    return slot.generation == seen.generation && slot.state == seen.state && slot.pid != 0;
}

// Under the lock, so that the process cannot end and its number be another's meanwhile.
void end_slot(Slot &slot, std::string_view reason) noexcept {
    if (slot.ending)
        return;
    slot.ending = true;
    put_reason(slot, reason);
    kill(slot.pid, SIGTERM);
}

} // namespace

const char *name_of(Door door) noexcept {
    switch (door) {
    case Door::pam:
        return "pam";
    case Door::oauth:
        return "oauth";
    case Door::sql:
        break;
    }
    return "sql";
}

void request_memory() {
    area.request();
    tokens.request();
    request_refusal_memory();
}

bool is_available() noexcept { return own_index() >= 0; }

bool ask(Door door, Oid database, Oid role, std::string_view token) noexcept {
    const int index = own_index();
    if (index < 0 || token.size() > max_token_bytes)
        return false;
    const Lock lock(LW_EXCLUSIVE);
    wipe(index);
    Slot &slot = shared()->slots[index];
    slot.pid = MyProcPid;
    slot.door = door;
    slot.database = database;
    slot.role = role;
    put(index, token);
    slot.state = SlotState::asking;
    return true;
}

Slot own_slot() noexcept {
    const int index = own_index();
    if (index < 0)
        return {};
    const Lock lock(LW_SHARED);
    return shared()->slots[index];
}

void watch_admitted() noexcept {
    const Lock lock(LW_EXCLUSIVE);
    Slot &slot = shared()->slots[own_index()];
    slot.since = GetCurrentTimestamp();
    slot.state = SlotState::watched;
}

void watch(Door door, Oid role, std::string_view token, const Owner &owner) noexcept {
    const int index = own_index();
    if (index < 0 || token.size() > max_token_bytes)
        return;
    const Lock lock(LW_EXCLUSIVE);
    wipe(index);
    Slot &slot = shared()->slots[index];
    slot.owner = owner;
    slot.pid = MyProcPid;
    slot.door = door;
    slot.database = MyDatabaseId;
    slot.role = role;
    slot.since = GetCurrentTimestamp();
    put(index, token);
    slot.state = SlotState::watched;
}

void forget_own_slot() noexcept {
    const int index = own_index();
    if (index < 0)
        return;
    const Lock lock(LW_EXCLUSIVE);
    if (shared()->slots[index].pid == MyProcPid)
        wipe(index);
}

const char *own_end() noexcept {
    const int index = own_index();
    if (index < 0)
        return "";
    // without the lock: written once, before the signal that makes somebody ask
    const Slot &slot = shared()->slots[index];
    return slot.pid == MyProcPid && slot.ending ? slot.reason : "";
}

bool next_case(Oid database, SlotState state, int after, Case &out) {
    out.token.reserve(max_token_bytes); // what may throw does so before the lock
    const Lock lock(LW_SHARED);
    for (int i = after + 1; i < MaxBackends; ++i) {
        const Slot &slot = shared()->slots[i];
        if (slot.pid == 0 || slot.state != state || slot.database != database || slot.ending)
            continue;
        out.index = i;
        out.generation = slot.generation;
        out.state = state;
        out.door = slot.door;
        out.role = slot.role;
        out.token.assign(token_at(i), slot.token_bytes);
        return true;
    }
    return false;
}

void answer_admitted(const Case &asked, const Owner &owner) noexcept {
    const Lock lock(LW_EXCLUSIVE);
    if (!is_current(asked))
        return;
    Slot &slot = shared()->slots[asked.index];
    slot.owner = owner;
    slot.state = SlotState::admitted;
    SetLatch(&ProcGlobal->allProcs[asked.index].procLatch);
}

void answer_refused(const Case &asked, std::string_view reason) noexcept {
    const Lock lock(LW_EXCLUSIVE);
    if (!is_current(asked))
        return;
    Slot &slot = shared()->slots[asked.index];
    put_reason(slot, reason);
    slot.state = SlotState::refused;
    SetLatch(&ProcGlobal->allProcs[asked.index].procLatch);
}

void end_process(const Case &judged, std::string_view reason) noexcept {
    const Lock lock(LW_EXCLUSIVE);
    if (is_current(judged))
        end_slot(shared()->slots[judged.index], reason);
}

bool has_connections(Oid database) noexcept {
    const Lock lock(LW_SHARED);
    for (int i = 0; i < MaxBackends; ++i) {
        const Slot &slot = shared()->slots[i];
        if (slot.pid != 0 && slot.database == database && slot.state != SlotState::unused)
            return true;
    }
    return false;
}

bool next_connection(Oid database, int &index, Slot &out) noexcept {
    if (shared() == nullptr)
        return false;
    const Lock lock(LW_SHARED);
    for (; index < MaxBackends; ++index) {
        const Slot &slot = shared()->slots[index];
        if (slot.pid != 0 && slot.state == SlotState::watched && slot.database == database) {
            out = slot;
            ++index;
            return true;
        }
    }
    return false;
}

bool end_connection(Oid database, int pid, std::string_view reason) noexcept {
    if (shared() == nullptr)
        return false;
    const Lock lock(LW_EXCLUSIVE);
    for (int i = 0; i < MaxBackends; ++i) {
        Slot &slot = shared()->slots[i];
        if (slot.pid == pid && pid != 0 && slot.state == SlotState::watched &&
            slot.database == database) {
            end_slot(slot, reason);
            return true;
        }
    }
    return false;
}

WorkerStatus find_worker(Oid database, int &index) noexcept {
    const Lock lock(LW_EXCLUSIVE);
    int vacant = -1;
    for (int i = 0; i < max_workers; ++i) {
        Worker &worker = shared()->workers[i];
        if (worker.database == database) {
            if (worker.latch != nullptr)
                SetLatch(worker.latch);
            index = i;
            return WorkerStatus::running;
        }
        if (vacant < 0 && !OidIsValid(worker.database))
            vacant = i;
    }
    index = vacant;
    if (vacant < 0)
        return WorkerStatus::none_free;
    shared()->workers[vacant] = {database, 0, nullptr};
    return WorkerStatus::to_be_started;
}

void worker_not_started(int index) noexcept {
    const Lock lock(LW_EXCLUSIVE);
    if (shared()->workers[index].pid == 0)
        shared()->workers[index] = {};
}

void wake_worker(Oid database) noexcept {
    const Lock lock(LW_SHARED);
    for (Worker &worker : shared()->workers)
        if (worker.database == database && worker.latch != nullptr)
            SetLatch(worker.latch);
}

Oid attach_worker(int index) noexcept {
    const Lock lock(LW_EXCLUSIVE);
    Worker &worker = shared()->workers[index];
    if (!OidIsValid(worker.database) || worker.pid != 0)
        return InvalidOid;
    worker.pid = MyProcPid;
    worker.latch = MyLatch;
    return worker.database;
}

void detach_worker(int index, bool for_good) noexcept {
    const Lock lock(LW_EXCLUSIVE);
    Worker &worker = shared()->workers[index];
    if (worker.pid != MyProcPid)
        return;
    if (for_good) {
        for (int i = 0; i < MaxBackends; ++i) { // nobody answers them
            Slot &slot = shared()->slots[i];
            if (slot.state == SlotState::asking && slot.database == worker.database) {
                slot.state = SlotState::refused;
                put_reason(slot, "no worker");
                SetLatch(&ProcGlobal->allProcs[i].procLatch);
            }
        }
        worker = {};
    } else
        worker = {worker.database, 0, nullptr};
}

bool retire_worker(int index) noexcept {
    const Lock lock(LW_EXCLUSIVE);
    Worker &worker = shared()->workers[index];
    for (int i = 0; i < MaxBackends; ++i) {
        const Slot &slot = shared()->slots[i];
        if (slot.pid != 0 && slot.database == worker.database && slot.state != SlotState::unused)
            return false;
    }
    worker = {};
    return true;
}

} // namespace pg_principal::login
