// Keys that arrive as arguments, prepared once: parsing and checking a key costs more than using
// it.
#pragma once

#include "core/jose/key_set.hpp"
#include "pg/bridge/bridge.hpp"

namespace pg_principal {

// The keys of a jsonb argument, to verify with: a JWK, a JWK Set, or a string with a PEM or a
// secret. Valid until the next call.
const KeySet &key_set_argument(FunctionCallInfo fcinfo, int n);
const KeySet &key_set_of(Datum jsonb);
// One key to verify with; a set of several is an error.
Key verifying_key_argument(FunctionCallInfo fcinfo, int n, Alg alg);
// One key to sign or describe with, its private half checked; a set of several is an error. A
// secret is declared to be for `alg`.
Key key_argument(FunctionCallInfo fcinfo, int n, std::optional<Alg> alg = std::nullopt);

} // namespace pg_principal
