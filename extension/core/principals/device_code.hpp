// User codes of RFC 8628: short enough to type, and of letters that nobody mistakes for each other.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace pg_principal {

// "BCDF-GHJK", one of 20^8. random gives as many random bytes as it is asked for.
std::string make_user_code(const std::function<std::string(std::size_t)> &random);

// Its eight letters in upper case, whatever the case and what stands between them; nothing for what
// is none.
std::optional<std::string> read_user_code(std::string_view text);

} // namespace pg_principal
