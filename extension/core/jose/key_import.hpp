// A key of our own as people have it.
#pragma once

#include "core/jose/jwk.hpp"

namespace pg_principal {

// A private JWK, an array that holds one (Supabase's signing_keys.json), a PEM, or the secret of
// HS256 itself. Whatever else has a structure, or is published, is an error that says what it is.
Key import_key(std::string_view source);

} // namespace pg_principal
