// Routes about the server itself: /health, /ready, /metrics.
#pragma once

#include <ctime>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "db/pool.hpp"
#include "db/standing.hpp"
#include "http/metrics.hpp"
#include "http/routes.hpp"

namespace pg_principal::cli {

// `health` is what /health says; `metrics` gives the text, and clients outside `metrics_from` do
// not learn that it is there.
void add_status_routes(http::RouteTable &routes, db::Pool &pool, const std::string &health,
                       std::function<std::string()> metrics, std::vector<http::Cidr> metrics_from);

// What /ready tells. Throws Unavailable and DbError.
db::Readiness read_readiness(db::Pool &pool);

// What the database counts, as Prometheus reads it, and whether it just said so. Waits but shortly.
class DatabaseMetrics {
  public:
    explicit DatabaseMetrics(db::Pool &pool) : pool_(pool) {}
    std::string text();

  private:
    void read();
    db::Pool &pool_;
    std::mutex reading_, mutex_;
    std::string counted_;
    bool up_ = false;
    std::time_t read_at_ = 0;
};

// The pool's gauges.
void publish_pool_metrics(http::Metrics &metrics, const db::Pool &pool);

} // namespace pg_principal::cli
