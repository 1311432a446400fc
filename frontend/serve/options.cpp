#include "serve/serve.hpp"

#include <algorithm>

#include <unistd.h>

#include <CLI/CLI.hpp>

#include "base/failure.hpp"
#include "base/terminal.hpp"
#include "base/text.hpp"
#include "oauth/oauth.hpp"

namespace pg_principal::cli {

namespace {

// --max-body is also PG_PRINCIPAL_SERVE_MAX_BODY.
std::string variable_of(const std::string &flag) {
    std::string name = "PG_PRINCIPAL_SERVE_";
    for (const char c : flag.substr(2))
        name += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
    return name;
}

// Adds flags to a verb, each with its variable, and with its default in the help.
struct Declare {
    CLI::App &verb;

    void operator()(const char *flag, bool &value, const char *text) const {
        verb.add_flag(flag, value, text)->envname(variable_of(flag));
    }
    void operator()(const char *flag, milliseconds &value, const char *text) const {
        const auto set = [&value](const double &seconds) {
            value = milliseconds(static_cast<std::int64_t>(seconds * 1000));
        };
        verb.add_option_function<double>(flag, set, text)
            ->type_name("SECONDS")
            ->envname(variable_of(flag))
            ->default_str(std::to_string(value.count() / 1000))
            ->transform(*between(0.001, 86400.0));
    }
    template <class T>
    CLI::Option *operator()(const char *flag, T &value, const char *type, const char *text,
                            const Check &check = nullptr) const {
        CLI::Option *const option = verb.add_option(flag, value, text)->type_name(type);
        if (check)
            option->transform(*check);
        return option->envname(variable_of(flag))->capture_default_str();
    }
    // Each mention takes one value, or several behind commas.
    void list(const char *flag, std::vector<std::string> &values, const char *type,
              const char *text) const {
        (*this)(flag, values, type, text)->delimiter(',')->allow_extra_args(false);
    }
};

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
            throw UsageError("--cors-origin: " + printable(text) +
                                 (text == "*" ? " must be given alone" : " is not a web origin"),
                             "For example https://app.example or http://localhost:3000, as "
                             "browsers send it, or * alone.");
    return texts;
}

} // namespace

