// What the header of a token says that it is: `typ`, a media type (RFC 7515 section 4.1.9). Each
// door takes tokens of its own types and no others (RFC 8725 section 3.11): an ID token, a logout
// token, a security event or a DPoP proof under the same key is never an access token.
#pragma once

#include <optional>
#include <string_view>

namespace pg_principal {

// The same media type: neither case nor "application/" before it counts.
bool is_same_type(std::string_view typ, std::string_view other) noexcept;

// None and JWT, as most issuers have it, or at+jwt (RFC 9068).
bool is_access_token_type(std::optional<std::string_view> typ) noexcept;

// What somebody lends an agent to exchange (RFC 8693), and no other door takes.
constexpr std::string_view may_act_type = "may-act+jwt";

// Of others, of who somebody is: none (Kubernetes), JWT, or JOSE (SPIFFE).
bool is_identity_token_type(std::optional<std::string_view> typ) noexcept;

} // namespace pg_principal
