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
    // For a connection that was accepted, with the certificate of this moment; none without memory.
    std::shared_ptr<ssl_st> begin(int socket);

  private:
    std::string certificate_file_, key_file_;
    std::mutex mutex_;
    std::shared_ptr<ssl_ctx_st> context_;
};

// A write of this thread to a connection that is gone is an error then, not the end of the program.
void block_pipe_signal();

// Throws Failure when a client could not read them (PEM).
void check_authorities(const std::string &file);

// Of a client of cpp-httplib: newer versions have it under another name.
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
