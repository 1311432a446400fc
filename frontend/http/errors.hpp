// What a handler may throw. The dispatcher turns each into a response; none of their texts but
// HttpError's reaches a client.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "db/errors.hpp"

namespace pg_principal::http {

using db::DbError;
using db::ReadOnly;
using db::Unavailable;

// The code of a 503 that passes when an operator has done something: without Retry-After.
inline constexpr std::string_view operator_needed = "operator_needed";

// A refusal in the handler's own words; `failure` is for the access log alone.
struct HttpError : std::runtime_error {
    HttpError(int with_status, std::string with_code, const std::string &message,
              std::string with_failure = {})
        : std::runtime_error(message), status(with_status), code(std::move(with_code)),
          failure(std::move(with_failure)) {}
    int status;
    std::string code, failure;
};

} // namespace pg_principal::http
