#include "http/dispatcher.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>

#include "base/text_object.hpp"
#include "core/base/bytes.hpp"
#include "core/crypto/crypto.hpp"
#include "core/json/document.hpp"

namespace pg_principal::http {

namespace {

constexpr const char *retry_after_seconds = "1";

bool is_request_id(std::string_view text) {
    return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '.' || c == '_' || c == '-';
    });
}

// Drawn for many requests at once: a generator takes most of its time for getting ready.
std::string new_request_id() {
    constexpr std::size_t bytes = 16, requests = 64;
    thread_local std::string drawn;
    if (drawn.empty())
        drawn = random_bytes(bytes * requests);
    std::string id = hex_encode(std::string_view(drawn).substr(drawn.size() - bytes));
    drawn.resize(drawn.size() - bytes);
    return id;
}

Response default_problem(const Problem &problem) {
    return Response::json(problem.status,
                          text_object({{"error", problem.code}, {"message", problem.message}}));
}

std::string_view code_of(int status) {
    constexpr std::pair<int, std::string_view> codes[] = {{400, "bad_request"},
                                                          {408, "request_timeout"},
                                                          {411, "length_required"},
                                                          {413, "payload_too_large"},
                                                          {414, "uri_too_long"},
                                                          {415, "unsupported_media_type"},
                                                          {417, "expectation_failed"},
                                                          {431, "headers_too_large"},
                                                          {501, "not_implemented"},
                                                          {503, "unavailable"},
                                                          {505, "http_version_not_supported"}};
    for (const auto &[known, code] : codes)
        if (known == status)
            return code;
    return "error";
}

std::string formatted(const std::timespec &now, const char *format) {
    std::tm parts = {};
    char text[64];
    gmtime_r(&now.tv_sec, &parts);
    return {text, std::strftime(text, sizeof text, format, &parts)}; // the program's locale is C
}

bool has_no_body(int status) { return status < 200 || status == 204 || status == 304; }

// The path of what was not found, as a log can bear it.
std::string shown_path(std::string_view path) {
    constexpr std::size_t most = 256;
    std::string shown(path.substr(0, most));
    for (char &c : shown)
        if (c < 0x20 || c > 0x7e)
            c = '?';
    return path.size() > most ? shown + "..." : shown;
}

} // namespace

Dispatcher::Dispatcher(RouteTable routes, Policy policy, LineLog &access_log)
    : routes_(std::move(routes)), policy_(std::move(policy)), access_log_(access_log),
      limiter_(policy_.rate), metrics_(routes_) {
    if (!policy_.problem_body)
        policy_.problem_body = default_problem;
    metrics_.add("counter", "pg_principal_http_log_lines_dropped_total",
                 "Access log lines that nobody read in time.",
                 [&access_log] { return static_cast<double>(access_log.dropped()); });
}

void Dispatcher::identify(Exchange &exchange) {
    Request &request = exchange.request;
    const std::string_view id = request.header("X-Request-Id");
    request.id = is_request_id(id) ? std::string(id) : new_request_id();
    request.client = client_address(exchange.peer, request.headers, policy_.proxies);
    exchange.failure.clear();
}

Response Dispatcher::problem(const Exchange &exchange, int status, std::string_view code,
                             std::string_view message) const {
    Response response = policy_.problem_body({status, code, message, exchange.request});
    if (response.status == 503 && code != operator_needed && !response.has("Retry-After"))
        response.set("Retry-After", retry_after_seconds);
    return response;
}

Response Dispatcher::rejected(Exchange &exchange, const Rejection &rejection) {
    exchange.match = {};
    exchange.request.began = Clock::now();
    identify(exchange);
    return problem(exchange, rejection.status, code_of(rejection.status), rejection.reason);
}

std::optional<Response> Dispatcher::admit(Exchange &exchange) {
    identify(exchange);
    Request &request = exchange.request;
    exchange.match = routes_.find(request.method, request.path);
    const RouteTable::Match &match = exchange.match;
    if (request.method == "OPTIONS" && (!match.allow.empty() || request.path == "*"))
        return options(exchange);
    if (!match.allow.empty()) {
        Response response = problem(exchange, 405, "method_not_allowed", "method not allowed");
        response.set("Allow", match.allow);
        return response;
    }
    if (!match.route)
        return problem(exchange, 404, "not_found", "no such resource");
    if (match.malformed)
        return problem(exchange, 400, "bad_request", "malformed path");
    // Whoever looked at one of them before us may have looked at the other.
    if (request.repeats_header("Authorization"))
        return problem(exchange, 400, "bad_request", "repeated header");
    if (const Route &route = *match.route; route.budget)
        if (const unsigned wait = limiter_.try_take(
                request.client, route.budget_of ? route.budget_of(request) : *route.budget,
                exchange.request.began)) {
            Response response =
                problem(exchange, 429, "over_request_rate_limit", "too many requests");
            response.set("Retry-After", std::to_string(wait));
            return response;
        }
    request.params = std::move(exchange.match.params);
    return std::nullopt;
}

