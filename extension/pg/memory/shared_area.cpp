#include "pg/memory/shared_area.hpp"

extern "C" {
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
}

#include <cstring>

namespace pg_principal {

namespace {

SharedArea *first = nullptr;
shmem_request_hook_type next_request_hook = nullptr;
shmem_startup_hook_type next_startup_hook = nullptr;

} // namespace

void SharedArea::on_request() {
    if (next_request_hook != nullptr)
        next_request_hook();
    for (SharedArea *area = first; area != nullptr; area = area->next_) {
        if (area->ask_size_ != nullptr)
            area->size_ = area->ask_size_();
        RequestAddinShmemSpace(area->size_);
        RequestNamedLWLockTranche(area->name_, 1);
    }
}

void SharedArea::on_startup() {
    if (next_startup_hook != nullptr)
        next_startup_hook();
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    for (SharedArea *area = first; area != nullptr; area = area->next_) {
        bool found;
        area->contents_ = ShmemInitStruct(area->name_, area->size_, &found);
        area->lock_ = &GetNamedLWLockTranche(area->name_)->lock;
        if (!found && area->cleared_)
            std::memset(area->contents_, 0, area->size_);
    }
    LWLockRelease(AddinShmemInitLock);
}

void SharedArea::request() noexcept {
    if (first == nullptr) {
        next_request_hook = shmem_request_hook;
        shmem_request_hook = on_request;
        next_startup_hook = shmem_startup_hook;
        shmem_startup_hook = on_startup;
    }
    next_ = first;
    first = this;
}

} // namespace pg_principal
