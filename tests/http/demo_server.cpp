// The engine with handlers for its tests and measurements, and the options of `pg_principal serve`.
#include <cstdlib>
#include <iostream>

#include "serve/serve.hpp"

#include "core/json/document.hpp"

using namespace pg_principal;
using namespace pg_principal::db;
using namespace pg_principal::http;

namespace {

const Statement answer{"SELECT $1::int * 2 AS twice"};
const Statement nap{"SELECT pg_sleep($1::float8 / 1000), pg_backend_pid()"};
const Statement held{"SELECT count(pg_advisory_xact_lock_shared($1::int))"};
const Statement late{"INSERT INTO late_check VALUES (1)"};
const Statement failing{"SELECT 1 / $1::int, 'the secret of the statement'"};

std::string about(const Request &request) {
    std::string out = "{\"client\":" + json::quote(request.client.text()) +
                      ",\"id\":" + json::quote(request.id) + ",\"secure\":";
    out += request.secure ? "true" : "false";
    out += ",\"bearer\":" + json::quote(request.bearer());
    const std::optional<Form> query = Form::parse(request.query);
    out += ",\"q\":" + json::quote(query ? query->get("q").value_or("") : "malformed");
    return out += '}';
}

Route route(const char *method, const char *pattern, Handler handler, bool limited = false) {
    Route made;
    made.method = method;
    made.pattern = pattern;
    made.handler = std::move(handler);
    if (limited)
        made.budget = Budget::costly;
    return made;
}

void add_quick(RouteTable &routes) {
    const auto hello = [](const Request &) { return Response::text(200, "hello\n"); };
    routes.add(route("GET", "/hello", hello))
        .add(route("GET", "/limited", hello, true))
        .add(route("GET", "/about",
                   [](const Request &request) { return Response::json(200, about(request)); }))
        .add(route("GET", "/items/:id/:part",
                   [](const Request &request) {
                       return Response::text(200,
                                             request.param("id") + "|" + request.param("part"));
                   }))
        .add(route("GET", "/items/special/:part",
                   [](const Request &request) {
                       return Response::text(200, "special " + request.param("part"));
                   }))
        .add(route(
            "POST", "/echo",
            [](const Request &request) { return Response::text(200, std::string(request.body)); }))
        .add(route("GET", "/big/:bytes",
                   [](const Request &request) {
                       const auto size = std::strtoul(request.param("bytes").c_str(), nullptr, 10);
                       return Response::text(200, std::string(size, 'x'));
                   }))
        .add(route("GET", "/inject", [](const Request &) {
            return Response::empty().set("X-Echo", "a\r\nSet-Cookie: stolen=1");
        }));
}

void add_database(RouteTable &routes, Pool &pool) {
    routes
        .add(route("GET", "/select",
                   [&pool](const Request &) {
                       const Result result = pool.run(answer, {"21"});
                       return Response::text(200, std::string(result.text(0, 0)));
                   }))
        .add(route("GET", "/nap/:ms",
                   [&pool](const Request &request) {
                       const Result result = pool.run(nap, {request.param("ms")});
                       return Response::text(200, std::string(result.text(0, 1)));
                   }))
        .add(route("GET", "/late",
                   [&pool](const Request &) {
                       pool.run(late);
                       return Response::empty();
                   }))
        .add(route("GET", "/held/:lock",
                   [&pool](const Request &request) {
                       const Result result = pool.run(held, {request.param("lock")});
                       return Response::text(200, std::string(result.text(0, 0)));
                   }))
        .add(route("GET", "/fails", [&pool](const Request &) {
            pool.run(failing, {"0"});
            return Response::empty();
        }));
}

} // namespace

int main(int argc, char **argv) {
    cli::Verb demo = cli::serve_verb;
    demo.name = "demo";
    demo.act = [](const cli::Session &session, const cli::Given &given) {
        cli::serve(session, given, [](RouteTable &routes, Pool &pool) {
            add_quick(routes);
            add_database(routes, pool);
        });
    };
    std::vector<const char *> arguments(argv, argv + argc);
    arguments.insert(arguments.begin() + 1, demo.name);
    cli::Streams streams{std::cin, std::cout, std::cerr};
    return cli::run(static_cast<int>(arguments.size()), arguments.data(), streams, &demo);
}
