#include "http_server.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "failure.hpp"

namespace pg_principal::http {

namespace {

using Phase = Connection::Phase;
using cli::Failure;

constexpr milliseconds tick_time{100}, accept_pause{100};
constexpr std::uint64_t bell_token = ~std::uint64_t{0};
constexpr int accepts_a_turn = 256;
constexpr rlim_t other_files = 64; // logs, pool, libraries

[[noreturn]] void fail(const char *what) {
    throw Failure(std::string("cannot ") + what + ": " + std::strerror(errno));
}

void watch(int epoll, int fd, std::uint64_t token) {
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.u64 = token;
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        fail("watch a socket");
}

void ring(int bell) noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(bell, &one, sizeof one);
}

// As many connections as there may be open files, less what else needs some.
Limits within_file_limit(Limits limits) {
    rlimit files = {};
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return limits;
    const rlim_t wanted = limits.connections + other_files;
    if (files.rlim_cur < wanted && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = std::min(wanted, files.rlim_max);
        setrlimit(RLIMIT_NOFILE, &files);
        getrlimit(RLIMIT_NOFILE, &files);
    }
    if (files.rlim_cur < wanted)
        limits.connections =
            static_cast<std::uint32_t>(std::max(files.rlim_cur, 2 * other_files) - other_files);
    return limits;
}

// A write to a connection that is gone is an error, not the end of the program.
void block_pipe_signal() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

double number(std::uint64_t count) { return static_cast<double>(count); }

} // namespace

Server::Server(ServerOptions options, Dispatcher &dispatcher)
    : options_(std::move(options)), floor_(within_file_limit(options_.limits), dispatcher,
                                           options_.database_places, options_.queue_time),
      desk_(floor_) {
    if (options_.workers == 0)
        options_.workers = options_.database_places + 2;
    try {
        floor_.epoll = epoll_create1(EPOLL_CLOEXEC);
        epoll_ = epoll_create1(EPOLL_CLOEXEC);
        bell_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        closing_bell_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (floor_.epoll < 0 || epoll_ < 0 || bell_ < 0 || closing_bell_ < 0)
            fail("set up the server");
        watch(epoll_, bell_, bell_token);
        watch(floor_.epoll, closing_bell_, bell_token);
        for (const Endpoint &endpoint : options_.listen) {
            listeners_.push_back(open_listener(endpoint.host, endpoint.port));
            watch(epoll_, listeners_.back(), static_cast<std::uint64_t>(listeners_.back()));
        }
    } catch (...) {
        stop_listening();
        for (const int fd : {floor_.epoll, epoll_, bell_, closing_bell_})
            close(fd);
        throw;
    }
    publish_metrics();
}

Server::~Server() {
    stop_listening();
    join_workers();
    for (const int fd : {floor_.epoll, epoll_, bell_, closing_bell_})
        close(fd);
}

void Server::run() {
    block_pipe_signal();
    try {
        for (unsigned i = 0; i < options_.workers; ++i)
            workers_.emplace_back([this] { work(); });
    } catch (const std::system_error &) {
        join_workers();
        throw Failure("cannot start the server's threads");
    }
    while (!finished()) {
        wait_for_events();
        const Clock::time_point now = Clock::now();
        if (now >= next_tick_) {
            next_tick_ = now + tick_time;
            tick();
        }
    }
    if (floor_.connections.open() > 0 && options_.interrupt)
        options_.interrupt();
    join_workers();
}

void Server::stop() noexcept {
    ++stops_;
    ring(bell_);
}

std::vector<int> Server::ports() const {
    std::vector<int> ports;
    for (const int listener : listeners_)
        ports.push_back(port_of(listener));
    return ports;
}

// Events one at a time: a second one would wait behind the first one's handler.
void Server::work() noexcept {
    Desk desk(floor_);
    while (true) {
        epoll_event event = {};
        if (epoll_wait(floor_.epoll, &event, 1, -1) <= 0)
            continue;
        if (event.data.u64 == bell_token)
            return;
        if (Connection *connection = floor_.connections.claim(event.data.u64))
            desk.serve(*connection);
        // Under load a thread never sleeps and would use up its time slice, while another one that
        // was preempted holds a connection: yielding costs a tenth of the throughput and makes
        // the slowest of 100 requests several times faster.
        sched_yield();
    }
}

void Server::wait_for_events() {
    epoll_event events[16];
    const int timeout = static_cast<int>(tick_time.count());
    const int count = epoll_wait(epoll_, events, 16, timeout);
    for (int i = 0; i < count; ++i) {
        if (events[i].data.u64 == bell_token) {
            std::uint64_t rung = 0;
            [[maybe_unused]] const ssize_t got = read(bell_, &rung, sizeof rung);
            begin_stop();
        } else if (!listeners_.empty()) {
            accept_from(static_cast<int>(events[i].data.u64));
        }
    }
}

