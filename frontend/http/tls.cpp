#include "http/tls.hpp"

#include <csignal>
#include <cstring>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/failure.hpp"
#include "base/terminal.hpp"

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

// OpenSSL's word for what went wrong; never the content of a file. The first is the cause, those
// after it name the modules that it passed through ("PEM lib").
[[noreturn]] void fail(const std::string &what) {
    const unsigned long first = ERR_peek_error();
    const char *reason = ERR_SYSTEM_ERROR(first) ? std::strerror(ERR_GET_REASON(first))
                                                 : ERR_reason_error_string(first);
    ERR_clear_error();
    throw Failure(what, reason ? reason : "");
}

// OpenSSL would ask the terminal, and wait, at each SIGHUP again.
int know_no_passphrase(char * /* buffer */, int /* size */, int /* is_for_writing */,
                       void *is_encrypted) {
    if (is_encrypted)
        *static_cast<bool *>(is_encrypted) = true;
    return -1;
}

void configure(SSL_CTX *context) {
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
    // Sessions live in tickets that clients keep: nothing grows here.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

} // namespace

Tls::Tls(std::string certificate_file, std::string key_file)
    : certificate_file_(std::move(certificate_file)), key_file_(std::move(key_file)) {
    reload();
}

void Tls::reload() {
    ERR_clear_error();
    std::shared_ptr<SSL_CTX> fresh(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    if (!fresh)
        fail("cannot set up TLS");
    configure(fresh.get());
    bool is_encrypted = false;
    const auto read = [&is_encrypted](int result, const std::string &what) {
        if (result != 1 && is_encrypted)
            throw Failure("cannot read " + what, "it has a passphrase",
                          "A server that starts by itself is told none: openssl pkey -in FILE -out "
                          "NEW writes the key without, which nobody else may read.");
        if (result != 1)
            fail("cannot read " + what);
    };
    SSL_CTX_set_default_passwd_cb(fresh.get(), know_no_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(fresh.get(), &is_encrypted);
    read(SSL_CTX_use_certificate_chain_file(fresh.get(), certificate_file_.c_str()),
         "a certificate from " + certificate_file_);
    read(SSL_CTX_use_PrivateKey_file(fresh.get(), key_file_.c_str(), SSL_FILETYPE_PEM),
         "a private key from " + key_file_);
    SSL_CTX_set_default_passwd_cb_userdata(fresh.get(), nullptr);
    if (SSL_CTX_check_private_key(fresh.get()) != 1)
        fail("the private key does not belong to the certificate");
    const std::lock_guard<std::mutex> lock(mutex_);
    context_ = std::move(fresh);
}

void block_pipe_signal() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

void check_authorities(const std::string &file) {
    ERR_clear_error();
    const std::shared_ptr<SSL_CTX> any(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
    if (!any || SSL_CTX_load_verify_locations(any.get(), file.c_str(), nullptr) != 1)
        fail("cannot read the certificates of authorities from " + for_terminal(file));
}

std::shared_ptr<SSL> Tls::begin(int socket) {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::shared_ptr<SSL> connection(SSL_new(context_.get()), SSL_free);
    return connection && SSL_set_fd(connection.get(), socket) ? connection : nullptr;
}

} // namespace pg_principal::http
