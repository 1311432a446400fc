// The server as a program: reads its flags, handles signals, runs until it is told to stop.
#pragma once

#include <functional>
#include <ostream>
#include <string>

#include "cli/app.hpp"
#include "serve/options.hpp"

namespace pg_principal::cli {

using RouteSource = std::function<void(http::RouteTable &, db::Pool &)>;

// Serves /health, /ready, /metrics and what `add_routes` adds; handlers may keep the pool. Throws
// Failure and UsageError.
void serve(const ServeFlags &flags, const std::string &dsn, std::ostream &err,
           const RouteSource &add_routes);

// The same with all routes.
extern const Verb serve_verb;

} // namespace pg_principal::cli
