#include "http/server.hpp"

#include <cerrno>
#include <cstring>
#include <thread>

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/failure.hpp"
#include "base/terminal.hpp"
#include "http/stream.hpp"

namespace pg_principal::http {

namespace {

constexpr milliseconds turn{1000}; // a busy connection keeps its thread so long though others wait

// In place of SO_REUSEPORT: a second server on the port is refused.
void be_alone(int socket) {
    const int on = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on); // 0.0.0.0 and [::] are two
}

// The library makes all its threads at once, where nobody could catch that there are too many.
void try_threads(std::size_t count) {
    std::vector<std::thread> threads;
    std::string failure;
    std::mutex hold; // until all are there
    {
        const std::lock_guard<std::mutex> lock(hold);
        try {
            while (threads.size() < count)
                threads.emplace_back([&hold] { const std::lock_guard<std::mutex> wait(hold); });
        } catch (const std::exception &error) {
            failure = error.what();
        }
    }
    for (std::thread &thread : threads)
        thread.join();
    if (!failure.empty())
        throw Failure("cannot start " + std::to_string(count) +
                          " threads, one for a connection: " + failure,
                      {},
                      "Give a smaller --max-connections, or raise the limit (ulimit -u and -v, "
                      "TasksMax of the service, pids of the container).");
}

double number(std::uint64_t count) { return static_cast<double>(count); }

} // namespace

// The library's, with a longer backlog than its 5 and connections of ours.
class Server::Listening final : public httplib::Server {
  public:
    explicit Listening(const ServerOptions &options) : options_(options) {}

    // Connections: accepted, of these with a thread, and without one yet.
    std::atomic<std::size_t> accepted{0}, open{0}, waiting{0};

    int bind(const Endpoint &endpoint) {
        errno = 0;
        const int port = std::stoi(endpoint.port);
        const int bound = port == 0                           ? bind_to_any_port(endpoint.host)
                          : bind_to_port(endpoint.host, port) ? port
                                                              : -1;
        if (bound > 0 && ::listen(svr_sock_, SOMAXCONN) == 0)
            return bound;
        const int error = errno;
        throw Failure("cannot listen on " + endpoint.host + ':' + endpoint.port + ": " +
                          (error ? std::strerror(error) : "no such address"),
                      {},
                      error == EADDRINUSE ? "Another program, perhaps another server of this "
                                            "kind, listens there."
                                          : "");
    }

    // Asked again later, it stops what was about to begin.
    void end() {
        if (svr_sock_ != -1) // newer versions abort at the second time
            stop();
    }

  private:
    bool process_and_close_socket(int socket) override {
        Stream stream(socket, options_.limits, options_.tls.get());
        const Clock::time_point until = Clock::now() + turn;
        bool closed = false;
        for (auto left = keep_alive_max_count_;
             left > 0 && !closed && stream.next([this] { return must_end(); }); --left) {
            const bool last =
                left == 1 || (must_end() && (svr_sock_ == -1 || Clock::now() >= until));
            closed = !answer(*this, stream, last, closed) || last || closed;
        }
        return true;
    }
    // Newer versions want the addresses beforehand.
    template <class Self>
    static bool answer(Self &self, Stream &stream, bool last, bool &closed) {
        const auto at_body = [&stream](httplib::Request &request) {
            stream.begin_body();
            if (request.version == "HTTP/1.0") // it knows no 100 (RFC 9110, section 10.1.1)
                request.headers.erase("Expect");
        };
        if constexpr (std::is_invocable_v<decltype(&Self::process_request), Self &, Stream &, bool,
                                          bool &, decltype(at_body)>) {
            return self.process_request(stream, last, closed, at_body);
        } else {
            std::string ip;
            int port = 0;
            stream.get_remote_ip_and_port(ip, port);
            return self.process_request(stream, ip, port, {}, 0, last, closed, at_body);
        }
    }

    // Who says nothing, and who has had a turn, of which the answer tells.
    bool must_end() const {
        return svr_sock_ == -1 || (waiting > 0 && open >= options_.limits.connections);
    }

