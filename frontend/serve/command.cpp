#include "serve/command.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>

#include <unistd.h>

#include "base/terminal.hpp"

#include "api/api.hpp"
#include "oauth/oauth.hpp"
#include "serve/console.hpp"
#include "serve/serve.hpp"

namespace pg_principal::cli {

namespace {

// A misspelt one changes nothing, and nobody would hear of it.
void warn_of_unknown_variables(const Command &verb, std::ostream &err) {
    constexpr std::string_view prefix = "PG_PRINCIPAL_SERVE_";
    const std::vector<std::string> known = verb.variables();
    for (char **one = environ; *one; ++one) {
        const std::string_view text = *one;
        const std::string name(text.substr(0, text.find('=')));
        if (text.substr(0, prefix.size()) == prefix &&
            std::find(known.begin(), known.end(), name) == known.end())
            print_error(err, "warning: there is no variable " + printable(name), {},
                        "pg_principal serve --help has them.");
    }
}

} // namespace

void add_serve_command(const Group &root) {
    const auto flags = std::make_shared<ServeFlags>();
    const auto itself = std::make_shared<std::optional<Command>>();
    const Command verb = root.add(
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
    verb.reads_variables_when_given();
    *itself = verb;
}

} // namespace pg_principal::cli
