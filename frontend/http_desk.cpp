#include "http_desk.hpp"

#include <sys/epoll.h>

#include "http_errors.hpp"

namespace pg_principal::http {

namespace {

using Phase = Connection::Phase;

constexpr std::size_t read_size = 16 << 10;
constexpr int reads_a_turn = 16; // then others have theirs
constexpr std::size_t kept_capacity = 64 << 10;
constexpr milliseconds linger_time{2000};

} // namespace

Desk::Desk(Floor &floor) : floor_(floor), input_(read_size) {}

template <class F>
void Desk::guarded(Connection &connection, F &&act) noexcept {
    try {
        act();
    } catch (...) { // out of memory; the connection is still ours: handing over throws nothing
        drop(connection);
    }
}

void Desk::serve(Connection &connection) noexcept {
    guarded(connection, [&] {
        switch (connection.phase) {
        case Phase::reading:
            return read(connection);
        case Phase::writing:
            return flush(connection);
        case Phase::draining:
            return drain(connection);
        }
    });
}

void Desk::read(Connection &connection) {
    take_work(connection);
    Work &work = *connection.work;
    bool emptied = false; // the socket has nothing more
    for (int turn = 0; turn <= reads_a_turn; ++turn) {
        switch (work.parser.advance(work.in)) {
        case RequestParser::Progress::complete:
            return begin(connection);
        case RequestParser::Progress::refused:
            return refuse(connection, work.parser.refusal());
        case RequestParser::Progress::more:
            break;
        }
        if (work.parser.take_expectation() && !say_continue(connection))
            return drop(connection);
        if (emptied || turn == reads_a_turn)
            break;
        const Io io = connection.channel.read(input_.data(), input_.size());
        if (io.ended)
            return drop(connection);
        if (io.bytes == 0) {
            emptied = true;
            if (io.wait == Io::Wait::writable)
                return arm(connection, io.wait, connection.began + floor_.limits.request_time);
            break;
        }
        if (work.in.empty())
            connection.began = Clock::now();
        work.in.append(input_.data(), io.bytes);
        emptied = !connection.channel.secure() && io.bytes < input_.size();
    }
    const bool idle = work.in.empty() && connection.served > 0;
    if (work.in.empty())
        give_back_work(connection);
    if (!account(connection))
        return refuse(connection, {503, "too much is waiting"});
    // TLS may hold more than the socket has: then nothing would wake us.
    arm(connection, emptied ? Io::Wait::readable : Io::Wait::none,
        idle ? Clock::now() + floor_.limits.idle_time
             : connection.began + floor_.limits.request_time);
}

void Desk::begin(Connection &connection) {
    Work &work = *connection.work;
    Exchange &exchange = work.exchange;
    work.parser.fill(work.in, exchange.request);
    exchange.request.secure = connection.channel.secure();
    exchange.peer = connection.peer;
    exchange.request.began = Clock::now();
    if (std::optional<Response> early = floor_.dispatcher.admit(exchange))
        return reply(connection, std::move(*early));
    if (exchange.match.route->lane == Lane::quick)
        return reply(connection, floor_.dispatcher.handle(exchange));
    account(connection);
    connection.wait_until = exchange.request.began + floor_.queue_time;
    if (floor_.gate.enter(connection))
        run(&connection);
}

// With a place at the gate: this request, then those that waited for the place.
void Desk::run(Connection *connection) noexcept {
    for (; connection; connection = floor_.gate.leave())
        guarded(*connection, [&] {
            if (connection->wait_until < Clock::now())
                turn_away(*connection);
            else
                reply(*connection, floor_.dispatcher.handle(connection->work->exchange));
        });
}

void Desk::turn_away(Connection &connection) noexcept {
    guarded(connection, [&] {
        Exchange &exchange = connection.work->exchange;
        exchange.failure = "overloaded";
        reply(connection,
              floor_.dispatcher.problem(exchange, 503, "unavailable", "too many requests at once"));
    });
}

void Desk::refuse(Connection &connection, const Refusal &refusal) {
    ++floor_.refused;
    take_work(connection);
    Exchange &exchange = connection.work->exchange;
    exchange.peer = connection.peer;
    exchange.request = {};
    const Work &work = *connection.work;
    if (work.parser.head_is_read())
        work.parser.fill(work.in, exchange.request);
    Response response = floor_.dispatcher.refused(exchange, refusal);
    output_.clear();
    floor_.dispatcher.finish(exchange, response, false, clock_, output_);
    give_back_work(connection);
    connection.keep = false;
    connection.linger = true;
    send(connection);
}

void Desk::reply(Connection &connection, Response response) {
    Work &work = *connection.work;
    const bool wanted = work.parser.keep_alive();
    connection.keep = wanted && !response.close && !floor_.stopping &&
                      ++connection.served < floor_.limits.requests_per_connection;
    output_.clear();
    floor_.dispatcher.finish(work.exchange, response, connection.keep, clock_, output_);
    work.in.erase(0, work.parser.consumed());
    work.parser.reset();
    connection.linger = wanted || !work.in.empty();
    if (work.in.empty() || !connection.keep)
        give_back_work(connection);
    else
        connection.began = Clock::now();
    send(connection);
}

void Desk::send(Connection &connection) {
    connection.phase = Phase::writing;
    std::size_t at = 0;
    while (at < output_.size()) {
        const Io io = connection.channel.write(output_.data() + at, output_.size() - at);
        if (io.ended)
            return drop(connection);
        at += io.bytes;
        if (io.bytes == 0) {
            connection.out.swap(output_);
            connection.out_at = at;
            if (!account(connection))
                return drop(connection);
            return arm(connection, io.wait, Clock::now() + floor_.limits.write_time);
        }
    }
    if (output_.capacity() > kept_capacity)
        std::string().swap(output_);
    written(connection);
}

void Desk::flush(Connection &connection) {
    std::string &out = connection.out;
    while (connection.out_at < out.size()) {
        const Io io = connection.channel.write(out.data() + connection.out_at,
                                               out.size() - connection.out_at);
        if (io.ended)
            return drop(connection);
        connection.out_at += io.bytes;
        if (io.bytes == 0) // the deadline stays: a byte now and then buys no time
            return arm(connection, io.wait,
                       Clock::time_point(Clock::duration(connection.due.load())));
    }
    std::string().swap(out);
    connection.out_at = 0;
    written(connection);
}

// All of the response is with the kernel.
void Desk::written(Connection &connection) {
    account(connection);
    if (connection.keep) {
        connection.phase = Phase::reading;
        const bool more = connection.work || connection.channel.has_pending();
        // A request that is here already waits for its turn like everybody's: epoll reports a
        // socket that can be written to at once, behind those that were ready before.
        return arm(connection, more ? Io::Wait::none : Io::Wait::readable,
                   Clock::now() + (more ? floor_.limits.request_time : floor_.limits.idle_time));
    }
    if (!connection.linger)
        return drop(connection);
    connection.channel.end_writing();
    connection.phase = Phase::draining;
    connection.began = Clock::now();
    drain(connection);
}

// Closing a socket with unread bytes resets the connection, and the client loses our answer.
void Desk::drain(Connection &connection) {
    const Clock::time_point due = connection.began + linger_time;
    for (int turn = 0; turn < reads_a_turn; ++turn) {
        const Io io = connection.channel.read(input_.data(), input_.size());
        if (io.ended || Clock::now() > due)
            return drop(connection);
        if (io.bytes == 0)
            break;
    }
    arm(connection, Io::Wait::readable, due);
}

// A few bytes into a buffer that is empty: a socket that does not take them is no client.
bool Desk::say_continue(Connection &connection) {
    constexpr std::string_view text = "HTTP/1.1 100 Continue\r\n\r\n";
    return connection.channel.write(text.data(), text.size()).bytes == text.size();
}

void Desk::expire(Connection &connection) noexcept {
    ++floor_.timed_out;
    guarded(connection, [&] {
        if (connection.phase == Phase::reading && connection.work)
            refuse(connection, {408, "the request took too long"});
        else
            drop(connection);
    });
}

void Desk::drop(Connection &connection) noexcept {
    give_back_work(connection);
    floor_.buffered -= connection.accounted;
    connection.accounted = 0;
    if (connection.counted)
        floor_.clients.leave(connection.peer);
    connection.counted = false;
    floor_.connections.release(connection);
}

bool Desk::introduce(Connection &connection) noexcept {
    connection.began = Clock::now();
    connection.due = (connection.began + floor_.limits.request_time).time_since_epoch().count();
    epoll_event event = {};
    event.events = EPOLLIN | EPOLLONESHOT;
    event.data.u64 = connection.token();
    const bool added =
        epoll_ctl(floor_.epoll, EPOLL_CTL_ADD, connection.channel.socket(), &event) == 0;
    if (added)
        floor_.connections.hand_over(connection);
    return added;
}

// Whoever epoll names it to waits until it is handed over; the reaper sees it only then.
void Desk::arm(Connection &connection, Io::Wait wait, Clock::time_point due) {
    connection.due.store(due.time_since_epoch().count(), std::memory_order_relaxed);
    epoll_event event = {};
    event.events = EPOLLONESHOT;
    if (wait != Io::Wait::writable)
        event.events |= EPOLLIN;
    if (wait != Io::Wait::readable)
        event.events |= EPOLLOUT;
    event.data.u64 = connection.token();
    if (epoll_ctl(floor_.epoll, EPOLL_CTL_MOD, connection.channel.socket(), &event) != 0)
        return drop(connection);
    floor_.connections.hand_over(connection);
}

// Counts what the connection keeps while nobody works on it; false when that is too much.
bool Desk::account(Connection &connection) {
    const std::size_t size = (connection.work ? connection.work->in.capacity() : 0) +
                             (connection.out.empty() ? 0 : connection.out.capacity());
    if (size == connection.accounted)
        return true;
    const std::size_t total = floor_.buffered += size - connection.accounted;
    const bool grew = size > connection.accounted;
    connection.accounted = size;
    return !grew || total <= floor_.limits.buffered_bytes;
}

void Desk::take_work(Connection &connection) {
    if (connection.work)
        return;
    connection.work = spare_ ? std::move(spare_) : std::make_unique<Work>(floor_.limits);
}

void Desk::give_back_work(Connection &connection) noexcept {
    if (!connection.work)
        return;
    Work &work = *connection.work;
    if (work.in.capacity() > kept_capacity || spare_) {
        connection.work.reset();
        return;
    }
    work.in.clear();
    work.parser.reset();
    spare_ = std::move(connection.work);
}

} // namespace pg_principal::http
