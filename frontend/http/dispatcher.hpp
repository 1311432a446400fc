// From a complete request to its whole response: who asks, which route, may it run now, and what
// every response carries. Knows no socket and no library.
#pragma once

#include <atomic>
#include <cstdint>
#include <ctime>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "http/access_log.hpp"
#include "http/limits.hpp"
#include "http/message.hpp"
#include "http/metrics.hpp"
#include "http/rate_limit.hpp"
#include "http/routes.hpp"

namespace pg_principal::http {

// What the server itself refuses; the request is empty when it could not be read.
struct Problem {
    int status;
    std::string_view code;    // "not_found"
    std::string_view message; // one line for people
    const Request &request;
};

// A request that cannot be served as it came.
struct Refusal {
    int status = 0; // 0: none
    const char *reason = "";
};

struct Policy {
    std::vector<Cidr> proxies;             // whose X-Forwarded-For is believed
    std::vector<std::string> cors_origins; // exact, or "*"; none: no CORS
    std::vector<std::string> cors_headers; // that pages may send beside those of known clients
    RateLimit rate;                        // of each client on the routes that ask for it
    std::function<Response(const Problem &)> problem_body; // one JSON object unless given
};

// One request and its response.
struct Exchange {
    Request request;
    RouteTable::Match match;
    Address peer;
    std::string failure; // for the log: an SQLSTATE or a word, never a text
};

// The time of day as headers and log lines spell it, spelt once a second. One per thread.
class WallClock {
  public:
    void update();
    const std::string &http_date() const { return date_; }
    std::string iso() const; // with milliseconds

  private:
    std::time_t second_ = -1;
    int milliseconds_ = 0;
    std::string date_, iso_;
};

class Dispatcher {
  public:
    Dispatcher(RouteTable routes, Policy policy, LineLog &access_log);

    // Never waits. A response when the request ends here; otherwise match.route is set.
    std::optional<Response> admit(Exchange &exchange);
    // Runs the route's handler; throws nothing but std::bad_alloc.
    Response handle(Exchange &exchange) const;
    Response problem(const Exchange &exchange, int status, std::string_view code,
                     std::string_view message) const;
    // What cannot be answered; of the request as much is there as could be read.
    Response refused(Exchange &exchange, const Refusal &refusal);
    // Adds the headers that every response has; counts and logs it.
    void finish(const Exchange &exchange, Response &response);

    Metrics &metrics() { return metrics_; }
    const Metrics &metrics() const { return metrics_; }
    const RouteTable &routes() const { return routes_; }

  private:
    void identify(Exchange &exchange);
    Response options(const Exchange &exchange) const;
    void add_cors(const Request &request, Response &response) const;
    void log(const Exchange &exchange, const Response &response, double seconds,
             const WallClock &clock);
    std::string new_id();

    RouteTable routes_;
    Policy policy_;
    LineLog &access_log_;
    RateLimiter limiter_;
    Metrics metrics_;
    std::uint64_t id_seed_[2];
    std::atomic<std::uint64_t> next_id_{0};
};

} // namespace pg_principal::http
