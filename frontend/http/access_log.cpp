#include "http/access_log.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/failure.hpp"
#include "base/terminal.hpp"

namespace pg_principal::http {

namespace {

int open_log(const std::string &path) {
    if (path == "-" && (fcntl(STDOUT_FILENO, F_GETFL) & O_ACCMODE) == O_RDONLY) {
        errno = EBADF; // closed when we were started
        return -1;
    }
    if (path == "-")
        return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    return open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

} // namespace

LineLog::LineLog(const std::string &path) : path_(path) {
    if (path != "off" && !path.empty() && (fd_ = open_log(path)) < 0)
        throw Failure("cannot open the access log " + for_terminal(path) + ": " +
                      std::strerror(errno));
}

LineLog::~LineLog() {
    if (enabled())
        close(fd_);
}

// A pipe that is ready takes PIPE_BUF bytes without waiting, and a line has fewer.
void LineLog::write(std::string_view line) noexcept {
    try {
        const std::string whole = std::string(line) + '\n';
        const std::lock_guard<std::mutex> lock(mutex_);
        pollfd poller = {fd_, POLLOUT, 0};
        if (poll(&poller, 1, 0) == 1 &&
            ::write(fd_, whole.data(), whole.size()) == static_cast<ssize_t>(whole.size()))
            return;
    } catch (...) { // no memory for it
    }
    ++dropped_;
}

bool LineLog::reopen() {
    if (!enabled() || path_ == "-")
        return true;
    const std::lock_guard<std::mutex> lock(mutex_); // whoever sees the new file is written there
    const int fresh = open_log(path_);
    if (fresh < 0)
        return false;
    close(fd_);
    fd_ = fresh;
    return true;
}

} // namespace pg_principal::http
