// What one thread does with the connections that fall to it: read, decide, run, answer, hand back.
// Never waits but inside a handler.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "http_clients.hpp"
#include "http_connection.hpp"
#include "http_gate.hpp"

namespace pg_principal::http {

// What all desks share.
struct Floor {
    Floor(const Limits &with_limits, Dispatcher &with_dispatcher, unsigned database_places,
          milliseconds with_queue_time)
        : limits(with_limits), dispatcher(with_dispatcher), connections(limits.connections),
          clients(limits.connections_per_client), gate(database_places),
          queue_time(with_queue_time) {}

    const Limits limits;
    Dispatcher &dispatcher;
    ConnectionTable connections;
    ClientCounts clients;
    Gate gate;
    const milliseconds queue_time;
    int epoll = -1;
    std::atomic<bool> stopping{false};
    std::atomic<std::size_t> buffered{0};
    std::atomic<std::uint64_t> timed_out{0}, refused{0};
};

class Desk {
  public:
    explicit Desk(Floor &floor);

    // Each takes a connection that is the caller's, and leaves none with it.
    void serve(Connection &connection) noexcept;
    void expire(Connection &connection) noexcept;    // its time is over
    void turn_away(Connection &connection) noexcept; // it waited too long for the database
    void drop(Connection &connection) noexcept;

    // Tells epoll of a new connection; false when it cannot.
    bool introduce(Connection &connection) noexcept;

  private:
    template <class F>
    void guarded(Connection &connection, F &&act) noexcept;
    void read(Connection &connection);
    void begin(Connection &connection);
    void run(Connection *connection) noexcept;
    void refuse(Connection &connection, const Refusal &refusal);
    void reply(Connection &connection, Response response);
    void send(Connection &connection);
    void flush(Connection &connection);
    void written(Connection &connection);
    void drain(Connection &connection);
    bool say_continue(Connection &connection);
    void arm(Connection &connection, Io::Wait wait, Clock::time_point due);
    bool account(Connection &connection);
    void take_work(Connection &connection);
    void give_back_work(Connection &connection) noexcept;

    Floor &floor_;
    WallClock clock_;
    std::vector<char> input_;
    std::string output_;
    std::unique_ptr<Work> spare_;
};

} // namespace pg_principal::http
