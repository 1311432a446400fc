// Supabase Auth's wire shapes: how its requests are put to the database, and its error bodies.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/call.hpp"

namespace pg_principal::supabase {

using namespace db;
using api::By;

// A key that is none leaves no row.
#define PG_PRINCIPAL_KNOWN_KEY                                                                     \
    " FROM (SELECT auth.is_project_key($1) AS known OFFSET 0) k WHERE known IS NOT FALSE"

// The parameters are the apikey header and then, for a caller, the token.
inline constexpr api::Dialect dialect{"(r).reason, ", "$2", PG_PRINCIPAL_KNOWN_KEY};

// A refusal; its code is one of Supabase Auth's.
struct Refusal {
    int status;
    std::string_view code;
    std::string message;
    std::vector<std::string_view> weak_password = {}; // why: length, characters
};

// {code, error_code, msg}, and {code, message} for clients that ask for version 2024-01-01.
http::Response refuse(const http::Request &request, const Refusal &refusal);

struct Outcome {
    int status = 0;
    std::string payload, reason; // of the auth_result; reason is "" when it is ok
    bool ok() const { return status < 300; }
};

// What the client shows of itself: the bearer token, or else its key.
std::string_view credential(const http::Request &request) noexcept;

// Both throw Refusal for what the database does not even judge: bad keys, dead tokens. A stranger's
// last parameter is the context.
Outcome ask_as_stranger(const api::Backend &backend, const http::Request &request,
                        const db::Statement &statement, const std::vector<db::Param> &parameters);
// A statement whose only parameter is the apikey header.
Outcome ask_as_anybody(const api::Backend &backend, const http::Request &request,
                       const db::Statement &statement);
Outcome ask_as_caller(const api::Backend &backend, const http::Request &request,
                      const db::Statement &statement,
                      const std::vector<db::Param> &parameters = {});

// In the words that clients look for.
Refusal bad_email();

// What an outcome that is not ok means here.
Refusal refusal_of(const Outcome &outcome);
// Throws that, or gives the payload.
const std::string &payload_of(const Outcome &outcome);

} // namespace pg_principal::supabase
