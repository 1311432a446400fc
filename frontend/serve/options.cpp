#include "serve/serve.hpp"

#include <algorithm>

#include <unistd.h>

#include "base/failure.hpp"
#include "base/terminal.hpp"
#include "cli/values.hpp"
#include "http/tls.hpp"
#include "oauth/oauth.hpp"

namespace pg_principal::cli {

namespace {

bool is_of_this_machine(const http::Endpoint &endpoint) {
    const std::optional<http::Address> address = http::Address::parse(endpoint.host);
    return endpoint.host == "localhost" ||
           (address && http::contains(http::address_ranges({"127.0.0.0/8", "::1"}, ""), *address));
}

// As browsers send it: scheme, host in small letters, port unless it is the scheme's own.
bool is_origin(const std::string &text) {
    if (text == "*")
        return true;
    std::string_view rest = text;
    const bool secure = rest.substr(0, 8) == "https://";
    if (!secure && rest.substr(0, 7) != "http://")
        return false;
    rest.remove_prefix(secure ? 8 : 7);
    const auto parts = http::HostAndPort::parse(rest);
    if (!parts || parts->host.empty())
        return false;
    const std::string_view host = parts->host, port = parts->port.value_or("1");
    if (!http::is_port(port) || port.front() == '0' || port == (secure ? "443" : "80"))
        return false;
    if (parts->is_bracketed)
        return http::Address::parse(host).has_value() && host.find_first_of("ABCDEF.") == host.npos;
    return host.front() != '.' && host.front() != '-' && host.find("..") == host.npos &&
           host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-._") == host.npos;
}

std::vector<std::string> origins(const std::vector<std::string> &texts) {
    for (const std::string &text : texts)
        if (!is_origin(text) || (text == "*" && texts.size() > 1))
            throw UsageError("--cors-origin: " + for_terminal(text) +
                                 (text == "*" ? " must be given alone" : " is not a web origin"),
                             "For example https://app.example or http://localhost:3000, as "
                             "browsers send it, or * alone.");
    return texts;
}

Option seconds(const char *name, const char *otherwise, const char *text) {
    return {name, text, maybe, "SECONDS", otherwise, between(0.001, 86400.0)};
}

// Of a name that deployments of the API this one stands in for have already.
Option lifetime(const char *name, const char *variable, const char *text) {
    return {name, text, maybe, "SECONDS", "", between(1U, 1'000'000'000U), nullptr, variable};
}

Option file(const char *name, const char *text) { return {name, text, maybe, "FILE"}; }

} // namespace

// A misspelt one changes nothing, and nobody would hear of it.
void warn_of_unknown_variables(std::ostream &err) {
    const std::string_view prefix = serve_verb.variables;
    const std::vector<Option> &options = serve_verb.options;
    for (char **one = environ; *one; ++one) {
        const std::string_view text = *one;
        const std::string_view name = text.substr(0, text.find('='));
        const auto is_it = [&](const Option &option) {
            return variable_of(serve_verb, option) == name;
        };
        if (text.substr(0, prefix.size()) == prefix &&
            std::none_of(options.begin(), options.end(), is_it))
            print_error(err, "warning: there is no variable " + for_terminal(name), {},
                        "pg_principal serve --help has them.");
    }
}

http::ServerOptions server_options(const Given &given) {
    http::ServerOptions options;
    options.limits.headers = std::stoul(given["--max-headers"]);
    options.limits.body = std::stoul(given["--max-body"]);
    options.limits.request_time = time_of(given, "--request-timeout");
    options.limits.idle_time = time_of(given, "--idle-timeout");
    options.limits.write_time = time_of(given, "--write-timeout");
    options.limits.requests_per_connection = std::stoul(given["--max-requests"]);
    options.limits.connections = std::stoul(given["--max-connections"]);
    options.stop_time = time_of(given, "--stop-timeout");
    options.behind_proxy = !given.list("--trusted-proxy").empty();
    const std::string &certificate = given["--tls-cert"], &key = given["--tls-key"];
    const bool is_covered = !certificate.empty() || options.behind_proxy;
    for (const std::string &text : given.list("--listen")) {
        options.listen.push_back(http::Endpoint::parse(text));
        if (!is_covered && !given.has("--allow-plain-http") &&
            !is_of_this_machine(options.listen.back()))
            throw UsageError("--listen " + for_terminal(text) +
                                 " would have passwords and tokens cross a network in the clear",
                             "Give --tls-cert and --tls-key, or --trusted-proxy for a proxy that "
                             "speaks TLS, or --allow-plain-http.");
    }
    if (certificate.empty() != key.empty())
        throw UsageError("--tls-cert and --tls-key belong together");
    if (!certificate.empty())
        options.tls = std::make_shared<http::Tls>(certificate, key);
    return options;
}

db::PoolOptions pool_options(const Given &given, const std::string &dsn) {
    db::PoolOptions options;
    options.dsn = dsn;
    options.size = std::stoul(given["--pool-size"]);
    options.checkout_time = time_of(given, "--checkout-timeout");
    options.statement_time = time_of(given, "--statement-timeout");
    options.connect_time = time_of(given, "--connect-timeout");
    options.transaction_pooler = given.has("--transaction-pooler");
    return options;
}

api::Lifetimes lifetimes(const Given &given) {
    const auto seconds = [&](const char *name) {
        return given[name].empty() ? 0 : std::stoul(given[name]);
    };
    api::Lifetimes lifetimes;
    lifetimes.access_token = seconds("--access-token-ttl");
    lifetimes.refresh_token = seconds("--refresh-token-ttl");
    return lifetimes;
}

supabase::Options supabase_options(const Given &given) {
    const std::string &prefix = given["--supabase-prefix"];
    const bool key_required = given.has("--require-api-key");
    if (prefix == "off")
        return {false, "", key_required};
    if (prefix.empty() || prefix == "/")
        return {true, "", key_required};
    const bool plain = prefix.find_first_not_of("/-._~0123456789abcdefghijklmnopqrstuvwxyz"
                                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == prefix.npos;
    const std::string first = prefix.substr(0, prefix.find('/', 1));
    const bool is_taken = first == "/api" || first == "/oauth";
    if (is_taken || !plain || prefix.size() < 2 || prefix.front() != '/' || prefix.back() == '/' ||
        prefix.find("//") != prefix.npos)
        throw UsageError("--supabase-prefix: " + for_terminal(prefix) +
                             (is_taken ? " is where other routes are" : " is not a path"),
                         "For example /auth/v1; \"\" is the root, \"off\" nowhere.");
    return {true, prefix, key_required};
}

http::Policy policy(const Given &given) {
    http::Policy policy;
    policy.proxies = http::address_ranges(given.list("--trusted-proxy"), "--trusted-proxy");
    policy.cors_origins = origins(given.list("--cors-origin"));
    policy.cors_headers = given.list("--cors-header");
    for (const std::string &name : policy.cors_headers)
        if (!http::is_token(name))
            throw UsageError("--cors-header: " + for_terminal(name) + " is not a header name");
    policy.rate = {std::stod(given["--rate-limit"]), std::stod(given["--rate-burst"])};
    policy.problem_body = [options = supabase_options(given)](const http::Problem &problem) {
        if (oauth::is_ours(problem.request.path))
            return oauth::problem_body(problem);
        return supabase::is_below(options, problem.request.path) ? supabase::problem_body(problem)
                                                                 : api::problem_body(problem);
    };
    return policy;
}

const Verb serve_verb{
    "serve",
    "Serve HTTP",
    "\n"
    "--listen 0.0.0.0:443 --tls-cert chain.pem --tls-key key.pem\n"
    "  PG_PRINCIPAL_SERVE_POOL_SIZE=8 pg_principal serve --trusted-proxy 10.0.0.1",
    {{"--listen", "Where to listen; may be repeated", listed, "HOST:PORT", "127.0.0.1:9999"},
     file("--tls-cert", "Certificate chain (PEM): speak TLS; read again on SIGHUP"),
     {"--allow-plain-http", "Listen beyond this machine with neither TLS nor a --trusted-proxy",
      flag},
     file("--tls-key", "Its private key (PEM, without a passphrase)"),
     {"--access-log", "JSON lines; - is standard output, \"off\" none; opened again on SIGHUP",
      maybe, "FILE", "-"},

     {"--pool-size", "Connections to the database", maybe, "N", "4", between(1U, 1000U)},
     {"--transaction-pooler",
      "The DSN leads to a pooler in transaction mode: no prepared statements, no startup options",
      flag},
     seconds("--checkout-timeout", "2", "How long a request waits for a connection"),
     seconds("--statement-timeout", "5", "How long a statement may take"),
     seconds("--connect-timeout", "3", "How long to try each host of the DSN"),

     seconds("--request-timeout", "15", "For the head of a request, and again for its body"),
     seconds("--idle-timeout", "60", "Between two requests of a connection"),
     seconds("--write-timeout", "30", "For a client that is slow to read"),
     seconds("--stop-timeout", "10", "For requests underway after SIGTERM or SIGINT"),
     {"--max-body", "Largest body of a request", maybe, "BYTES", "65536", between(1U, 1U << 30)},
     {"--max-headers", "Header lines of a request", maybe, "N", "100", between(4U, 10'000U)},
     {"--max-connections", "Connections served at once, a thread each", maybe, "N", "256",
      between(1U, 10'000U)},
     {"--max-requests", "Requests of one connection", maybe, "N", "10000",
      between(1U, 1'000'000'000U)},

     {"--trusted-proxy", "Whose X-Forwarded-For is believed; may be repeated", listed, "CIDR"},
     {"--cors-origin", "Web origin whose pages may call, or *; may be repeated", listed, "ORIGIN"},
     {"--cors-header",
      "Header that pages may send beside those of the client libraries; may be repeated", listed,
      "NAME"},
     {"--metrics-from", "Clients that may read /metrics; may be repeated", listed, "CIDR",
      "127.0.0.0/8,::1"},
     {"--rate-limit",
      "Costly requests per second of one client; as many refreshes, as many changes of one's own "
      "account, ten times as much administration; 0 is no limit",
      maybe, "N", "5", between(0.0, 1e6)},
     {"--rate-burst", "As many of them at once", maybe, "N", "30", between(1.0, 1e6)},

     {"--supabase-prefix",
      "Where Supabase Auth's wire shapes are served; \"\" is the root, \"off\" nowhere", maybe,
      "PATH", "/auth/v1"},
     {"--require-api-key",
      "Refuse requests below --supabase-prefix without an apikey header (anon or service_role)",
      flag},

     {"--no-fetch", "Leave the keys of trusted issuers to others, as `issuers refresh`", flag},
     file("--fetch-ca",
          "Certificates (PEM) of authorities that issuers are known by; the system's unless given"),
     {"--fetch-from", "Addresses that keys are fetched from beside public ones; may be repeated",
      listed, "CIDR"},
     {"--fetch-timeout", "How long that may take", maybe, "SECONDS", "10", between(0.1, 60.0)},

     {"--console",
      "Files of the console, served at /console/; where they were installed unless told, \"off\" "
      "for none",
      maybe, "FOLDER"},

     lifetime("--access-token-ttl", "AUTH_ACCESS_TOKEN_TTL",
              "Life of an access token, no more than pg_principal.access_token_ttl"),
     lifetime("--refresh-token-ttl", "AUTH_REFRESH_TOKEN_TTL",
              "Life of a refresh token, no more than pg_principal.refresh_token_ttl")},
    serve_all,
    {},
    "\n\nSIGTERM and SIGINT stop it when requests underway are answered, SIGHUP reads the\n"
    "certificate again.",
    "PG_PRINCIPAL_SERVE_"};

} // namespace pg_principal::cli
