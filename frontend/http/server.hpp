// The HTTP server: one of cpp-httplib's for each address. A connection holds a thread for as long
// as it lasts: on a hostile network a proxy stands in front, as frontend/nginx.conf sets it up.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "http/dispatcher.hpp"
#include "http/tls.hpp"

namespace httplib {
class Server;
}

namespace pg_principal::http {

// Every bound of the server, in one place.
struct Limits {
    std::size_t headers = 100;         // lines of at most 8 KiB, with 1 KiB for each together
    std::size_t body = 64 << 10;       // bytes after the chunks are joined; 413 beyond
    milliseconds request_time{15'000}; // for the head of a request, and again for its body
    milliseconds idle_time{60'000};    // between two requests, while nobody waits
    milliseconds write_time{30'000};   // between two pieces of a response
    std::uint32_t requests_per_connection = 10'000;
    std::uint32_t connections = 256; // at once, a thread each; others wait
};

// host:port, [::1]:port; throws UsageError.
struct Endpoint {
    std::string host, port;
    static Endpoint parse(const std::string &text);
};

struct ServerOptions {
    std::vector<Endpoint> listen;
    Limits limits = {};
    milliseconds stop_time{10'000};
    std::shared_ptr<Tls> tls = {};
    bool behind_proxy = false; // then each connection carries one request
    // Handlers still run when stop_time is over: the last thing to be done about them.
    std::function<void()> interrupt = {};
};

// Every request that `server` gets goes to the dispatcher, which must outlive it.
void adapt(httplib::Server &server, Dispatcher &dispatcher, const ServerOptions &options);

class Server {
  public:
    // Listens from here on; throws Failure when it cannot.
    Server(ServerOptions options, Dispatcher &dispatcher);
    ~Server();
    Server(const Server &) = delete;
    Server &operator=(const Server &) = delete;

    // Serves until it has stopped; false when requests were still running, whose threads may still
    // be in use. Throws Failure when it cannot go on.
    bool run();
    // From any thread: no new connections, requests underway finish. The second time they do not.
    void stop() noexcept;
    // As bound, for port 0.
    std::vector<int> ports() const { return ports_; }

  private:
    class Listening;
    class Threads;
    void listen(const Endpoint &endpoint);
    void publish_metrics();

    ServerOptions options_;
    Dispatcher &dispatcher_;
    std::vector<std::unique_ptr<Listening>> servers_;
    std::vector<int> ports_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::atomic<int> stops_{0};
    std::atomic<std::size_t> accepting_{0};
};

} // namespace pg_principal::http