// Also what browsers ask before a cross-origin request.
Response Dispatcher::options(const Exchange &exchange) const {
    Response response = Response::empty();
    const std::string &allow = exchange.match.allow;
    if (!allow.empty())
        response.set("Allow", allow);
    const Request &request = exchange.request;
    if (policy_.cors_origins.empty() || !request.has_header("Access-Control-Request-Method"))
        return response;
    response.set("Access-Control-Allow-Methods", allow);
    std::string headers = "authorization, apikey, content-type, accept, x-client-info, "
                          "x-supabase-api-version, x-request-id";
    for (const std::string &name : policy_.cors_headers)
        headers.append(", ").append(name);
    response.set("Access-Control-Allow-Headers", headers);
    response.set("Access-Control-Max-Age", "600");
    return response;
}

// Tokens travel in headers of the page's own making: credentials are never allowed.
void Dispatcher::add_cors(const Request &request, Response &response) const {
    const auto &origins = policy_.cors_origins;
    if (origins.empty())
        return;
    const bool any = origins.front() == "*";
    if (!any)
        response.set("Vary", "Origin");
    const std::string_view origin = request.header("Origin");
    if (origin.empty() ||
        (!any && std::find(origins.begin(), origins.end(), origin) == origins.end()))
        return;
    response.set("Access-Control-Allow-Origin", any ? "*" : origin);
    response.set("Access-Control-Expose-Headers",
                 "link, x-total-count, x-supabase-api-version, x-request-id, retry-after, "
                 "www-authenticate");
}

Response Dispatcher::handle(Exchange &exchange) const {
    try {
        return exchange.match.route->handler(exchange.request);
    } catch (Answer &answer) {
        return std::move(answer.response);
    } catch (const HttpError &error) {
        exchange.failure = error.failure;
        return problem(exchange, error.status, error.code, error.what());
    } catch (const ReadOnly &error) {
        exchange.failure = "read_only";
        return problem(exchange, 503, "unavailable", error.what());
    } catch (const Unavailable &) {
        exchange.failure = "unavailable";
        return problem(exchange, 503, "unavailable", "the database cannot be reached");
    } catch (const DbError &error) {
        exchange.failure = error.sqlstate;
        if (error.sqlstate == "57014")
            return problem(exchange, 503, "timeout", "the database took too long");
    } catch (const std::bad_alloc &) {
        throw;
    } catch (...) { // its text may quote what it was working on
        exchange.failure = "internal";
    }
    return problem(exchange, 500, "internal_error", "internal error");
}

void Dispatcher::finish(const Exchange &exchange, Response &response) {
    std::timespec now = {};
    clock_gettime(CLOCK_REALTIME, &now);
    const Request &request = exchange.request;
    add_cors(request, response);
    response.set("Date", formatted(now, "%a, %d %b %Y %H:%M:%S GMT"));
    response.set("X-Request-Id", request.id);
    response.set("X-Content-Type-Options", "nosniff");
    if (!response.has("Cache-Control"))
        response.set("Cache-Control", "no-store");
    // RFC 9110, section 15.5.2; a browser asks nobody for a password by this one
    if (response.status == 401 && !response.has("WWW-Authenticate"))
        response.set("WWW-Authenticate", "Bearer");
    const double seconds = std::chrono::duration<double>(Clock::now() - request.began).count();
    metrics_.observe(exchange.match.route ? exchange.match.index : Metrics::no_route,
                     response.status, seconds);
    if (access_log_.enabled())
        log(exchange, response, seconds, now);
}

// The pattern instead of the path, and nothing of the query: neither can hold a secret then. What
// no route is for, an operator wants to see.
void Dispatcher::log(const Exchange &exchange, const Response &response, double seconds,
                     const std::timespec &now) {
    const Request &request = exchange.request;
    const bool bodyless = has_no_body(response.status) || request.method == "HEAD";
    char took[32], time[40];
    std::snprintf(took, sizeof took, "%.3f", seconds * 1000);
    std::snprintf(time, sizeof time, "%s.%03ldZ", formatted(now, "%Y-%m-%dT%H:%M:%S").c_str(),
                  now.tv_nsec / 1'000'000);
    JsonObject object;
    object.text("time", time);
    object.text("id", request.id);
    object.text("method", request.method);
    object.text("route", exchange.match.route ? exchange.match.route->pattern : "");
    if (response.status == 404 && !exchange.match.route)
        object.text("path", shown_path(request.path));
    object.number("status", response.status);
    object.number("bytes", bodyless ? 0 : static_cast<std::int64_t>(response.body.size()));
    object.raw("ms", took);
    object.text("client", request.client.text());
    if (!exchange.failure.empty())
        object.text("error", exchange.failure);
    access_log_.write(object.done());
}

} // namespace pg_principal::http
