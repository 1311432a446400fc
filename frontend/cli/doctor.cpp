// Asks the database whether the installation is sound, and prints what it says.
#include "cli/app.hpp"

#include <chrono>
#include <cstdint>

#include <nlohmann/json.hpp>

#include "cli/health.hpp"
#include "db/standing.hpp"

namespace pg_principal::cli {

namespace {

struct Finding {
    std::string check, state, detail, remedy;
};

using Findings = std::vector<Finding>;

std::int64_t milliseconds_now() {
    return std::chrono::duration_cast<milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

// By how much our clock is certainly ahead of one that said `server` at some time between; below
// zero: behind.
std::int64_t certainly_ahead(std::int64_t before, std::int64_t server, std::int64_t after) {
    if (server < before)
        return before - server;
    return server > after ? after - server : 0;
}

Findings ask_extension(const Session &session, std::int64_t ahead) {
    const db::Result rows = session.ask(
        "SELECT item, state, detail, remedy FROM auth.check_installation($1::pg_catalog.text, "
        "$2::pg_catalog.interval)",
        {std::string(version), std::to_string(ahead) + " ms"}, "looking");
    Findings findings;
    for (int row = 0; row < rows.rows(); ++row)
        findings.push_back({std::string(rows.text(row, 0)), std::string(rows.text(row, 1)),
                            std::string(rows.text(row, 2)), std::string(rows.text(row, 3))});
    return findings;
}

// A job of pg_cron that this database does not see is looked for where it is.
void look_elsewhere(const Session &session, Finding &finding) {
    try {
        const std::vector<db::Param> schedule = read_health_schedule(session);
        const db::Param &problem = schedule[health_problem];
        finding.state = problem ? "error" : "ok";
        finding.detail = problem.value_or("pg_cron runs it from another database");
        finding.remedy = schedule[health_remedy].value_or("");
    } catch (const Failure &failure) { // it stays unknown
        finding.detail += std::string(": ") + failure.what();
    }
}

Findings examine(const Session &session) {
    const std::int64_t before = milliseconds_now();
    const db::Result first = session.ask(
        "SELECT pg_catalog.floor(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) * "
        "1000)::pg_catalog.int8, "
        "pg_catalog.to_regprocedure('auth.check_installation(text, interval)') IS NOT NULL");
    const std::int64_t after = milliseconds_now();
    if (!first.boolean(0, 1)) {
        const db::Readiness now =
            db::readiness_of(session.ask(db::no_readiness_sql, {std::string(version)}));
        return {{"extension", "error", now.message, now.remedy}};
    }
    Findings findings = ask_extension(session, certainly_ahead(before, first.integer(0, 0), after));
    for (Finding &finding : findings)
        if (finding.check == "health scan" && finding.state == "unknown")
            look_elsewhere(session, finding);
    return findings;
}

void print(const Session &session, const Findings &findings) {
    if (session.wants("json")) {
        Json list = Json::array();
        for (const Finding &finding : findings)
            list.push_back({{"check", finding.check},
                            {"state", finding.state},
                            {"detail", finding.detail},
                            {"remedy", finding.remedy.empty() ? Json() : Json(finding.remedy)}});
        print_json(session.streams.out, list);
        return;
    }
    for (const Finding &finding : findings) {
        std::string line = finding.state;
        line.append(line.size() < 9 ? 9 - line.size() : 1, ' ');
        line += finding.check + ": " + finding.detail;
        if (!finding.remedy.empty())
            line += ". Do: " + finding.remedy;
        session.streams.out << printable(line) << '\n';
    }
}

void doctor(const Session &session, const Given &given) {
    const bool strict = given.has("--strict");
    const Findings findings = examine(session);
    print(session, findings);
    std::size_t wrong = 0;
    for (const Finding &finding : findings)
        wrong += finding.state == "error" || (strict && finding.state != "ok");
    if (wrong > 0)
        throw Failure(std::to_string(wrong) + " of " + std::to_string(findings.size()) +
                      " findings want something done");
}

} // namespace

void add_doctor_command(const Group &root) {
    root.add({"doctor",
              "Look whether the installation is sound, and say what to do; exit 1 when it is not",
              "  pg_principal doctor\n"
              "  pg_principal doctor --strict\n"
              "  pg_principal doctor --output json",
              {{"--strict", "Exit 1 for warnings, too", flag}},
              doctor});
}

} // namespace pg_principal::cli
