// The OAuth endpoints (RFC 6749, 7009, 7662) and where clients find them (RFC 8414, 9728). What a
// form says goes to one SQL function, and what that answers goes back. Nothing is decided here.
#pragma once

#include "api/routes.hpp"

namespace pg_principal::oauth {

// at_root: /.well-known/openid-configuration is ours to serve.
void add_routes(http::RouteTable &routes, const api::SharedBackend &backend, bool at_root);

bool is_ours(std::string_view path);
// What the server refuses by itself below /oauth.
http::Response problem_body(const http::Problem &problem);

} // namespace pg_principal::oauth
