#include "serve_status.hpp"

#include <map>

namespace pg_principal::cli {

using namespace http;

namespace {

const Statement read_metrics{"SELECT name, label, kind, value FROM auth.read_metrics()"};

struct Family {
    const char *help;
    const char *label; // what tells its series apart
};

// By the names the database has for them. Others are shown too, without a text.
const std::map<std::string, Family, std::less<>> known = {
    {"agent.refresh.failures", {"Refused refreshes of agents that a health scan reported.", ""}},
    {"auth.refresh.failures", {"Refused refreshes.", "reason"}},
    {"auth.sign_in.failures", {"Refused sign-ins.", "reason"}},
    {"auth.audit.suppressed", {"Refusals that were counted and not audited.", ""}},
    {"agent.findings", {"Open findings of the last health scan.", "kind"}},
    {"agent.count", {"Agents, as of the last health scan.", ""}},
    {"agent.health.last_scan", {"When the last health scan ran, in seconds since 1970.", ""}},
};

// agent.refresh.failures, a counter, is agent_refresh_failures_total here.
std::string exposed_name(std::string_view name, bool counter) {
    std::string out;
    for (const char c : name)
        out += (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '_';
    return counter ? out + "_total" : out;
}

void append_head(std::string &out, std::string_view name, bool counter) {
    const std::string exposed = exposed_name(name, counter);
    const auto family = known.find(name);
    out += "# HELP " + exposed + ' ' +
           (family == known.end() ? "Of the database." : family->second.help) + "\n# TYPE " +
           exposed + (counter ? " counter\n" : " gauge\n");
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

} // namespace

std::string database_metrics(Pool &pool) {
    std::string out = "# HELP pg_principal_database_up Whether the database gave its metrics.\n"
                      "# TYPE pg_principal_database_up gauge\npg_principal_database_up ";
    try {
        const Result rows = pool.run(read_metrics);
        out += "1\n";
        std::string_view last;
        bool has_failures = false;
        for (int i = 0; i < rows.rows(); ++i) {
            const std::string_view name = rows.text(i, 0);
            const bool counter = rows.text(i, 2) == "counter";
            if (name != last)
                append_head(out, name, counter);
            last = name;
            has_failures = has_failures || name == "agent.refresh.failures";
            append_sample(out, name, rows.text(i, 1), counter, rows.text(i, 3));
        }
        if (!has_failures) { // an alert needs the zero before the first one
            append_head(out, "agent.refresh.failures", true);
            append_sample(out, "agent.refresh.failures", "", true, "0");
        }
    } catch (const Unavailable &) {
        out += "0\n";
    } catch (const DbError &) {
        out += "0\n";
    }
    return out;
}

} // namespace pg_principal::cli
