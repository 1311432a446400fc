// The server as a program: reads its flags, each also an environment variable, handles signals, runs
// until it is told to stop.
#pragma once

#include <functional>
#include <ostream>
#include <string>

#include "api/routes.hpp"
#include "cli/app.hpp"
#include "db/pool.hpp"
#include "http/dispatcher.hpp"
#include "http/server.hpp"
#include "supabase/supabase.hpp"

namespace pg_principal::cli {

// What the options say, to each part of the server. Throw UsageError for what cannot be.
http::ServerOptions server_options(const Given &given);
db::PoolOptions pool_options(const Given &given, const std::string &dsn);
api::Lifetimes lifetimes(const Given &given);
supabase::Options supabase_options(const Given &given);
http::Policy policy(const Given &given);
void warn_of_unknown_variables(std::ostream &err);

using RouteSource = std::function<void(http::RouteTable &, db::Pool &)>;

// Serves /health, /ready, /metrics and what `add_routes` adds; handlers may keep the pool. Throws
// Failure and UsageError.
void serve(const Session &session, const Given &given, const RouteSource &add_routes);

// The same with all routes.
void serve_all(const Session &session, const Given &given);
extern const Verb serve_verb;

} // namespace pg_principal::cli
