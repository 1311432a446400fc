// Access log lines to a file, pipe or terminal. A reader that stopped reading costs lines, counted,
// and never a request.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace pg_principal::http {

class LineLog {
  public:
    // "off" and "" drop everything, "-" is standard output, anything else a file that is appended to.
    // Throws Failure when it cannot be opened.
    explicit LineLog(const std::string &path);
    ~LineLog();
    LineLog(const LineLog &) = delete;
    LineLog &operator=(const LineLog &) = delete;

    bool enabled() const { return fd_ >= 0; }
    // Without its line break.
    void write(std::string_view line) noexcept;
    // Opens the file anew: it may have been moved away. The old one stays when that fails.
    bool reopen();
    std::uint64_t dropped() const { return dropped_; }

  private:
    const std::string path_;
    std::mutex mutex_;
    int fd_ = -1;
    std::atomic<std::uint64_t> dropped_{0};
};

} // namespace pg_principal::http
