// From a token to an identity: signature and claims, then session and principal.
#pragma once

#include "pg/identity/identity.hpp"

namespace pg_principal {

// Error(token_refused) with the reason as detail.
[[noreturn]] void refuse_token(std::string_view reason);

enum class TokenPurpose { access, exchange }; // whose `typ` is asked for

// Signature and claims, and whether they are within their time now.
Claims prove_token(std::string_view token, TokenPurpose purpose = TokenPurpose::access);
// Whether the key that signed them is still the same and may verify.
bool key_stands(const Claims &claims);
// What session and principal say now, under a fresh snapshot.
Standing judge(const Claims &claims);
// What their changes are signalled by.
void tie(Identity &identity);

// Claims that PostgREST has verified (pg_principal.trust_request_claims): session and principal are
// judged all the same.
Identity prove_claims(std::string_view claims_json);

// A project key (anon, service_role) of the system that the database moved from: signed under a key
// that was imported, without a session. Error(key_not_adopted) with the reason.
struct AdoptableKey {
    pg_uuid_t session_id; // of the session that stands for it here once it is adopted
    std::string role;
    TimestampTz expires_at; // DT_NOEND when it has no exp
};
AdoptableKey read_adoptable_key(std::string_view token);

} // namespace pg_principal
