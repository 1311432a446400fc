// From a token to an identity: signature, claims, session, principal, in that order.
#pragma once

#include "pg/identity.hpp"

namespace pg_principal {

// Error(token_refused) with the reason as detail.
[[noreturn]] void refuse_token(std::string_view reason);

Identity prove_token(std::string_view token);
// Claims that PostgREST has verified (pg_principal.trust_request_claims): session and principal are
// judged all the same.
Identity prove_claims(std::string_view claims_json);

} // namespace pg_principal
