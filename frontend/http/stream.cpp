#include "http/stream.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace pg_principal::http {

namespace {

constexpr std::size_t most_held_back = 16 << 10; // a record of TLS, too
constexpr std::size_t least_characters = 64 << 10;
constexpr milliseconds grace{200}; // an idle connection keeps its thread so long though others wait
constexpr milliseconds look{500};  // how often it looks then whether it must end

} // namespace

Stream::Stream(int socket, const Limits &limits, Tls *tls)
    : socket_(socket), limits_(limits), handshake_(tls) {
    fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK);
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    char host[NI_MAXHOST], port[NI_MAXSERV];
    auto *address = reinterpret_cast<sockaddr *>(&peer);
    // Who has gone already has no address, and what he sent would be of nobody.
    broken_ = getpeername(socket, address, &size) != 0 ||
              getnameinfo(address, size, host, sizeof host, port, sizeof port,
                          NI_NUMERICHOST | NI_NUMERICSERV) != 0;
    if (broken_)
        return;
    ip_ = host;
    port_ = std::atoi(port);
}

Stream::~Stream() {
    flush();
    if (tls_ && !broken_)
        SSL_shutdown(tls_.get());
    // Closed with something unread, the client would hear of that and lose the answer.
    shutdown(socket_, SHUT_WR);
    for (int rest = 16; rest > 0 && recv(socket_, in_, sizeof in_, 0) > 0; --rest)
        ;
    close(socket_);
}

bool Stream::next(const std::function<bool()> &must_end) {
    // What came beyond a request may be the rest of it, as somebody else reads HTTP.
    if (!flush() || at_ != end_ || (tls_ && SSL_pending(tls_.get())))
        return false;
    if (!hears(must_end))
        return false;
    until_ = Clock::now() + limits_.request_time;
    characters_ = std::max(limits_.headers * 1024, least_characters);
    begins_ = true;
    if (!handshake_)
        return true;
    tls_ = std::exchange(handshake_, nullptr)->begin(socket_);
    broken_ = !tls_ || transfer(POLLIN, until_, [this] { return SSL_accept(tls_.get()); }) <= 0;
    return !broken_ && next(must_end);
}

bool Stream::hears(const std::function<bool()> &must_end) const {
    const Clock::time_point began = Clock::now(), last = began + limits_.idle_time;
    for (auto until = began + grace; !await(POLLIN, std::min(last, until));
         until = Clock::now() + look)
        if (Clock::now() >= last || must_end())
            return false;
    return true;
}

void Stream::begin_body() {
    until_ = Clock::now() + limits_.request_time;
    characters_ = std::max(limits_.body * 8, least_characters); // chunks may have a byte each
}

// One empty line before a request is not of it (RFC 9112, section 2.2).
ssize_t Stream::read(char *to, size_t size) {
    const ssize_t count = take(to, size);
    if (!std::exchange(begins_, false) || count != 1 || *to != '\r')
        return count;
    return take(to, 1) == 1 && *to == '\n' ? take(to, 1) : -1;
}

ssize_t Stream::take(char *to, size_t size) {
    if (size == 1 && characters_ == 0)
        return -1;
    if (size == 1 && at_ < end_) { // the library's way through a head
        --characters_;
        *to = in_[at_++];
        return 1;
    }
    if (at_ == end_) {
        at_ = end_ = 0;
        const ssize_t got = flush() ? transfer(POLLIN, until_, [this] { return receive(); }) : -1;
        if (got <= 0)
            return got;
        end_ = static_cast<std::size_t>(got);
    }
    const std::size_t count = std::min(size, end_ - at_);
    std::memcpy(to, in_ + at_, count);
    at_ += count;
    characters_ -= size == 1;
    return static_cast<ssize_t>(count);
}

ssize_t Stream::write(const char *from, size_t size) {
    if (out_.size() + size <= most_held_back)
        out_.append(from, size);
    else if (!flush() || !send({from, size}))
        return -1;
    return static_cast<ssize_t>(size);
}

void Stream::get_remote_ip_and_port(std::string &ip, int &port) const {
    ip = ip_;
    port = port_;
}

bool Stream::await(short events, Clock::time_point until) const {
    pollfd entry{socket_, events, 0};
    for (;;) {
        const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
        const int most = static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
        const int ready = poll(&entry, 1, most);
        if (ready > 0 || (ready < 0 && errno != EINTR))
            return ready > 0;
        if (ready == 0 && left <= most)
            return false;
    }
}

// Repeats what is to move bytes while it wants to wait, until then; as read(2) otherwise.
template <class Step>
ssize_t Stream::transfer(short events, Clock::time_point until, Step step) {
    while (!broken_ && Clock::now() < until) { // also while there is always something
        if (tls_)
            ERR_clear_error();
        const ssize_t done = step();
        if (done > 0)
            return done;
        const int error = tls_ ? SSL_get_error(tls_.get(), static_cast<int>(done)) : 0;
        if (tls_ ? error == SSL_ERROR_ZERO_RETURN : done == 0)
            return 0;
        if (tls_ && (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE))
            events = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
        else if (tls_ || (errno != EAGAIN && errno != EINTR))
            broken_ = true;
        if (!broken_ && !await(events, until))
            return -1;
    }
    return -1;
}

ssize_t Stream::receive() {
    return tls_ ? SSL_read(tls_.get(), in_, sizeof in_) : recv(socket_, in_, sizeof in_, 0);
}

bool Stream::send(std::string_view rest) {
    while (!rest.empty() && !broken_) {
        const std::size_t piece = std::min(rest.size(), most_held_back);
        const ssize_t done = transfer(POLLOUT, Clock::now() + limits_.write_time, [&] {
            return tls_ ? SSL_write(tls_.get(), rest.data(), static_cast<int>(piece))
                        : ::send(socket_, rest.data(), piece, MSG_NOSIGNAL);
        });
        broken_ = done <= 0;
        rest.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(done, 0)));
    }
    return !broken_;
}

bool Stream::flush() {
    const bool sent = send(out_);
    out_.clear();
    return sent;
}

} // namespace pg_principal::http
