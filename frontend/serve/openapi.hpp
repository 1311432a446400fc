// The table of routes as an OpenAPI 3.1 document.
#pragma once

#include <string>

#include "http/routes.hpp"

namespace pg_principal::api {

// `schemas` is what the routes' schemas refer to, a JSON object.
std::string openapi_document(const http::RouteTable &routes, const char *version,
                             const char *schemas);

} // namespace pg_principal::api
