// Routes of the server itself: about its state, about the other routes, and the console.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "db/pool.hpp"
#include "db/standing.hpp"
#include "http/metrics.hpp"
#include "http/routes.hpp"

namespace pg_principal::cli {

// /health, /ready, /metrics. `health` is what the first says; `metrics` gives the text of this
// process, which the database's follow, and clients outside `metrics_from` do not learn that it is
// there.
void add_status_routes(http::RouteTable &routes, db::Pool &pool, const std::string &health,
                       std::function<std::string()> metrics, std::vector<http::Cidr> metrics_from);

// What /ready tells. Throws Unavailable and DbError.
db::Readiness read_readiness(db::Pool &pool);

// The pool's gauges.
void publish_pool_metrics(http::Metrics &metrics, const db::Pool &pool);

// The table of routes as an OpenAPI 3.1 document. Schemas are JSON Schema, or by example: in
// {"id!": "uuid", "name": "string?", "kind": "Kind", "scopes": ["string"]} the id is required, the
// name may be null, the kind is a component, the scopes are a list; additionalProperties closes it.
// `schemas` is what the routes' schemas refer to, a JSON object.
std::string openapi_document(const http::RouteTable &routes, const char *version,
                             const char *schemas);

// The console: files for a browser below /console/, read once, when the server starts.
// `folder` is where the files are; "" is where `make install` puts them beside the command, "off"
// serves none. Says so when they are not there: the rest is served all the same.
void add_console(http::RouteTable &routes, const std::string &folder, std::ostream &err);

} // namespace pg_principal::cli