void add_serve_flags(CLI::App &verb, ServeFlags &flags) {
    verb.footer(verb.get_footer() +
                "\n\nSIGTERM and SIGINT stop it when requests underway are answered, SIGHUP reads "
                "the\ncertificate again.");
    const Declare add{verb};
    add.list("--listen", flags.listen, "HOST:PORT", "Where to listen; may be repeated");
    add("--tls-cert", flags.tls_certificate, "FILE",
        "Certificate chain (PEM): speak TLS; read again on SIGHUP");
    add("--allow-plain-http", flags.allow_plain_http,
        "Listen beyond this machine with neither TLS nor a --trusted-proxy");
    add("--tls-key", flags.tls_key, "FILE", "Its private key (PEM)");
    add("--access-log", flags.access_log, "FILE",
        "JSON lines; - is standard output, \"off\" none; opened again on SIGHUP");

    add("--pool-size", flags.pool.size, "N", "Connections to the database", between(1U, 1000U));
    add("--transaction-pooler", flags.pool.transaction_pooler,
        "The DSN leads to a pooler in transaction mode: no prepared statements, no startup "
        "options");
    add("--checkout-timeout", flags.pool.checkout_time,
        "How long a request waits for a connection");
    add("--statement-timeout", flags.pool.statement_time, "How long a statement may take");
    add("--connect-timeout", flags.pool.connect_time, "How long to try each host of the DSN");

    add("--request-timeout", flags.server.limits.request_time,
        "For the head of a request, and again for its body");
    add("--idle-timeout", flags.server.limits.idle_time, "Between two requests of a connection");
    add("--write-timeout", flags.server.limits.write_time, "For a client that is slow to read");
    add("--stop-timeout", flags.server.stop_time, "For requests underway after SIGTERM or SIGINT");
    add("--max-body", flags.server.limits.body, "BYTES", "Largest body of a request",
        between(std::uint64_t{1}, std::uint64_t{1} << 30));
    add("--max-headers", flags.server.limits.headers, "N", "Header lines of a request",
        between(4U, 10'000U));
    add("--max-connections", flags.server.limits.connections, "N",
        "Connections served at once, a thread each", between(1U, 10'000U));
    add("--max-requests", flags.server.limits.requests_per_connection, "N",
        "Requests of one connection", between(1U, 1'000'000'000U));

    add.list("--trusted-proxy", flags.trusted_proxies, "CIDR",
             "Whose X-Forwarded-For is believed; may be repeated");
    add.list("--cors-origin", flags.cors_origins, "ORIGIN",
             "Web origin whose pages may call, or *; may be repeated");
    add.list("--cors-header", flags.cors_headers, "NAME",
             "Header that pages may send beside those of the client libraries; may be repeated");
    add.list("--metrics-from", flags.metrics_from, "CIDR",
             "Clients that may read /metrics; may be repeated");
    add("--rate-limit", flags.rate.per_second, "N",
        "Costly requests per second of one client; as many refreshes, as many changes of one's own "
        "account, ten times as much administration; 0 is no limit",
        between(0.0, 1e6));
    add("--rate-burst", flags.rate.burst, "N", "As many of them at once", between(1.0, 1e6));

    add("--supabase-prefix", flags.supabase_prefix, "PATH",
        "Where Supabase Auth's wire shapes are served; \"\" is the root, \"off\" nowhere");
    add("--require-api-key", flags.require_api_key,
        "Refuse requests below --supabase-prefix without an apikey header (anon or service_role)");

    add("--no-fetch", flags.no_fetch,
        "Leave the keys of trusted issuers to others, as `issuers refresh`");
    add("--fetch-ca", flags.fetch.authorities, "FILE",
        "Certificates (PEM) of authorities that issuers are known by; the system's unless given");
    add.list("--fetch-from", flags.fetch.allowed, "CIDR",
             "Addresses that keys are fetched from beside public ones; may be repeated");
    add("--fetch-timeout", flags.fetch.seconds, "SECONDS", "How long that may take",
        between(0.1, 60.0));

    add("--console", flags.console, "FOLDER",
        "Files of the console, served at /console/; where they were installed unless told, \"off\" "
        "for none");

    // Names that deployments of the API this one stands in for have already.
    const auto add_lifetime = [&](const char *flag, const char *variable, unsigned &value,
                                  const char *text) {
        verb.add_option(flag, value, text)
            ->type_name("SECONDS")
            ->envname(variable)
            ->transform(*between(1U, 1'000'000'000U));
    };
    add_lifetime("--access-token-ttl", "AUTH_ACCESS_TOKEN_TTL", flags.lifetimes.access_token,
                 "Life of an access token, no more than pg_principal.access_token_ttl");
    add_lifetime("--refresh-token-ttl", "AUTH_REFRESH_TOKEN_TTL", flags.lifetimes.refresh_token,
                 "Life of a refresh token, no more than pg_principal.refresh_token_ttl");
    // A variable whose value cannot be is no concern of other verbs: CLI11 looks at a verb's early
    // without one of these.
    verb.parse_complete_callback([] {});
}

// A misspelt one changes nothing, and nobody would hear of it.
void warn_of_unknown_variables(const CLI::App &verb, std::ostream &err) {
    constexpr std::string_view prefix = "PG_PRINCIPAL_SERVE_";
    const std::vector<const CLI::Option *> options = verb.get_options();
    for (char **one = environ; *one; ++one) {
        const std::string_view text = *one;
        const std::string name(text.substr(0, text.find('=')));
        const auto is_it = [&](const CLI::Option *option) { return option->get_envname() == name; };
        if (text.substr(0, prefix.size()) == prefix &&
            std::none_of(options.begin(), options.end(), is_it))
            print_error(err, "warning: there is no variable " + printable(name), {},
                        "pg_principal serve --help has them.");
    }
}

http::ServerOptions server_options(const ServeFlags &flags) {
    http::ServerOptions options = flags.server;
    const bool is_covered = !flags.tls_certificate.empty() || !flags.trusted_proxies.empty();
    for (const std::string &text : flags.listen) {
        options.listen.push_back(http::Endpoint::parse(text));
        if (!is_covered && !flags.allow_plain_http && !is_of_this_machine(options.listen.back()))
            throw UsageError("--listen " + printable(text) +
                                 " would have passwords and tokens cross a network in the clear",
                             "Give --tls-cert and --tls-key, or --trusted-proxy for a proxy that "
                             "speaks TLS, or --allow-plain-http.");
    }
    if (flags.tls_certificate.empty() != flags.tls_key.empty())
        throw UsageError("--tls-cert and --tls-key belong together");
    if (!flags.tls_certificate.empty())
        options.tls = std::make_shared<http::Tls>(flags.tls_certificate, flags.tls_key);
    options.behind_proxy = !flags.trusted_proxies.empty();
    return options;
}

supabase::Options supabase_options(const ServeFlags &flags) {
    const std::string &prefix = flags.supabase_prefix;
    if (prefix == "off")
        return {false, "", flags.require_api_key};
    if (prefix.empty() || prefix == "/")
        return {true, "", flags.require_api_key};
    const bool plain = prefix.find_first_not_of("/-._~0123456789abcdefghijklmnopqrstuvwxyz"
                                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == prefix.npos;
    const std::string first = prefix.substr(0, prefix.find('/', 1));
    const bool is_taken = first == "/api" || first == "/oauth";
    if (is_taken || !plain || prefix.size() < 2 || prefix.front() != '/' || prefix.back() == '/' ||
        prefix.find("//") != prefix.npos)
        throw UsageError("--supabase-prefix: " + printable(prefix) +
                             (is_taken ? " is where other routes are" : " is not a path"),
                         "For example /auth/v1; \"\" is the root, \"off\" nowhere.");
    return {true, prefix, flags.require_api_key};
}

http::Policy policy(const ServeFlags &flags) {
    http::Policy policy;
    policy.proxies = http::address_ranges(flags.trusted_proxies, "--trusted-proxy");
    policy.cors_origins = origins(flags.cors_origins);
    for (const std::string &name : flags.cors_headers) {
        if (!http::is_token(name))
            throw UsageError("--cors-header: " + printable(name) + " is not a header name");
        policy.cors_headers.push_back(name);
    }
    policy.rate = flags.rate;
    policy.problem_body = [options = supabase_options(flags)](const http::Problem &problem) {
        if (oauth::is_ours(problem.request.path))
            return oauth::problem_body(problem);
        return supabase::is_below(options, problem.request.path) ? supabase::problem_body(problem)
                                                                 : api::problem_body(problem);
    };
    return policy;
}

} // namespace pg_principal::cli
