// How a route asks the database, and what it answers when there is nothing to ask.
#pragma once

#include <string>
#include <vector>

#include "api.hpp"
#include "core/profile.hpp"

// A call on behalf of whoever the token $1 belongs to: bound first, called then, in one statement.
// The function called verifies it, as each does that asks who is calling; auth.authenticate() would
// spell out claims that nobody reads. OFFSET 0 keeps the planner from merging the steps.
#define PG_PRINCIPAL_CALL_AS_CALLER(call)                                                          \
    "SELECT (r).status, (r).payload FROM (SELECT " call                                            \
    " AS r FROM (SELECT pg_catalog.set_config('pg_principal.token', $1, true)"                     \
    " AS token OFFSET 0) c WHERE token IS NOT NULL OFFSET 0) s"
#define PG_PRINCIPAL_CALL(call)                                                                    \
    "SELECT (r).status, (r).payload FROM (SELECT " call " AS r OFFSET 0) s"

namespace pg_principal::api {

// Thrown where a request needs no further look; the response is the whole answer.
struct Answer {
    http::Response response;
};

// What no caller can mend: 503 where a later try may do, otherwise the error itself.
[[noreturn]] void throw_other(const http::DbError &error);

http::Response message(int status, std::string_view text);
// 400 that names every bad field.
http::Response refused_fields(std::string_view text, const std::vector<ProfileProblem> &problems);
http::Response authentication_required(const http::Request &request);

class Backend {
  public:
    Backend(http::Pool &pool, const Lifetimes &lifetimes) : pool_(pool), lifetimes_(lifetimes) {}

    // The statement's parameters are the token and then these.
    http::Response as_caller(const http::Request &request, const http::Statement &statement,
                             std::vector<http::Param> parameters = {}) const;
    // They are these and then the context.
    http::Response as_stranger(const http::Request &request, const http::Statement &statement,
                               std::vector<http::Param> parameters) const;
    // Once more after a serialization failure or a deadlock. Throws DbError and Unavailable.
    http::Result ask(const http::Statement &statement,
                     const std::vector<http::Param> &parameters = {}) const;
    // The same with the context as the last parameter, made when there is a connection for it.
    http::Result ask_in_context(const http::Request &request, const http::Statement &statement,
                                std::vector<http::Param> parameters) const;
    // Who asks from where, for the audit, how long tokens are asked to live, and how long the
    // request has waited: a JSON object.
    std::string context(const http::Request &request) const;

  private:
    http::Pool &pool_;
    Lifetimes lifetimes_;
};

} // namespace pg_principal::api
