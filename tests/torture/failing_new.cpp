// Preloaded into a server: an operator new that fails when SQL says so.
extern "C" {
#include "postgres.h"

#include "fmgr.h"
PG_MODULE_MAGIC;
}

#include <cstdlib>
#include <new>

namespace {

// The allocation that fails, counted down from when it was set; 0: none. One failure, then none.
long remaining = 0;
bool has_failed = false;

void *allocate(std::size_t size) {
    if (remaining > 0 && --remaining == 0) {
        has_failed = true;
        return nullptr;
    }
    return std::malloc(size == 0 ? 1 : size);
}

void *allocate_or_throw(std::size_t size) {
    void *memory = allocate(size);
    if (memory == nullptr)
        throw std::bad_alloc();
    return memory;
}

} // namespace

void *operator new(std::size_t size) { return allocate_or_throw(size); }
void *operator new[](std::size_t size) { return allocate_or_throw(size); }
void *operator new(std::size_t size, const std::nothrow_t &) noexcept { return allocate(size); }
void *operator new[](std::size_t size, const std::nothrow_t &) noexcept { return allocate(size); }
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete[](void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void *memory, std::size_t) noexcept { std::free(memory); }

// Whether an allocation has failed since the last call; from now on the n-th will.
extern "C" {
PG_FUNCTION_INFO_V1(fail_new_at);
Datum fail_new_at(PG_FUNCTION_ARGS) {
    const bool failed = has_failed;
    has_failed = false;
    remaining = PG_GETARG_INT32(0);
    return BoolGetDatum(failed);
}
}
