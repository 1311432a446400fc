// Whether a text may be the secret of an HMAC: not what is published or has a structure, in
// whatever it is wrapped (RFC 8725 sections 3.2 and 3.5). Whoever reads the text could sign with
// it.
#pragma once

#include <string>
#include <string_view>

namespace pg_principal {

// What the text is ("base64 of a public JWK"), or empty when nothing is known against it. Random
// bytes, and their base64 or hex, pass: only what cannot come about by chance counts.
std::string published_text(std::string_view text);

} // namespace pg_principal
