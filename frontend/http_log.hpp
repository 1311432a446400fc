// Lines on their way to a file, pipe or terminal, written by a thread of its own: a reader that
// stopped reading costs lines, counted, and never a request.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace pg_principal::http {

class LineLog {
  public:
    // "" drops everything, "-" is standard output, anything else a file that is appended to.
    // Throws std::system_error when it cannot be opened.
    explicit LineLog(const std::string &path);
    ~LineLog(); // what can be written within a second is
    LineLog(const LineLog &) = delete;
    LineLog &operator=(const LineLog &) = delete;

    bool enabled() const { return fd_ >= 0; }
    // Without its line break.
    void write(std::string_view line) noexcept;
    // Opens the file anew: it may have been moved away. The old one stays when that fails.
    bool reopen();
    std::uint64_t dropped() const { return dropped_; }

  private:
    static constexpr std::size_t most = 4 << 20; // bytes that wait
    void run();
    bool write_all(const std::string &text);

    std::string path_;
    std::atomic<int> fd_{-1};
    std::mutex mutex_;
    std::condition_variable wake_;
    std::string waiting_;
    bool stopping_ = false;
    std::atomic<std::uint64_t> dropped_{0};
    std::thread thread_;
};

} // namespace pg_principal::http
