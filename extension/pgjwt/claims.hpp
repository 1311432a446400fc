// JSON with the server's own reader and the server's own errors.
#pragma once

#include "pg/bridge/pg.hpp"

#include <optional>
#include <string_view>

namespace pg_principal::pgjwt {

// convert_from(utf8, 'utf8')::json
Datum to_json(std::string_view utf8);

// nullopt for whatever is not a double precision, out of range included.
std::optional<double> try_cast_double(std::string_view text);

// Whether the transaction began in [nbf, exp); a claim that is missing or no number bounds nothing.
bool is_in_time(std::string_view utf8_payload);

} // namespace pg_principal::pgjwt
