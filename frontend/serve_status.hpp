// Routes about the server itself: /health, /ready, /metrics.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "http_metrics.hpp"
#include "http_pool.hpp"
#include "http_routes.hpp"

namespace pg_principal::cli {

// `metrics` gives the text; clients outside `metrics_from` do not learn that it is there.
void add_status_routes(http::RouteTable &routes, http::Pool &pool,
                       std::function<std::string()> metrics, std::vector<http::Cidr> metrics_from);

// What the database counts, as Prometheus reads it; only that it is away when it is.
std::string database_metrics(http::Pool &pool);

// The pool's gauges.
void publish_pool_metrics(http::Metrics &metrics, const http::Pool &pool);

} // namespace pg_principal::cli
