#include "serve/status.hpp"

#include <map>

namespace pg_principal::cli {

using namespace db;
using namespace http;

namespace {

const Statement read_metrics{"SELECT name, label, kind, value FROM auth.read_metrics()"};

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
    std::string out;
    for (const char c : name)
        out += (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '_';
    return counter ? out + "_total" : out;
}

std::string head_of(std::string_view name, bool counter) {
    const auto family = known.find(name);
    return metric_head(exposed_name(name, counter),
                       family == known.end() ? "Of the database." : family->second.help,
                       counter ? "counter" : "gauge");
}

void append_sample(std::string &out, std::string_view name, std::string_view label, bool counter,
                   std::string_view value) {
    const auto family = known.find(name);
    out += exposed_name(name, counter);
    if (!label.empty()) {
        const char *of =
            family == known.end() || !*family->second.label ? "label" : family->second.label;
        out.append("{").append(of).append("=").append(label_value(label)).append("}");
    }
    out.append(" ").append(value).append("\n");
}

void append_own(std::string &out, const char *name, const char *help, std::time_t value) {
    const std::string full = std::string("pg_principal_database_") + name;
    out += metric_head(full, help, "gauge") + full + ' ' + std::to_string(value) + '\n';
}

std::string exposed(const Result &rows) {
    std::string out;
    std::string_view last;
    bool has_failures = false;
    for (int i = 0; i < rows.rows(); ++i) {
        const std::string_view name = rows.text(i, 0);
        const bool counter = rows.text(i, 2) == "counter";
        if (name != last)
            out += head_of(name, counter);
        last = name;
        has_failures = has_failures || name == "agent.refresh.failures";
        append_sample(out, name, rows.text(i, 1), counter, rows.text(i, 3));
    }
    if (!has_failures) { // an alert needs the zero before the first one
        out += head_of("agent.refresh.failures", true);
        append_sample(out, "agent.refresh.failures", "", true, "0");
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
