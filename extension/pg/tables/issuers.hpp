// Rows of auth.trusted_issuers.
#pragma once

#include "pg/bridge/bridge.hpp"

#include <string_view>

namespace pg_principal {

struct Texts {
    Datum *items;
    int count;
};

// Lives in the current memory context.
struct IssuerRow {
    bool found;
    Datum whole; // auth.trusted_issuers
    Datum issuer;
    bool has_keys;
    Datum keys; // jsonb
    Texts audiences, algorithms, required_claims;
    int longest_life_s;
};

// As it is now, whatever the transaction's isolation level. issuer: in the server's encoding.
IssuerRow read_trusted_issuer(const text *issuer);

} // namespace pg_principal
