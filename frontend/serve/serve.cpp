#include "serve/serve.hpp"

#include <csignal>
#include <cstdlib>
#include <exception>
#include <optional>
#include <thread>

#include <pthread.h>

#include "base/failure.hpp"
#include "base/terminal.hpp"
#include "base/text_object.hpp"
#include "cli/values.hpp"
#include "http/tls.hpp"
#include "issuers/keys.hpp"
#include "oauth/oauth.hpp"
#include "serve/routes.hpp"

namespace pg_principal::cli {

namespace {

sigset_t server_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP})
        sigaddset(&signals, signal);
    return signals;
}

void reload(http::Tls *tls, http::LineLog &log, std::ostream &err) {
    try {
        if (tls)
            tls->reload();
    } catch (const Failure &failure) {
        print_error(err, std::string("still with the old certificate: ") + failure.what(),
                    failure.detail);
    }
    if (!log.reopen())
        print_error(err, "still with the old access log: the new one cannot be opened");
}

// Signals are awaited, not handled: nothing runs in between other things.
void attend(http::Server &server, http::Tls *tls, http::LineLog &log, std::ostream &err) {
    const sigset_t signals = server_signals();
    const pthread_t self = pthread_self();
    std::exception_ptr trouble;
    std::atomic<bool> ended{false};
    std::thread serving([&] {
        try {
            if (!server.run())
                std::_Exit(0); // as asked for: whoever is still there has had stop_time
        } catch (...) {
            trouble = std::current_exception();
        }
        ended = true;
        pthread_kill(self, SIGTERM);
    });
    while (!ended) {
        int signal = 0;
        if (sigwait(&signals, &signal) != 0 || ended)
            continue;
        if (signal == SIGHUP)
            reload(tls, log, err);
        else
            server.stop();
    }
    serving.join();
    if (trouble)
        std::rethrow_exception(trouble);
}

// As auth.check_roles() judges it.
const db::Statement may_do_more{
    "SELECT r.rolsuper OR r.rolbypassrls OR pg_catalog.to_regrole('auth_operator') IS NOT NULL "
    "AND pg_catalog.pg_has_role(r.oid, 'auth_operator', 'MEMBER') "
    "FROM pg_catalog.pg_roles r WHERE r.rolname = current_user",
    true};

// Once, for whoever starts it; /ready tells what is missing at any time, the doctor both.
void tell_what_is_wrong(db::Pool &pool, std::ostream &err) {
    try {
        if (const db::Readiness now = read_readiness(pool); !now.reason.empty())
            print_error(err, "warning: " + now.message, {}, now.remedy);
        if (pool.run(may_do_more, {}).boolean(0, 0))
            print_error(err,
                        "warning: the role that this server connects as may do more than serve", {},
                        "Connect as one that is a member of authenticator and of nothing else: "
                        "CREATE ROLE web LOGIN IN ROLE authenticator");
    } catch (const db::Unavailable &) {
    } catch (const db::DbError &error) {
        print_error(err, std::string("warning: the database refuses: ") + error.what());
    }
}

void announce(const http::Server &server, const http::ServerOptions &options, db::Pool &pool,
              std::ostream &err) {
    const std::vector<int> ports = server.ports();
    for (std::size_t i = 0; i < ports.size(); ++i) {
        const std::string &host = options.listen[i].host;
        const bool v6 = host.find(':') != host.npos;
        err << "pg_principal: listening on " << (options.tls ? "https://" : "http://")
            << (v6 ? "[" + host + "]" : host) << ':' << ports[i] << std::endl;
    }
    if (!pool.wait_until_connected(milliseconds(1000)))
        print_error(err, "warning: the database cannot be reached yet", pool.last_failure(),
                    pool.last_failure().find("startup parameter") != std::string::npos
                        ? "A pooler refuses our startup options: serve --transaction-pooler."
                        : "Requests are answered with 503 until it can.");
    else
        tell_what_is_wrong(pool, err);
}

// Of all the other routes, and of itself.
void add_documentation(http::RouteTable &routes) {
    const auto document = std::make_shared<std::string>();
    routes.add({"GET", "/openapi.json",
                [document](const http::Request &) { return http::Response::json(200, *document); },
                "This document", http::Caller::anybody, false});
    *document = openapi_document(routes, version, api::component_schemas());
}

} // namespace

void serve(const Session &session, const Given &given, const RouteSource &add_routes) {
    std::ostream &err = session.streams.err;
    warn_of_unknown_variables(err);
    http::ServerOptions options = server_options(given);
    http::Policy rules = policy(given);
    const bool fetches = !given.has("--no-fetch");
    issuers::FetchRules fetching = fetch_rules(given);
    if (fetches && !fetching.authorities.empty())
        http::check_authorities(fetching.authorities);
    const sigset_t signals = server_signals(); // before the first thread, which inherits this
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);

    http::LineLog log(given["--access-log"]);
    db::Pool pool(pool_options(given, session.dsn));
    options.interrupt = [&pool] { pool.cancel_all(); };

    http::RouteTable routes;
    const http::Dispatcher *dispatching = nullptr;
    const supabase::Options theirs = supabase_options(given);
    add_status_routes(
        routes, pool,
        theirs.offered && theirs.prefix.empty()
            ? supabase::health_body()
            : text_object({{"status", "ok"}, {"name", "pg_principal"}}),
        [&dispatching] { return dispatching->metrics().text(); },
        http::address_ranges(given.list("--metrics-from"), "--metrics-from"));
    add_routes(routes, pool);
    add_documentation(routes);
    http::Dispatcher dispatcher(std::move(routes), std::move(rules), log);
    dispatching = &dispatcher;
    publish_pool_metrics(dispatcher.metrics(), pool);

    http::Server server(options, dispatcher);
    announce(server, options, pool, err);
    std::optional<issuers::KeyFetcher> fetcher;
    if (fetches)
        fetcher.emplace(pool, std::move(fetching), err);
    attend(server, options.tls.get(), log, err);
}

void serve_all(const Session &session, const Given &given) {
    serve(session, given, [&](http::RouteTable &routes, db::Pool &pool) {
        const auto backend = std::make_shared<const api::Backend>(pool, lifetimes(given));
        const supabase::Options theirs = supabase_options(given);
        api::add_routes(routes, backend);
        oauth::add_routes(routes, backend, !theirs.offered || !theirs.prefix.empty());
        supabase::add_routes(routes, backend, theirs);
        add_console(routes, given["--console"], session.streams.err);
    });
}

} // namespace pg_principal::cli
