// One certificate chain for TLS 1.2 and newer, which can be replaced while connections are up.
#pragma once

#include <memory>
#include <mutex>
#include <string>

struct ssl_ctx_st;
struct ssl_st;

namespace pg_principal::http {

class Tls {
  public:
    // PEM files. Throws Failure.
    Tls(std::string certificate_file, std::string key_file);
    // Reads the files again; new connections use them. Throws Failure and changes nothing then.
    void reload();
    // The library's context takes all from here; this must outlive it.
    void govern(ssl_ctx_st *context);

    const std::string &certificate_file() const { return certificate_file_; }
    const std::string &key_file() const { return key_file_; }

  private:
    static int at_hello(ssl_st *connection, int *alert, void *tls);
    std::string certificate_file_, key_file_;
    std::mutex mutex_;
    std::shared_ptr<ssl_ctx_st> context_;
};

// A write of this thread to a connection that is gone is an error then, not the end of the program.
void block_pipe_signal();

// Throws Failure when a client could not read them (PEM).
void check_authorities(const std::string &file);

// Of a server or client of cpp-httplib: newer versions have it under another name.
template <class Library>
auto context_of(Library &library, int)
    -> decltype(static_cast<ssl_ctx_st *>(library.tls_context())) {
    return static_cast<ssl_ctx_st *>(library.tls_context());
}
template <class Library>
auto context_of(Library &library, long) -> decltype(library.ssl_context()) {
    return library.ssl_context();
}

} // namespace pg_principal::http
