#include "http_log.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace pg_principal::http {

namespace {

constexpr auto gathering = std::chrono::milliseconds(100);
constexpr int last_wait_milliseconds = 1000;

int open_log(const std::string &path) {
    if (path == "-")
        return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    return open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

} // namespace

LineLog::LineLog(const std::string &path) : path_(path) {
    if (path.empty())
        return;
    fd_ = open_log(path);
    if (fd_ < 0)
        throw std::system_error(errno, std::generic_category());
    thread_ = std::thread([this] { run(); });
}

LineLog::~LineLog() {
    if (!thread_.joinable())
        return;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
    close(fd_);
}

void LineLog::write(std::string_view line) noexcept {
    if (!enabled())
        return;
    try {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (waiting_.size() + line.size() < most) {
            const bool first = waiting_.empty();
            waiting_.append(line) += '\n';
            if (first)
                wake_.notify_one();
            return;
        }
    } catch (...) { // no memory for it
    }
    ++dropped_;
}

bool LineLog::reopen() {
    if (!enabled() || path_ == "-")
        return true;
    const int fd = open_log(path_);
    if (fd < 0)
        return false;
    // Under the old number, which the thread may be writing to right now.
    const bool done = dup3(fd, fd_, O_CLOEXEC) >= 0;
    close(fd);
    return done;
}

void LineLog::run() {
    std::string text;
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
        wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
        wake_.wait_for(lock, gathering, [this] { return stopping_; });
        text.clear();
        text.swap(waiting_);
        const bool last = stopping_;
        lock.unlock();
        if (!text.empty() && !write_all(text))
            dropped_ += static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
        lock.lock();
        if (last)
            return;
    }
}

bool LineLog::write_all(const std::string &text) {
    for (std::size_t at = 0; at < text.size();) {
        // Waits where stopping is noticed: a pipe that nobody reads must not hold the program.
        pollfd poller = {fd_, POLLOUT, 0};
        const int ready = poll(&poller, 1, last_wait_milliseconds);
        if (ready == 0) {
            const std::lock_guard<std::mutex> lock(mutex_);
            if (stopping_)
                return false;
            continue;
        }
        // At most what a pipe that is ready takes without waiting.
        const ssize_t written = ready < 0 ? -1
                                          : ::write(fd_, text.data() + at,
                                                    std::min<std::size_t>(text.size() - at, 4096));
        if (written < 0 && errno != EINTR && errno != EAGAIN)
            return false;
        at += written > 0 ? static_cast<std::size_t>(written) : 0;
    }
    return true;
}

} // namespace pg_principal::http
