#include "http_channel.hpp"

#include <cerrno>
#include <cstring>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "failure.hpp"

namespace pg_principal::http {

using cli::Failure;
using cli::UsageError;

Io Channel::read(char *into, std::size_t most) {
    if (ssl_) {
        ERR_clear_error();
        std::size_t bytes = 0;
        const int result = SSL_read_ex(ssl_, into, most, &bytes);
        return result == 1 ? Io{bytes} : tls_outcome(result);
    }
    while (true) {
        const ssize_t bytes = recv(socket_, into, most, 0);
        if (bytes > 0)
            return {static_cast<std::size_t>(bytes)};
        if (bytes < 0 && errno == EINTR)
            continue;
        if (bytes < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return {0, Io::Wait::readable};
        return {0, Io::Wait::none, true};
    }
}

Io Channel::write(const char *from, std::size_t size) {
    if (ssl_) {
        ERR_clear_error();
        std::size_t bytes = 0;
        const int result = SSL_write_ex(ssl_, from, size, &bytes);
        return result == 1 ? Io{bytes} : tls_outcome(result);
    }
    while (true) {
        const ssize_t bytes = send(socket_, from, size, MSG_NOSIGNAL);
        if (bytes >= 0)
            return {static_cast<std::size_t>(bytes)};
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return {0, Io::Wait::writable};
        return {0, Io::Wait::none, true};
    }
}

Io Channel::tls_outcome(int result) {
    switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
        return {0, Io::Wait::readable};
    case SSL_ERROR_WANT_WRITE:
        return {0, Io::Wait::writable};
    default:
        return {0, Io::Wait::none, true};
    }
}

bool Channel::open(int socket, Tls *tls) {
    close();
    socket_ = socket;
    const int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (tls)
        ssl_ = tls->accept(socket);
    return !tls || ssl_;
}

bool Channel::has_pending() const { return ssl_ && SSL_has_pending(ssl_); }

void Channel::end_writing() {
    if (ssl_ && SSL_is_init_finished(ssl_)) {
        ERR_clear_error();
        SSL_shutdown(ssl_);
    }
    shutdown(socket_, SHUT_WR);
}

void Channel::close() {
    if (ssl_)
        SSL_free(ssl_);
    if (socket_ >= 0)
        ::close(socket_);
    ssl_ = nullptr;
    socket_ = -1;
}

int open_listener(const std::string &host, const std::string &port) {
    addrinfo hints = {}, *found = nullptr;
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    const std::string where = host + ':' + port;
    if (const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found))
        throw Failure("cannot listen on " + where + ": " + gai_strerror(error));
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, freeaddrinfo);
    const int listener = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    if (listener >= 0) {
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (found->ai_family == AF_INET6) // 0.0.0.0 and [::] are two addresses, here as there
            setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        if (bind(listener, found->ai_addr, found->ai_addrlen) == 0 &&
            listen(listener, SOMAXCONN) == 0)
            return listener;
    }
    const int error = errno;
    if (listener >= 0)
        ::close(listener);
    throw Failure("cannot listen on " + where + ": " + std::strerror(error), {},
                  error == EADDRINUSE ? "Another program, perhaps another server of this kind, "
                                        "listens there."
                                      : "");
}

int port_of(int listener) {
    sockaddr_storage address = {};
    socklen_t size = sizeof address;
    if (getsockname(listener, reinterpret_cast<sockaddr *>(&address), &size) != 0)
        return 0;
    return ntohs(address.ss_family == AF_INET6
                     ? reinterpret_cast<const sockaddr_in6 &>(address).sin6_port
                     : reinterpret_cast<const sockaddr_in &>(address).sin_port);
}

Endpoint Endpoint::parse(const std::string &text) {
    const std::size_t colon = text.rfind(':');
    Endpoint endpoint;
    if (colon != text.npos) {
        endpoint = {text.substr(0, colon), text.substr(colon + 1)};
        std::string &host = endpoint.host;
        if (host.size() > 2 && host.front() == '[' && host.back() == ']')
            host = host.substr(1, host.size() - 2);
        else if (host.find(':') != host.npos)
            host.clear();
    }
    const std::string &port = endpoint.port;
    if (endpoint.host.empty() || port.empty() || port.size() > 5 ||
        port.find_first_not_of("0123456789") != port.npos || std::stoi(port) > 65535)
        throw UsageError("an address to listen on is HOST:PORT",
                         "For example 127.0.0.1:9999 or [::1]:9999.");
    return endpoint;
}

} // namespace pg_principal::http
