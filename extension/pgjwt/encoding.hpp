// Base64url and character sets with the server's own leniency and the server's own errors.
#pragma once

#include <string>
#include <string_view>

namespace pg_principal::pgjwt {

// Accepts what decode(..., 'base64') does: either alphabet, padding, whitespace.
void url_decode(std::string_view text, std::string &out);

// To the database's encoding. The result is the argument itself where nothing had to be converted,
// else memory of the current context that ends with a zero byte.
std::string_view from_utf8(std::string_view utf8);

} // namespace pg_principal::pgjwt
