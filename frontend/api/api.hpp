// The routes under /api and /.well-known/jwks.json: what a request says goes to one SQL function,
// and what that answers goes back. Nothing is decided here.
#pragma once

#include <memory>

#include "http/routes.hpp"

namespace pg_principal::http {
struct Problem;
}

namespace pg_principal::api {

// Seconds to ask for; 0 leaves it to the database's settings, which are also the ceiling.
struct Lifetimes {
    unsigned access_token = 0, refresh_token = 0;
};

class Backend;
using SharedBackend = std::shared_ptr<const Backend>;

void add_routes(http::RouteTable &routes, const SharedBackend &backend);

// The schemas that those of the routes refer to, for the OpenAPI document.
const char *component_schemas() noexcept;

// What the server refuses by itself, in the words of the API when the path is one of its own.
http::Response problem_body(const http::Problem &problem);

} // namespace pg_principal::api
