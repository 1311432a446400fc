// Preloaded into a server, makes it live in a time that somebody else sets: microseconds since 1970
// in the file that PROPERTY_CLOCK names. As long as it holds 0, and for clocks that only measure
// how long something takes, the time is the real one.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

const volatile std::int64_t *shown = nullptr;

__attribute__((constructor)) void open_clock() {
    const char *path = std::getenv("PROPERTY_CLOCK");
    const int fd = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    void *memory = mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (memory != MAP_FAILED)
        shown = static_cast<const volatile std::int64_t *>(memory);
}

timespec now(clockid_t clock) {
    timespec time{};
    const bool wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    const std::int64_t us = wall && shown != nullptr ? *shown : 0;
    if (us == 0)
        syscall(SYS_clock_gettime, clock, &time);
    else
        time = {us / 1000000, us % 1000000 * 1000};
    return time;
}

} // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec *time) noexcept {
    *time = now(clock);
    return 0;
}

int gettimeofday(timeval *time, void *) noexcept {
    const timespec exact = now(CLOCK_REALTIME);
    *time = {exact.tv_sec, exact.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *out) noexcept {
    const time_t seconds = now(CLOCK_REALTIME).tv_sec;
    if (out != nullptr)
        *out = seconds;
    return seconds;
}
}
