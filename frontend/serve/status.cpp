#include "serve/status.hpp"

#include "base/text_object.hpp"
#include "http/errors.hpp"

namespace pg_principal::cli {

using namespace db;
using namespace http;

namespace {

const Statement extension_version{
    "SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'pg_principal'", true};

Response ready(Pool &pool) {
    const Result result = pool.run(extension_version);
    if (result.rows() != 1)
        throw HttpError(503, "not_ready", "the extension is not in this database");
    return Response::json(200,
                          text_object({{"status", "ready"}, {"extension", result.text(0, 0)}}));
}

} // namespace

void add_status_routes(RouteTable &routes, Pool &pool, const std::string &health,
                       std::function<std::string()> metrics, std::vector<Cidr> metrics_from) {
    Route route;
    route.method = "GET";
    route.pattern = "/health";
    route.summary = "Is this process up?";
    route.asks_database = false;
    route.handler = [health](const Request &) { return Response::json(200, health); };
    routes.add(route);

    route.pattern = "/metrics";
    route.summary = "Counters and gauges as Prometheus reads them";
    route.handler = [text = std::move(metrics),
                     from = std::move(metrics_from)](const Request &request) {
        if (!contains(from, request.client))
            throw HttpError(404, "not_found", "no such resource");
        Response response = Response::text(200, text());
        response.content_type = "text/plain; version=0.0.4; charset=utf-8";
        return response;
    };
    routes.add(route);

    route.pattern = "/ready";
    route.summary = "Can requests be answered: database and extension";
    route.asks_database = true;
    route.handler = [&pool](const Request &) { return ready(pool); };
    routes.add(route);
}

void publish_pool_metrics(Metrics &metrics, const Pool &pool) {
    const auto add = [&](bool is_gauge, const char *name, const char *help, auto member) {
        const auto read = [&pool, member] { return static_cast<double>(pool.stats().*member); };
        const std::string full = std::string("pg_principal_pool_") + name;
        is_gauge ? metrics.gauge(full, help, read) : metrics.counter(full, help, read);
    };
    using Stats = Pool::Stats;
    add(true, "size", "Connections there may be.", &Stats::size);
    add(true, "connected", "Connections there are.", &Stats::connected);
    add(true, "in_use", "Connections that are in use.", &Stats::in_use);
    add(true, "waiting", "Requests that wait for one.", &Stats::waiting);
    add(false, "connects_total", "Connections opened.", &Stats::connects);
    add(false, "connect_failures_total", "Attempts that failed.", &Stats::connect_failures);
    add(false, "losses_total", "Connections that broke.", &Stats::losses);
    add(false, "checkout_timeouts_total", "Waits for a connection in vain.",
        &Stats::checkout_timeouts);
    add(false, "share_refusals_total", "Requests of a principal that had too many already.",
        &Stats::share_refusals);
}

} // namespace pg_principal::cli
