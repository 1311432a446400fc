// A client's connection, in place of cpp-httplib's own stream, which asks the kernel for the client's
// address with each request, looks for the next one 180 times a second, and lets a client begin its
// time anew with each byte.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <poll.h>

#include <httplib.h>

#include "base/clock.hpp"
#include "http/server.hpp"

namespace pg_principal::http {

class Stream final : public httplib::Stream {
  public:
    // Closes the socket in the end. Without `tls` it is spoken in the clear.
    Stream(int socket, const Limits &limits, Tls *tls);
    ~Stream();

    // Sends what was written and waits for a request; false when none has come in time or before it
    // must end, and when there is more than the last one.
    bool next(const std::function<bool()> &must_end);
    // The head was read: what follows has its own time.
    void begin_body();

    // The library's: all are pure there, in one version or another.
    ssize_t read(char *to, size_t size);
    ssize_t write(const char *from, size_t size);
    bool is_readable() const { return at_ < end_ || await(POLLIN, until_); }
    bool is_writable() const { return await(POLLOUT, Clock::now() + limits_.write_time); }
    bool wait_readable() const { return is_readable(); }
    bool wait_writable() const { return is_writable(); }
    void get_remote_ip_and_port(std::string &ip, int &port) const;
    void get_local_ip_and_port(std::string &, int &) const {}
    socket_t socket() const { return socket_; }
    time_t duration() const { return 0; }

  private:
    bool hears(const std::function<bool()> &must_end) const;
    bool await(short events, Clock::time_point until) const;
    template <class Step>
    ssize_t transfer(short events, Clock::time_point until, Step step);
    ssize_t take(char *to, size_t size);
    ssize_t receive();
    bool send(std::string_view rest);
    bool flush();

    const int socket_;
    const Limits &limits_;
    Tls *handshake_; // that is still to come
    std::shared_ptr<ssl_st> tls_;
    std::string ip_;
    int port_ = 0;
    Clock::time_point until_; // the client has this long for its request
    // What is left to it for lines, which the library reads so, and joins however long they are.
    std::size_t characters_ = 0;
    bool broken_ = false, begins_ = false;
    std::size_t at_ = 0, end_ = 0;
    char in_[8192];
    std::string out_; // an answer's head and body go together
};

} // namespace pg_principal::http
