// libpq-oauth.so for programs on libpq 19 and later that do not ask for a hook, psql among them: in
// place of a device flow it gives the token in PG_PRINCIPAL_TOKEN. libpq loads the first library of
// that name that the dynamic linker finds:
//     LD_LIBRARY_PATH=/usr/local/lib/pg_principal PG_PRINCIPAL_TOKEN=... psql "... oauth_issuer=..."
#include <libpq-fe.h>

#include <cstdlib>
#include <cstring>
#include <strings.h>

namespace {

void forget(PGconn *, PGoauthBearerRequest *request) {
    if (request->token == nullptr)
        return;
    explicit_bzero(request->token, std::strlen(request->token));
    std::free(request->token);
    request->token = nullptr;
}

// A path, or a name of Linux's abstract namespace.
bool is_local(const PGconn *connection) {
    const char *host = PQhost(connection);
    return host != nullptr && (*host == '/' || *host == '@');
}

} // namespace

#define PG_PRINCIPAL_FOR_LIBPQ extern "C" __attribute__((visibility("default")))

// libpq's gettext: what it wants first.
PG_PRINCIPAL_FOR_LIBPQ void libpq_oauth_init(char *(*)(const char *)) {}

PG_PRINCIPAL_FOR_LIBPQ int pg_start_oauthbearer(PGconn *connection,
                                                PGoauthBearerRequestV2 *request) {
    const char *token = std::getenv("PG_PRINCIPAL_TOKEN");
    request->v1.cleanup = forget;
    if (token == nullptr || *token == '\0')
        request->error = "the environment variable PG_PRINCIPAL_TOKEN is not set";
    else if (!PQsslInUse(connection) && !is_local(connection)) // libpq itself would send it
        request->error = "the token would cross a network in the clear: set sslmode=verify-full";
    else if ((request->v1.token = strdup(token)) == nullptr)
        request->error = "out of memory";
    return request->error == nullptr ? 0 : -1;
}
