#include "serve/status.hpp"

#include <map>

namespace pg_principal::cli {

using namespace db;
using namespace http;

namespace {

// An alert needs the zero before the first of an agent's refused refreshes.
const Statement read_metrics{
    "WITH m AS MATERIALIZED (SELECT name, label, kind, value::text FROM auth.read_metrics()) "
    "SELECT * FROM m UNION ALL SELECT 'agent.refresh.failures', '', 'counter', '0' "
    "WHERE NOT EXISTS (SELECT FROM m WHERE name = 'agent.refresh.failures')"};

// Whoever asks for metrics must not wait for the database like a request of its own.
constexpr milliseconds patience_for_connection{250}, patience_for_answer{1000};

struct Family {
    const char *help;
    const char *label; // what tells its series apart
};

// By the names the database has for them. Others are shown too, without a text.
const std::map<std::string, Family, std::less<>> known = {
    {"agent.refresh.failures", {"Refused refreshes of agents that a health scan reported.", ""}},
    {"agent.delegation.failures",
     {"Refused token exchanges of agents that a health scan reported.", ""}},
    {"auth.refresh.failures", {"Refused refreshes.", "reason"}},
    {"auth.sign_in.failures", {"Refused sign-ins.", "reason"}},
    {"auth.login.refusals",
     {"Refused logins with a token, in the whole server since it started.", "reason"}},
    {"auth.client.failures", {"Refused clients at the OAuth endpoints.", "reason"}},
    {"auth.delegation.failures", {"Refused token exchanges of agents.", "reason"}},
    {"auth.device.failures", {"Refused device codes, and wrong ones of people.", "reason"}},
    {"auth.assertion.failures", {"Refused tokens of trusted issuers.", "reason"}},
    {"auth.issuer.fetches", {"Fetches of trusted issuers' keys.", "outcome"}},
    {"auth.issuer.failing", {"Trusted issuers whose keys the last fetch could not get.", ""}},
    {"auth.audit.suppressed", {"Refusals that were counted and not audited.", ""}},
    {"agent.findings", {"Open findings of the last health scan.", "kind"}},
    {"agent.findings.next_expiry",
     {"When the next token with such a finding ends, in seconds since 1970; 0: none.", ""}},
    {"agent.count", {"Agents, as of the last health scan.", ""}},
    {"agent.health.last_scan", {"When the last health scan ran, in seconds since 1970.", ""}},
    {"audit.faults", {"Faults that the last scan of the audit found.", ""}},
    {"audit.last_scan", {"When the last scan of the audit ran, in seconds since 1970.", ""}},
};

// agent.refresh.failures, a counter, is agent_refresh_failures_total here.
std::string exposed_name(std::string_view name, bool counter) {
    if (name == "agent.count") // the suffix _count is a histogram's
        return "agents";
    std::string out;
    for (const char c : name)
        out += (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '_';
    return counter ? out + "_total" : out;
}

void append_own(std::string &out, const char *name, const char *help, std::time_t value) {
    const std::string full = std::string("pg_principal_database_") + name;
    out += metric_head(full, help, "gauge") + full + ' ' + std::to_string(value) + '\n';
}

std::string exposed(const Result &rows) {
    std::string out;
    for (int i = 0; i < rows.rows(); ++i) {
        const std::string_view name = rows.text(i, 0), label = rows.text(i, 1);
        const bool counter = rows.text(i, 2) == "counter";
        const std::string full = exposed_name(name, counter);
        const auto found = known.find(name);
        const Family family = found == known.end() ? Family{"Of the database.", ""} : found->second;
        if (i == 0 || name != rows.text(i - 1, 0))
            out += metric_head(full, family.help, counter ? "counter" : "gauge");
        out += full;
        if (!label.empty())
            out.append("{")
                .append(*family.label ? family.label : "label")
                .append("=")
                .append(label_value(label))
                .append("}");
        out.append(" ").append(rows.text(i, 3)).append("\n");
    }
    return out;
}

} // namespace

// Keeps what there was when the database does not answer.
void DatabaseMetrics::read() {
    std::string counted;
    try {
        counted = exposed(
            pool_.checkout(patience_for_connection).run(read_metrics, {}, patience_for_answer));
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

} // namespace pg_principal::cli
