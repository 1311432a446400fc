// What only the library knows of an installation: its own version, and whether keys open.
#include "core/base/error.hpp"
#include "pg/bridge/bridge.hpp"
#include "pg/keys/keyring.hpp"

using namespace pg_principal;

namespace {

void open_key(std::string_view purpose, std::string_view kid) {
    if (purpose == "signing")
        (void)signing_key();
    else if (purpose == "verifying")
        (void)verification_key(kid);
    else
        (void)refresh_token_key();
}

} // namespace

SQL_FUNCTION(library_version) {
    return PointerGetDatum(to_text(PG_PRINCIPAL_VERSION)); // the control file's, by the Makefile
}

// purpose, kid: fault, message, hint
SQL_FUNCTION(key_fault) {
    Datum values[3] = {};
    bool nulls[3] = {true, true, true};
    try {
        open_key(PG_ARGISNULL(0) ? std::string_view() : text_argument(fcinfo, 0),
                 PG_ARGISNULL(1) ? std::string_view() : text_argument(fcinfo, 1));
    } catch (const Error &error) {
        if (error.kind().id == std::string_view("crypto_failed"))
            throw; // no memory, say: nothing that the key can do about
        const std::string_view texts[3] = {error.kind().id, error.message(), error.hint()};
        for (int i = 0; i < 3; ++i) {
            nulls[i] = texts[i].empty();
            if (!nulls[i])
                values[i] = PointerGetDatum(to_text(texts[i]));
        }
    }
    return record_result(fcinfo, values, nulls);
}
