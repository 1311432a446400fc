// JSON that strangers publish, as PostgreSQL's jsonb can hold it.
#pragma once

#include <string>
#include <string_view>

namespace pg_principal::json {

// U+FFFD in place of \u0000, of lone surrogates and of bytes that are not UTF-8; null in place of
// numbers of more than 100 characters or with an exponent of more than two, and of what is nested
// in 256 others. All else stays as it is, well-formed or not.
std::string storable(std::string_view text);

} // namespace pg_principal::json
