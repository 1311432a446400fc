// The server as a program: reads its flags, each also an environment variable, handles signals, runs
// until it is told to stop.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "api/routes.hpp"
#include "cli/app.hpp"
#include "db/pool.hpp"
#include "http/dispatcher.hpp"
#include "http/server.hpp"
#include "issuers/keys.hpp"
#include "supabase/supabase.hpp"

namespace pg_principal::cli {

struct ServeFlags {
    std::vector<std::string> listen = {"127.0.0.1:9999"};
    std::string tls_certificate, tls_key;
    std::string access_log = "-";
    db::PoolOptions pool = {{}, 4, milliseconds(2000)}; // without the DSN
    http::ServerOptions server;                         // without what other flags say
    std::vector<std::string> trusted_proxies, cors_origins, cors_headers;
    std::vector<std::string> metrics_from = {"127.0.0.0/8", "::1"};
    http::RateLimit rate = {5, 30};
    std::string supabase_prefix = "/auth/v1";
    bool require_api_key = false;
    std::string console;           // a folder; "" is where it was installed, "off" none
    bool allow_plain_http = false; // beyond this machine
    bool no_fetch = false;         // of issuers' keys
    issuers::FetchFlags fetch;
    api::Lifetimes lifetimes;
};

void add_serve_flags(CLI::App &verb, ServeFlags &flags);
void warn_of_unknown_variables(const CLI::App &verb, std::ostream &err);

// Throw UsageError for what cannot be.
http::ServerOptions server_options(const ServeFlags &flags);
http::Policy policy(const ServeFlags &flags);
supabase::Options supabase_options(const ServeFlags &flags);

using RouteSource = std::function<void(http::RouteTable &, db::Pool &)>;

// Serves /health, /ready, /metrics and what `add_routes` adds; handlers may keep the pool. Throws
// Failure and UsageError.
void serve(const ServeFlags &flags, const std::string &dsn, std::ostream &err,
           const RouteSource &add_routes);

// The same with all routes.
extern const Verb serve_verb;

} // namespace pg_principal::cli
