#include "http_channel.hpp"

#include <cstring>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "failure.hpp"

namespace pg_principal::http {

namespace {

// One protocol is spoken; a client that offers others goes on without.
int choose_protocol(SSL *, const unsigned char **out, unsigned char *out_size,
                    const unsigned char *in, unsigned int in_size, void *) {
    static constexpr unsigned char http11[] = "\x08http/1.1";
    unsigned char *chosen = nullptr;
    if (SSL_select_next_proto(&chosen, out_size, http11, sizeof http11 - 1, in, in_size) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

// OpenSSL's word for what went wrong; never the content of a file.
[[noreturn]] void fail(const std::string &what) {
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    throw cli::Failure(what, reason ? reason : "");
}

} // namespace

Tls::Tls(std::string certificate_file, std::string key_file)
    : certificate_file_(std::move(certificate_file)), key_file_(std::move(key_file)) {
    reload();
}

std::shared_ptr<ssl_ctx_st> Tls::load() const {
    ERR_clear_error();
    const std::shared_ptr<ssl_ctx_st> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    SSL_CTX *const raw = context.get();
    if (!raw || SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION) != 1)
        fail("cannot set up TLS");
    SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(raw, choose_protocol, nullptr);
    // Sessions live in tickets that clients keep: nothing grows here.
    SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
    if (SSL_CTX_use_certificate_chain_file(raw, certificate_file_.c_str()) != 1)
        fail("cannot read a certificate from " + certificate_file_);
    if (SSL_CTX_use_PrivateKey_file(raw, key_file_.c_str(), SSL_FILETYPE_PEM) != 1)
        fail("cannot read a private key from " + key_file_);
    if (SSL_CTX_check_private_key(raw) != 1)
        fail("the private key does not belong to the certificate");
    return context;
}

void Tls::reload() {
    std::shared_ptr<ssl_ctx_st> fresh = load();
    const std::lock_guard<std::mutex> lock(mutex_);
    context_ = std::move(fresh);
}

ssl_st *Tls::accept(int socket) {
    const std::lock_guard<std::mutex> lock(mutex_);
    SSL *ssl = SSL_new(context_.get());
    if (ssl && SSL_set_fd(ssl, socket) != 1) {
        SSL_free(ssl);
        return nullptr;
    }
    if (ssl)
        SSL_set_accept_state(ssl);
    return ssl;
}

} // namespace pg_principal::http
