// Preloaded into a server: memory that fails when SQL says so, either C++'s operator new or what
// libcrypto, libargon2 and libcrypt ask the C library for. Nothing else in the server fails.
extern "C" {
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
PG_MODULE_MAGIC;
}

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <link.h>
#include <new>

// glibc's own by names that are not interposed: dlsym would allocate.
extern "C" {
void *__libc_malloc(std::size_t size);
void *__libc_calloc(std::size_t count, std::size_t size);
void *__libc_realloc(void *memory, std::size_t size);
void *__libc_memalign(std::size_t alignment, std::size_t size);
}

namespace {

// Which allocation fails, counted down from when it was set; 0: none; below: all are counted.
struct Series {
    long remaining = 0;
    bool lasting = false; // those after it fail too
    long failures = 0;

    bool is_due() {
        if (remaining == 0)
            return false;
        if (remaining < 0)
            ++failures;
        if (remaining < 0 || --remaining > 0)
            return false;
        ++failures;
        remaining = lasting ? 1 : 0;
        return true;
    }
};
Series operator_new, libraries;

// The code of the libraries, as it lies in this process.
struct Code {
    std::uintptr_t start, end;
};
constexpr int max_parts = 32;
Code parts[max_parts];
int part_count = 0;

int note_library(dl_phdr_info *library, std::size_t, void *) {
    const char *slash = std::strrchr(library->dlpi_name, '/');
    const char *name = slash ? slash + 1 : library->dlpi_name;
    if (std::strncmp(name, "libcrypto.so", 12) != 0 &&
        std::strncmp(name, "libargon2.so", 12) != 0 && std::strncmp(name, "libcrypt.so", 11) != 0)
        return 0;
    for (int i = 0; i < library->dlpi_phnum && part_count < max_parts; ++i) {
        const auto &part = library->dlpi_phdr[i];
        if (part.p_type != PT_LOAD || (part.p_flags & PF_X) == 0)
            continue;
        const std::uintptr_t start = library->dlpi_addr + part.p_vaddr;
        parts[part_count++] = {start, start + part.p_memsz};
    }
    return 0;
}

// Whether the call that returns there is a library's and has to fail.
bool library_fails(const void *return_address) {
    if (libraries.remaining == 0)
        return false;
    const auto address = reinterpret_cast<std::uintptr_t>(return_address);
    for (int i = 0; i < part_count; ++i)
        if (address >= parts[i].start && address < parts[i].end && libraries.is_due()) {
            errno = ENOMEM;
            return true;
        }
    return false;
}

void *allocate(std::size_t size) {
    return operator_new.is_due() ? nullptr : __libc_malloc(size == 0 ? 1 : size);
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

extern "C" {

#define FAILS library_fails(__builtin_return_address(0))

void *malloc(std::size_t size) { return FAILS ? nullptr : __libc_malloc(size); }
void *calloc(std::size_t count, std::size_t size) {
    return FAILS ? nullptr : __libc_calloc(count, size);
}
void *realloc(void *memory, std::size_t size) {
    return FAILS ? nullptr : __libc_realloc(memory, size);
}
void *aligned_alloc(std::size_t alignment, std::size_t size) {
    return FAILS ? nullptr : __libc_memalign(alignment, size);
}
void *memalign(std::size_t alignment, std::size_t size) {
    return FAILS ? nullptr : __libc_memalign(alignment, size);
}
int posix_memalign(void **memory, std::size_t alignment, std::size_t size) {
    void *got = FAILS ? nullptr : __libc_memalign(alignment, size);
    if (got == nullptr)
        return ENOMEM;
    *memory = got;
    return 0;
}

// How many allocations have failed since the last call; from now on the n-th of 'operator new' or
// of the 'libraries' will, and with `lasting` all that follow it.
PG_FUNCTION_INFO_V1(fail_at);
Datum fail_at(PG_FUNCTION_ARGS) {
    const long failed = operator_new.failures + libraries.failures;
    operator_new = libraries = {};
    part_count = 0;
    dl_iterate_phdr(note_library, nullptr);
    const char *whose = text_to_cstring(PG_GETARG_TEXT_PP(0));
    Series &series = std::strcmp(whose, "libraries") == 0 ? libraries : operator_new;
    series.lasting = PG_GETARG_BOOL(2);
    series.remaining = PG_GETARG_INT32(1);
    return Int32GetDatum(static_cast<int>(failed));
}
}
