#include "serve/command.hpp"

#include <memory>

#include "api/api.hpp"
#include "oauth/oauth.hpp"
#include "serve/console.hpp"
#include "serve/serve.hpp"

namespace pg_principal::cli {

void add_serve_command(const Group &root) {
    const auto flags = std::make_shared<ServeFlags>();
    const auto itself = std::make_shared<const CLI::App *>();
    CLI::App &verb = root.add(
        {"serve",
         "Serve HTTP",
         "  pg_principal serve\n"
         "  pg_principal serve --listen 0.0.0.0:443 --tls-cert chain.pem --tls-key key.pem\n"
         "  PG_PRINCIPAL_SERVE_POOL_SIZE=8 pg_principal serve --trusted-proxy 10.0.0.1\n\n"
         "SIGTERM and SIGINT stop it when requests underway are answered, SIGHUP reads the\n"
         "certificate again.",
         {},
         [flags, itself](const Session &session, const Given &) {
             warn_of_unknown_variables(**itself, session.streams.err);
             serve(*flags, session.dsn, session.streams.err,
                   [&flags, &session](http::RouteTable &routes, db::Pool &pool) {
                       api::add_routes(routes, pool, lifetimes(*flags));
                       const supabase::Options theirs = supabase_options(*flags);
                       oauth::add_routes(routes, pool, lifetimes(*flags),
                                         !theirs.offered || !theirs.prefix.empty());
                       supabase::add_routes(routes, pool, lifetimes(*flags), theirs);
                       add_console(routes, flags->console, session.streams.err);
                   });
         },
         {}});
    add_serve_flags(verb, *flags);
    *itself = &verb;
}

} // namespace pg_principal::cli
