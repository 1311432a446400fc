// The wire shapes of Supabase Auth, so that its client libraries work unchanged.
#pragma once

#include <string>
#include <string_view>

#include "api/routes.hpp"

namespace pg_principal::supabase {

struct Options {
    bool offered = true;
    std::string prefix = "/auth/v1"; // "": at the root, as Supabase Auth itself serves them
    bool key_required = false;       // refuse requests without an apikey header
};

void add_routes(http::RouteTable &routes, const api::SharedBackend &backend,
                const Options &options);

// What a probe of Supabase Auth reads.
std::string health_body();

// Whether a path is one of theirs when they are served at the root, beside the others.
bool is_below(const Options &options, std::string_view path);

// What the server refuses by itself below the prefix.
http::Response problem_body(const http::Problem &problem);

} // namespace pg_principal::supabase
