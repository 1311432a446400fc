// What a handler may throw. The dispatcher turns each into a response; none of their texts but
// HttpError's reaches a client.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace pg_principal::http {

// A refusal in the handler's own words; `failure` is for the access log alone.
struct HttpError : std::runtime_error {
    HttpError(int with_status, std::string with_code, const std::string &message,
              std::string with_failure = {})
        : std::runtime_error(message), status(with_status), code(std::move(with_code)),
          failure(std::move(with_failure)) {}
    int status;
    std::string code, failure;
};

// The database cannot be asked now: 503 with Retry-After.
struct Unavailable : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// The connection broke under a statement. When it may have been carried out, only one that changes
// nothing can be said again.
struct Broken : Unavailable {
    Broken(const char *what, bool with_may_have_run)
        : Unavailable(what), may_have_run(with_may_have_run) {}
    bool may_have_run;
};

// The database refused a statement: 503 when it took too long, otherwise 500. Handlers catch those
// they know a better answer to.
struct DbError : std::runtime_error {
    DbError(std::string with_sqlstate, const std::string &message, std::string with_detail = {},
            std::string with_hint = {}, std::string with_constraint = {})
        : std::runtime_error(message), sqlstate(std::move(with_sqlstate)),
          detail(std::move(with_detail)), hint(std::move(with_hint)),
          constraint(std::move(with_constraint)) {}
    std::string sqlstate, detail, hint, constraint;
};

} // namespace pg_principal::http
