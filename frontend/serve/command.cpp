#include "serve/command.hpp"

#include <memory>

#include "cli/arguments.hpp"

#include "api/api.hpp"
#include "oauth/oauth.hpp"
#include "serve/console.hpp"
#include "serve/serve.hpp"

namespace pg_principal::cli {

void add_serve_command(Command root, Session &session) {
    const auto flags = std::make_shared<ServeFlags>();
    const Command verb =
        add_verb(root, session, "serve", "Serve HTTP",
                 "  pg_principal serve\n"
                 "  pg_principal serve --listen 0.0.0.0:443 --tls-cert chain.pem --tls-key "
                 "key.pem\n"
                 "  PG_PRINCIPAL_SERVE_POOL_SIZE=8 pg_principal serve --trusted-proxy 10.0.0.1\n\n"
                 "SIGTERM and SIGINT stop it when requests underway are answered, SIGHUP reads "
                 "the\ncertificate again.",
                 [&session, flags] {
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
                 {});
    add_serve_flags(verb, *flags);
    verb.reads_variables_when_given();
}

} // namespace pg_principal::cli
