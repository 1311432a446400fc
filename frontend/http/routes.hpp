// The table of routes: what is served, who may call it, and what documents it.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "db/errors.hpp"
#include "http/message.hpp"
#include "http/rate_limit.hpp"

namespace pg_principal::http {

// What a caller must bring. The database judges it; this is for the documentation and for the test
// that tries every route with every kind of caller.
enum class Caller { anybody, signed_in, auditor, admin };

const char *caller_name(Caller caller) noexcept;

// May throw what follows. The dispatcher turns each into a response; none of their texts but
// HttpError's and what an Answer says reaches a client.
using Handler = std::function<Response(const Request &)>;

using db::DbError;
using db::ReadOnly;
using db::Unavailable;

// The code of a 503 that passes when an operator has done something: without Retry-After.
inline constexpr std::string_view operator_needed = "operator_needed";

// A refusal in the handler's own words; `failure` is for the access log alone.
struct HttpError : std::runtime_error {
    HttpError(int with_status, std::string with_code, const std::string &message,
              std::string with_failure = {})
        : std::runtime_error(message), status(with_status), code(std::move(with_code)),
          failure(std::move(with_failure)) {}
    int status;
    std::string code, failure;
};

// Where a request needs no further look: the whole answer.
struct Answer {
    Response response;
};

struct Route {
    std::string method;  // HEAD is answered through GET, OPTIONS by the dispatcher
    std::string pattern; // "/api/users/:id/role"
    Handler handler;
    std::string summary = {};
    Caller caller = Caller::anybody;
    bool asks_database = true; // so it may answer 503
    // What it is charged to; none: it is not limited.
    std::optional<Budget> budget = {};
    Budget (*budget_of)(const Request &) = nullptr; // where that depends on the request
    int success = 200;
    std::string request_schema = {}, response_schema = {}; // as serve/routes.hpp reads them
    bool is_closed = false;         // refuses what its request's schema does not name
    std::string query = {};         // of each of its names the schema, one JSON object
    std::vector<int> refusals = {}; // besides those that follow from the rest of it
    const char *error_schema = "Error";
    const char *request_type = "application/json";
    const char *response_type = "application/json"; // other types are texts
};

// "id" and "part" of "/items/:id/:part".
std::vector<std::string_view> parameter_names(std::string_view pattern);

class RouteTable {
  public:
    // Throws std::logic_error for a malformed pattern and for one that is there already.
    RouteTable &add(Route route);

    struct Match {
        const Route *route = nullptr;
        std::size_t index = 0;         // of the route in routes()
        std::vector<PathParam> params; // decoded
        std::string allow;             // the path is known, the method is not: what would do
        bool malformed = false;        // a parameter cannot be decoded
    };
    // A segment that is spelt out goes before a parameter. Nothing is added to or taken from the
    // path: "/a/", "//a" and "/%61" are not "/a".
    Match find(std::string_view method, std::string_view path) const;

    const std::vector<Route> &routes() const { return routes_; }

  private:
    std::vector<Route> routes_;
    // Of each shape of a pattern its routes; the shape that is sorted first goes before.
    std::map<std::string, std::vector<std::size_t>, std::less<>> shapes_;
};

} // namespace pg_principal::http
