// Asks the database whether the installation is sound, and prints what it says.
#include "cli/app.hpp"

#include <chrono>
#include <cstdint>

#include <nlohmann/json.hpp>

#include "db/standing.hpp"

namespace pg_principal::cli {

namespace {

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

// A job of pg_cron that this database does not see is looked for where it is.
void look_elsewhere(const Session &session, Json &finding) {
    try {
        const Json told = read_health_schedule(session);
        const bool is_well = told["problem"].is_null();
        const bool has_failed = told.value("lastStatus", Json()) == "failed";
        finding["state"] = is_well ? "ok" : has_failed ? "error" : "warning";
        finding["detail"] =
            is_well ? "pg_cron runs it from another database" : text_of(told["problem"]);
        finding["remedy"] = told["remedy"];
    } catch (const Failure &failure) { // it stays unknown
        finding["detail"] = text_of(finding["detail"]) + ": " + failure.what();
    }
}

// A list of {check, state, detail, remedy}.
Json examine(const Session &session) {
    const std::int64_t before = milliseconds_now();
    const db::Result first = session.ask(
        "SELECT pg_catalog.floor(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) * "
        "1000)::pg_catalog.int8, pg_catalog.to_regprocedure('auth.check_installation(text, "
        "interval)') IS NOT NULL");
    const std::int64_t after = milliseconds_now();
    if (!first.boolean(0, 1)) {
        const db::Readiness now =
            db::readiness_of(session.ask(db::no_readiness_sql, {std::string(version)}));
        return {{{"check", "extension"},
                 {"state", "error"},
                 {"detail", now.message},
                 {"remedy", now.remedy}}};
    }
    const std::int64_t ahead = certainly_ahead(before, first.integer(0, 0), after);
    Json findings = list_of(
        session.ask("SELECT item AS check, state, detail, nullif(remedy, '') AS remedy FROM "
                    "auth.check_installation($1::pg_catalog.text, $2::pg_catalog.interval)",
                    {std::string(version), std::to_string(ahead) + " ms"}, "looking"));
    for (Json &finding : findings)
        if (finding["check"] == "health scan" && finding["state"] == "unknown")
            look_elsewhere(session, finding);
    return findings;
}

void print(std::ostream &out, const Json &findings) {
    for (const Json &finding : findings) {
        std::string line = text_of(finding["state"]);
        line.append(line.size() < 9 ? 9 - line.size() : 1, ' ');
        line += text_of(finding["check"]) + ": " + text_of(finding["detail"]);
        if (!finding["remedy"].is_null())
            line += ". Do: " + text_of(finding["remedy"]);
        out << for_terminal(line) << '\n';
    }
}

void doctor(const Session &session, const Given &given) {
    const bool strict = given.has("--strict");
    const Json findings = examine(session);
    if (session.wants("json"))
        print_json(session.streams.out, findings);
    else
        print(session.streams.out, findings);
    std::size_t wrong = 0;
    for (const Json &finding : findings)
        wrong += finding["state"] == "error" || (strict && finding["state"] != "ok");
    if (wrong > 0)
        throw Failure(std::to_string(wrong) + " of " + std::to_string(findings.size()) +
                      (strict       ? " findings not ok"
                       : wrong == 1 ? " findings is an error"
                                    : " findings are errors"));
}

} // namespace

const Verb doctor_verb{
    "doctor",
    "Look whether the installation is sound, and say what to do; exit 1 when it is not",
    "\n--strict\n--output json",
    {{"--strict", "Exit 1 for warnings and what could not be looked at, too", flag}},
    doctor};

} // namespace pg_principal::cli