    const ServerOptions &options_;
};

// The library's threads, counting who has one and who waits for one.
class Server::Threads final : public httplib::TaskQueue {
  public:
    Threads(Listening &listening, std::size_t count) : pool_(count), listening_(listening) {}
    auto enqueue(std::function<void()> task)
        -> decltype(std::declval<httplib::TaskQueue &>().enqueue(nullptr)) override {
        ++listening_.accepted;
        ++listening_.waiting;
        return pool_.enqueue([this, task = std::move(task)] {
            --listening_.waiting;
            ++listening_.open;
            task();
            --listening_.open;
        });
    }
    void shutdown() override { pool_.shutdown(); }

  private:
    httplib::ThreadPool pool_;
    Listening &listening_;
};

Server::Server(ServerOptions options, Dispatcher &dispatcher)
    : options_(std::move(options)), dispatcher_(dispatcher) {
    for (const Endpoint &endpoint : options_.listen)
        listen(endpoint);
    try_threads(options_.limits.connections * servers_.size());
    publish_metrics();
}

Server::~Server() = default;

void Server::listen(const Endpoint &endpoint) {
    auto server = std::make_unique<Listening>(options_);
    adapt(*server, dispatcher_, options_);
    server->new_task_queue = [this, &library = *server] {
        return new Threads(library, options_.limits.connections);
    };
    server->set_socket_options(be_alone);
    server->set_tcp_nodelay(true);
    // what clients are told, who would ask on a connection that is about to be closed
    server->set_keep_alive_timeout(
        std::chrono::duration_cast<std::chrono::seconds>(options_.limits.idle_time).count());
    server->set_keep_alive_max_count(
        options_.behind_proxy ? 1 : options_.limits.requests_per_connection);
    ports_.push_back(server->bind(endpoint));
    servers_.push_back(std::move(server));
}

bool Server::run() {
    block_pipe_signal();
    accepting_ = servers_.size();
    for (const auto &server : servers_)
        std::thread([this, library = server.get()] {
            library->listen_after_bind(); // until stop(), and until its connections have ended
            const std::lock_guard<std::mutex> lock(mutex_);
            --accepting_;
            changed_.notify_all();
        }).detach();
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return stops_ > 0 || accepting_ < servers_.size(); });
    if (stops_ == 0)
        throw Failure("cannot accept connections any more");
    const Clock::time_point until = Clock::now() + options_.stop_time;
    while (accepting_ > 0 && stops_ < 2 && Clock::now() < until) {
        for (const auto &server : servers_)
            server->end();
        changed_.wait_for(lock, milliseconds(20));
    }
    if (accepting_ > 0 && options_.interrupt)
        options_.interrupt();
    return changed_.wait_for(lock, milliseconds(500), [this] { return accepting_ == 0; });
}

void Server::stop() noexcept {
    ++stops_;
    changed_.notify_all();
}

void Server::publish_metrics() {
    Metrics &metrics = dispatcher_.metrics();
    const auto sum = [this](std::atomic<std::size_t> Listening::*count) {
        return [this, count] {
            std::size_t all = 0;
            for (const auto &server : servers_)
                all += (*server).*count;
            return number(all);
        };
    };
    metrics.add("gauge", "pg_principal_http_connections", "Connections that have a thread.",
                sum(&Listening::open));
    metrics.add("gauge", "pg_principal_http_waiting_connections",
                "Connections that wait for a thread.", sum(&Listening::waiting));
    metrics.add("counter", "pg_principal_http_connections_total", "Connections accepted.",
                sum(&Listening::accepted));
}

Endpoint Endpoint::parse(const std::string &text) {
    const std::optional<HostAndPort> parts = HostAndPort::parse(text);
    if (!parts || parts->host.empty() || !is_port(parts->port.value_or("")))
        throw UsageError("--listen: " + for_terminal(text) + " is not an address, HOST:PORT",
                         "For example 127.0.0.1:9999 or [::1]:9999.");
    return {std::string(parts->host), std::string(*parts->port)};
}

} // namespace pg_principal::http
