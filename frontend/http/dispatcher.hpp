// From a complete request to its whole response: who asks, which route, may it run now, and what
// every response carries. Knows no socket and no library.
#pragma once

#include <ctime>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "http/access_log.hpp"
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
struct Rejection {
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
    Response rejected(Exchange &exchange, const Rejection &rejection);
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
             const std::timespec &now);

    RouteTable routes_;
    Policy policy_;
    LineLog &access_log_;
    RateLimiter limiter_;
    Metrics metrics_;
};

} // namespace pg_principal::http
