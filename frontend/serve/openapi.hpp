// The table of routes as an OpenAPI 3.1 document. Schemas are JSON Schema, or by example: in
// {"id!": "uuid", "name": "string?", "kind": "Kind", "scopes": ["string"]} the id is required, the
// name may be null, the kind is a component, the scopes are a list; additionalProperties closes it.
#pragma once

#include <string>

#include "http/routes.hpp"

namespace pg_principal::api {

// `schemas` is what the routes' schemas refer to, a JSON object.
std::string openapi_document(const http::RouteTable &routes, const char *version,
                             const char *schemas);

} // namespace pg_principal::api
