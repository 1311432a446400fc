// The connections, in a table of fixed size. At any moment a connection belongs to one thread, to
// the kernel (armed: epoll will name it to one thread), or to the gate's queue.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "http_channel.hpp"
#include "http_dispatcher.hpp"
#include "http_parser.hpp"

namespace pg_principal::http {

// What a request needs while it is underway; an idle connection has none.
struct Work {
    explicit Work(const Limits &limits) : parser(limits) {}
    std::string in; // begins where the request does
    RequestParser parser;
    Exchange exchange;
};

struct Connection {
    enum class Phase { reading, writing, draining };
    enum class State : std::uint64_t { free, armed, busy };

    Channel channel;
    Address peer;
    Phase phase = Phase::reading;
    bool keep = true;     // go on after what is being written
    bool counted = false; // among its client's
    bool linger = false;  // the client may still be sending: hear it out, lest it miss the answer
    std::uint32_t served = 0;
    std::unique_ptr<Work> work;
    std::string out; // what the socket did not take yet
    std::size_t out_at = 0;
    std::size_t accounted = 0;       // of the bytes that wait
    Clock::time_point began;         // accepted, or the request's first byte came
    Clock::time_point wait_until;    // in the gate's queue
    std::atomic<std::int64_t> due{}; // when the reaper comes, while armed

    // The generation tells an event of a connection that is gone from one of its successor.
    std::uint64_t token() const { return token_; }

  private:
    friend class ConnectionTable;
    std::atomic<std::uint64_t> word_{}; // generation << 2 | State
    std::uint64_t token_ = 0;           // generation << 32 | index
};

class ConnectionTable {
  public:
    explicit ConnectionTable(std::uint32_t size);
    // A closed one for the caller to open; nullptr when all are in use.
    Connection *take();
    // The connection that epoll named; nullptr when it is gone.
    Connection *claim(std::uint64_t token);
    // For the reaper: whatever is armed right now.
    bool try_claim(Connection &connection);
    // The caller has told epoll already, or restores what it found.
    void hand_over(Connection &connection);
    // Closes it; the caller's no more.
    void release(Connection &connection);

    std::uint32_t open() const { return open_.load(std::memory_order_relaxed); }
    std::uint32_t highest() const { return highest_.load(std::memory_order_relaxed); }
    Connection &at(std::uint32_t index) { return slots_[index]; }

  private:
    std::unique_ptr<Connection[]> slots_;
    std::mutex mutex_;
    std::vector<std::uint32_t> free_;
    std::atomic<std::uint32_t> open_{0}, highest_{0};
};

} // namespace pg_principal::http
