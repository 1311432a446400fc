#include "serve/routes.hpp"

#include <ctime>
#include <mutex>

#include "base/text_object.hpp"
#include "cli/session.hpp"

namespace pg_principal::cli {

using namespace db;
using namespace http;

namespace {

const Statement readiness{readiness_sql, true}, no_readiness{no_readiness_sql, true};

// What the database says to a role that may not even ask; /ready tells no role's name.
const Readiness role_not_granted{
    "role_not_granted", "the role that this server connects as may not call the API's functions",
    "As a superuser: GRANT authenticator TO that role", ""};

bool for_reads(const Request &request) {
    const std::optional<Form> query = Form::parse(request.query);
    const std::optional<std::string> wanted = query ? query->get("for") : std::nullopt;
    if (!query || query->repeats("for") || wanted.value_or("reads") != "reads")
        throw HttpError(400, "bad_request", "for must be reads");
    return wanted.has_value();
}

// Without Retry-After: somebody has to do something first.
Response ready(Pool &pool, bool reads_will_do) {
    const Readiness now = read_readiness(pool);
    const bool serves_reads = now.reason == "standby" || now.reason == "read_only";
    if (now.reason.empty() || (serves_reads && reads_will_do))
        return Response::json(200, text_object({{"status", "ready"},
                                                {"extension", now.extension},
                                                {"serves", serves_reads ? "reads" : "all"}}));
    return Response::json(503, text_object({{"error", "not_ready"},
                                            {"reason", now.reason},
                                            {"message", now.message},
                                            {"remedy", now.remedy}}));
}

const Statement expose_metrics{"SELECT auth.expose_metrics()"};

// Whoever asks for metrics must not wait for the database like a request of its own.
constexpr milliseconds patience_for_connection{250}, patience_for_answer{1000};

void append_own(std::string &out, const char *name, const char *help, std::time_t value) {
    const std::string full = std::string("pg_principal_database_") + name;
    out += metric_head(full, help, "gauge") + full + ' ' + std::to_string(value) + '\n';
}

// What the database counts, as Prometheus reads it, and whether it just said so. Waits but shortly.
class DatabaseMetrics {
  public:
    explicit DatabaseMetrics(Pool &pool) : pool_(pool) {}
    std::string text();

  private:
    void read();
    Pool &pool_;
    std::mutex reading_, mutex_;
    std::string counted_;
    bool up_ = false;
    std::time_t read_at_ = 0;
};

// Keeps what there was when the database does not answer.
void DatabaseMetrics::read() {
    std::string counted;
    try {
        counted = pool_.checkout(patience_for_connection)
                      .run(expose_metrics, {}, patience_for_answer)
                      .text(0, 0);
    } catch (const Unavailable &) {
    } catch (const DbError &) {
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    up_ = !counted.empty();
    if (!up_)
        return;
    counted_.swap(counted);
    read_at_ = std::time(nullptr);
}

std::string DatabaseMetrics::text() {
    // One reads, the others get what was read before: a database that hangs holds up one thread,
    // however many ask.
    if (const std::unique_lock<std::mutex> reading(reading_, std::try_to_lock); reading)
        read();
    const std::lock_guard<std::mutex> lock(mutex_);
    std::string out;
    append_own(out, "up", "Whether the database gave its metrics; those of the last time stay.",
               up_ ? 1 : 0);
    if (read_at_ > 0)
        append_own(out, "read_timestamp_seconds", "When it last did, in seconds since 1970.",
                   read_at_);
    return out += counted_;
}

} // namespace

Readiness read_readiness(Pool &pool) {
    try {
        return readiness_of(pool.run(readiness, {std::string(version)}));
    } catch (const DbError &error) {
        if (error.sqlstate == "42501")
            return role_not_granted;
        if (!is_missing(error.sqlstate))
            throw;
    }
    return readiness_of(pool.run(no_readiness, {std::string(version)}));
}

void add_status_routes(RouteTable &routes, Pool &pool, const std::string &health,
                       std::function<std::string()> metrics, std::vector<Cidr> metrics_from) {
    const auto counted = std::make_shared<DatabaseMetrics>(pool);
    routes.add({"GET", "/health", [health](const Request &) { return Response::json(200, health); },
                "Is this process up?", Caller::anybody, false});
    const auto give_metrics = [counted, own = std::move(metrics),
                               from = std::move(metrics_from)](const Request &request) {
        if (!contains(from, request.client))
            throw HttpError(404, "not_found", "no such resource");
        return Response::text(200, own() + counted->text(),
                              "text/plain; version=0.0.4; charset=utf-8");
    };
    routes.add({"GET", "/metrics", give_metrics, "Counters and gauges as Prometheus reads them",
                Caller::anybody, false});
    Route route{"GET", "/ready",
                [&pool](const Request &request) { return ready(pool, for_reads(request)); },
                "Can requests be answered: database, extension, signing key; for=reads: "
                "would a standby do"};
    route.query = R"({"for": {"type": "string", "enum": ["reads"]}})";
    routes.add(std::move(route));
}

void publish_pool_metrics(Metrics &metrics, const Pool &pool) {
    const auto add = [&](const char *type, const char *name, const char *help, auto member) {
        metrics.add(type, std::string("pg_principal_pool_") + name, help,
                    [&pool, member] { return static_cast<double>(pool.stats().*member); });
    };
    using Stats = Pool::Stats;
    add("gauge", "size", "Connections there may be.", &Stats::size);
    add("gauge", "connected", "Connections there are.", &Stats::connected);
    add("gauge", "in_use", "Connections that are in use.", &Stats::in_use);
    add("gauge", "waiting", "Requests that wait for one.", &Stats::waiting);
    add("counter", "connects_total", "Connections opened.", &Stats::connects);
    add("counter", "connect_failures_total", "Attempts that failed.", &Stats::connect_failures);
    add("counter", "losses_total", "Connections that broke.", &Stats::losses);
    add("counter", "checkout_timeouts_total", "Waits for a connection in vain.",
        &Stats::checkout_timeouts);
    add("counter", "share_refusals_total", "Requests of a principal that had too many already.",
        &Stats::share_refusals);
}

} // namespace pg_principal::cli
