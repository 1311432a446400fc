// One connection's bytes, plain or TLS, never waiting; and the socket that connections come to.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>

struct ssl_ctx_st;
struct ssl_st;

namespace pg_principal::http {

// What came of a read or write: bytes, or what to wait for, or the end.
struct Io {
    enum class Wait { none, readable, writable };
    std::size_t bytes = 0;
    Wait wait = Wait::none;
    bool ended = false;
};

// TLS 1.2 and newer with one certificate chain, which can be replaced while connections are up.
class Tls {
  public:
    // PEM files. Throws Failure.
    Tls(std::string certificate_file, std::string key_file);
    // Reads the files again; new connections use them. Throws Failure and changes nothing then.
    void reload();
    ssl_st *accept(int socket); // nullptr when there is no memory

  private:
    std::shared_ptr<ssl_ctx_st> load() const;
    std::string certificate_file_, key_file_;
    std::mutex mutex_;
    std::shared_ptr<ssl_ctx_st> context_;
};

class Channel {
  public:
    Channel() = default;
    Channel(const Channel &) = delete;
    Channel &operator=(const Channel &) = delete;
    ~Channel() { close(); }

    // Takes the socket; `tls` may be nullptr.
    bool open(int socket, Tls *tls);
    Io read(char *into, std::size_t most);
    Io write(const char *from, std::size_t size);
    // TLS has read more from the socket than it was asked for.
    bool has_pending() const;
    bool secure() const { return ssl_ != nullptr; }
    int socket() const { return socket_; }
    // Says that nothing more will come, and goes on reading.
    void end_writing();
    void close();

  private:
    Io tls_outcome(int result);
    int socket_ = -1;
    ssl_st *ssl_ = nullptr;
};

// A listening socket, not waiting. Throws Failure, also when somebody listens there already: unlike
// with SO_REUSEPORT a second server is refused. Port 0 is any.
int open_listener(const std::string &host, const std::string &port);
int port_of(int listener);

// host:port, [::1]:port; throws UsageError.
struct Endpoint {
    std::string host, port;
    static Endpoint parse(const std::string &text);
};

} // namespace pg_principal::http
