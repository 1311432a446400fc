// The server: one thread accepts, reaps what took too long and stops; a few others each take what
// epoll names next, answer it and hand the connection back. No thread belongs to a connection, so
// idle, slow and dripping clients cost a table entry, and epoll's queue is the order of service.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "http_desk.hpp"

namespace pg_principal::http {

struct ServerOptions {
    std::vector<Endpoint> listen;
    Limits limits = {};
    // As many requests at once wait for the database; `workers` of 0 means two more than that,
    // so that requests that need no database never wait for those that do.
    unsigned database_places = 4, workers = 0;
    milliseconds queue_time{2000}; // for a place at the database; 503 beyond
    milliseconds stop_time{10'000};
    std::shared_ptr<Tls> tls = {};
    // Handlers still run when stop_time is over: the last thing to be done about them.
    std::function<void()> interrupt = {};
    std::vector<Cidr> proxies = {}; // one stands for many clients: its connections are not counted
};

class Server {
  public:
    // Listens from here on; throws Failure when it cannot.
    Server(ServerOptions options, Dispatcher &dispatcher);
    ~Server();
    Server(const Server &) = delete;
    Server &operator=(const Server &) = delete;

    // Serves until it has stopped. Throws Failure when it cannot begin.
    void run();
    // From any thread: no new connections, requests underway finish. The second time they do not.
    void stop() noexcept;
    // As bound, for port 0.
    std::vector<int> ports() const;

  private:
    void work() noexcept;
    void wait_for_events();
    void accept_from(int listener);
    void turn_away(int socket, std::string_view answer);
    bool admit(int socket, const Address &peer);
    bool evict_idle();
    void tick();
    void reap(Clock::time_point now);
    void close_idle();
    void begin_stop();
    void stop_listening();
    void join_workers();
    bool finished() const;
    void publish_metrics();

    ServerOptions options_;
    Floor floor_;
    Desk desk_;
    std::vector<int> listeners_;
    int epoll_ = -1;        // of this thread: listeners and the bell
    int bell_ = -1;         // stop() rings it
    int closing_bell_ = -1; // tells the workers to go home
    std::vector<std::thread> workers_;
    std::atomic<int> stops_{0};
    std::atomic<std::uint64_t> accepted_{0}, turned_away_{0}, over_share_{0}, evicted_{0};
    bool accepting_ = true;
    std::uint32_t eviction_hand_ = 0;
    Clock::time_point stop_by_, next_tick_, accept_again_;
};

} // namespace pg_principal::http
