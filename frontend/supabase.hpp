// The wire shapes of Supabase Auth, so that its client libraries work unchanged.
#pragma once

#include <string>

#include "api.hpp"

namespace pg_principal::supabase {

struct Options {
    std::string prefix = "/auth/v1"; // "": none of it
    bool key_required = false;       // refuse requests without an apikey header
};

// The pool must outlive the table.
void add_routes(http::RouteTable &routes, http::Pool &pool, const api::Lifetimes &lifetimes,
                const Options &options);

// What the engine refuses by itself below the prefix.
http::Response problem_body(const http::Problem &problem);

} // namespace pg_principal::supabase