void Server::accept_from(int listener) {
    for (int i = 0; i < accepts_a_turn; ++i) {
        sockaddr_storage peer = {};
        socklen_t size = sizeof peer;
        const int socket = accept4(listener, reinterpret_cast<sockaddr *>(&peer), &size,
                                   SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (socket >= 0) {
            admit(socket, Address(peer));
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            // Level-triggered: without a pause this would go round and round.
            evict_idle();
            epoll_ctl(epoll_, EPOLL_CTL_DEL, listener, nullptr);
            accepting_ = false;
            accept_again_ = Clock::now() + accept_pause;
        }
        return;
    }
}

// Whoever speaks TLS would not understand it.
void Server::turn_away(int socket, std::string_view answer) {
    if (!options_.tls)
        ::send(socket, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    close(socket);
}

bool Server::admit(int socket, const Address &peer) {
    ++accepted_;
    const bool counted = !contains(options_.proxies, peer);
    if (counted && !floor_.clients.enter(peer)) {
        ++over_share_;
        turn_away(socket, "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\n"
                          "Content-Length: 0\r\nConnection: close\r\n\r\n");
        return false;
    }
    Connection *connection = floor_.connections.take();
    if (!connection && evict_idle())
        connection = floor_.connections.take();
    if (!connection) {
        if (counted)
            floor_.clients.leave(peer);
        ++turned_away_;
        turn_away(socket, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
                          "Content-Length: 0\r\nConnection: close\r\n\r\n");
        return false;
    }
    connection->peer = peer;
    connection->counted = counted;
    if (connection->channel.open(socket, options_.tls.get()) && desk_.introduce(*connection))
        return true;
    desk_.drop(*connection);
    return false;
}

// A client that keeps an idle connection must expect to lose it; one that has none cannot be
// served without. The hand goes round, so that nobody's is taken again and again.
bool Server::evict_idle() {
    const std::uint32_t highest = floor_.connections.highest();
    for (std::uint32_t i = 0; i < highest; ++i) {
        eviction_hand_ = eviction_hand_ + 1 < highest ? eviction_hand_ + 1 : 0;
        Connection &connection = floor_.connections.at(eviction_hand_);
        if (!floor_.connections.try_claim(connection))
            continue;
        const bool idle = connection.phase == Phase::reading && !connection.work;
        if (idle && Clock::now() - connection.began > std::chrono::seconds(1)) {
            ++evicted_;
            desk_.drop(connection);
            return true;
        }
        floor_.connections.hand_over(connection);
    }
    return false;
}

void Server::tick() {
    const Clock::time_point now = Clock::now();
    if (!accepting_ && now >= accept_again_) {
        accepting_ = true;
        for (const int listener : listeners_) {
            epoll_event event = {};
            event.events = EPOLLIN;
            event.data.u64 = static_cast<std::uint64_t>(listener);
            epoll_ctl(epoll_, EPOLL_CTL_ADD, listener, &event); // may be there still
        }
    }
    while (Connection *late = floor_.gate.give_up(now))
        desk_.turn_away(*late);
    reap(now);
    if (floor_.stopping)
        close_idle();
}

void Server::reap(Clock::time_point now) {
    const std::int64_t time = now.time_since_epoch().count();
    const std::uint32_t highest = floor_.connections.highest();
    for (std::uint32_t i = 0; i < highest; ++i) {
        Connection &connection = floor_.connections.at(i);
        if (connection.due.load(std::memory_order_relaxed) > time ||
            !floor_.connections.try_claim(connection))
            continue;
        if (connection.due.load(std::memory_order_relaxed) > time)
            floor_.connections.hand_over(connection); // its time was prolonged meanwhile
        else
            desk_.expire(connection);
    }
}

void Server::close_idle() {
    const std::uint32_t highest = floor_.connections.highest();
    for (std::uint32_t i = 0; i < highest; ++i) {
        Connection &connection = floor_.connections.at(i);
        if (!floor_.connections.try_claim(connection))
            continue;
        if (connection.phase == Phase::reading && !connection.work)
            desk_.drop(connection);
        else
            floor_.connections.hand_over(connection);
    }
}

void Server::begin_stop() {
    const Clock::time_point now = Clock::now();
    if (floor_.stopping) {
        stop_by_ = now;
        return;
    }
    for (const int listener : listeners_) // who has connected already was promised an answer
        accept_from(listener);
    stop_listening();
    stop_by_ = stops_ > 1 ? now : now + options_.stop_time;
    floor_.stopping = true;
    next_tick_ = now + tick_time; // what was just accepted has that long to say something
}

void Server::stop_listening() {
    for (const int listener : listeners_)
        close(listener);
    listeners_.clear();
}

bool Server::finished() const {
    return floor_.stopping && (floor_.connections.open() == 0 || Clock::now() >= stop_by_);
}

void Server::join_workers() {
    ring(closing_bell_);
    for (std::thread &worker : workers_)
        worker.join();
    workers_.clear();
}

void Server::publish_metrics() {
    Metrics &metrics = floor_.dispatcher.metrics();
    metrics.gauge("pg_principal_http_connections", "Connections that are open.",
                  [this] { return number(floor_.connections.open()); });
    metrics.gauge("pg_principal_http_waiting_requests", "Requests that wait for the database.",
                  [this] { return number(floor_.gate.waiting()); });
    metrics.gauge("pg_principal_http_buffered_bytes", "Bytes of requests and responses that wait.",
                  [this] { return number(floor_.buffered); });
    metrics.counter("pg_principal_http_connections_total", "Connections accepted.",
                    [this] { return number(accepted_); });
    metrics.counter("pg_principal_http_connections_turned_away_total",
                    "Connections refused because all were busy.",
                    [this] { return number(turned_away_); });
    metrics.counter("pg_principal_http_connections_over_share_total",
                    "Connections refused because their client had as many as it may.",
                    [this] { return number(over_share_); });
    metrics.counter("pg_principal_http_connections_evicted_total",
                    "Idle connections closed to make room.", [this] { return number(evicted_); });
    metrics.counter("pg_principal_http_connections_timed_out_total",
                    "Connections closed because their time was over.",
                    [this] { return number(floor_.timed_out); });
    metrics.counter("pg_principal_http_requests_refused_total", "Requests that could not be read.",
                    [this] { return number(floor_.refused); });
}

} // namespace pg_principal::http
