// The groups of routes, each in a file of its own.
#pragma once

#include <memory>

#include "api/call.hpp"

namespace pg_principal::api {

// Who calls, as the documentation and the test of all routes have it, and what a route is like. A
// route that is not for anybody is refused without a token, before its body is looked at, and below
// /api, where a query has no names but those documented, with a dead token or too small a role
// before the body or the query are.
http::Route route(const char *method, const char *pattern, http::Caller caller, const char *summary,
                  http::Handler act);

using SharedBackend = std::shared_ptr<const Backend>;
void add_auth_routes(http::RouteTable &routes, const SharedBackend &backend);
void add_user_routes(http::RouteTable &routes, const SharedBackend &backend);
void add_admin_routes(http::RouteTable &routes, const SharedBackend &backend);
http::Route key_route(const SharedBackend &backend, const std::string &prefix = {});

} // namespace pg_principal::api
