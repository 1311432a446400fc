// HMAC signatures under secrets of any length, the empty one included.
#pragma once

#include "core/crypto/crypto.hpp"

#include <string>
#include <string_view>

namespace pg_principal::pgjwt {

// HS256, HS384, HS512; anything else raises pgcrypto's error.
Hash require_hash(std::string_view algorithm);

std::string signature(Hash hash, std::string_view secret, std::string_view message);

} // namespace pg_principal::pgjwt
