#include "cli/app.hpp"

#include <nlohmann/json.hpp>

namespace pg_principal::cli {

namespace {

constexpr const char *see_jobs_as = "Do this as who scheduled it, or as a superuser.";

const char *const schedule_sql =
    "SELECT utc(last_scan_at), cron_database, job_id, schedule, json(active), utc(last_run_at), "
    "last_status, last_message, failed_runs, problem, remedy, auth.health_job() AS \"JOB\", "
    "auth.orphan_job_query() AS \"ORPHAN\", "
    "cron_database <> pg_catalog.current_database() AS \"ELSEWHERE\" FROM auth.health_schedule()";

// The same of a job where pg_cron is, in another database: seen by whoever scheduled it.
const char *const job_elsewhere_sql =
    "SELECT j.jobid AS job_id, j.schedule, json(j.active) AS active, utc(r.start_time) AS "
    "last_run_at, r.status AS last_status, r.return_message AS last_message, (SELECT "
    "pg_catalog.count(*) FROM cron.job_run_details f WHERE f.jobid = j.jobid AND f.status = "
    "'failed' AND f.runid > ALL (SELECT s.runid FROM cron.job_run_details s WHERE s.jobid = "
    "j.jobid AND s.status = 'succeeded')) AS failed_runs, CASE WHEN j.active AND "
    "j.nodeport <> p.port AND EXISTS (SELECT FROM pg_catalog.pg_settings s WHERE s.name = "
    "'cron.use_background_workers' AND s.setting = 'off') " // who may not see it sees no row
    "THEN j.nodeport END AS other_port, p.port FROM (SELECT "
    "pg_catalog.current_setting('port')::pg_catalog.int4) p (port), cron.job j LEFT JOIN LATERAL "
    "(SELECT * FROM cron.job_run_details d WHERE d.jobid = j.jobid AND d.status IN ('succeeded', "
    "'failed') ORDER BY d.runid DESC LIMIT 1) r ON true WHERE j.jobname = $1";

bool is_elsewhere(const db::Result &schedule) { return schedule.text("ELSEWHERE") == "t"; }

// It is there as soon as the server loads it, in the database once somebody creates it; who may use
// it its administrator says.
void insist_on_cron(const Session &session, const std::string &database, bool to_schedule) {
    const db::Result rows = session.ask(
        "SELECT CASE WHEN NOT pg_catalog.has_schema_privilege(c.schema, 'USAGE') THEN false"
        " ELSE pg_catalog.has_function_privilege(pg_catalog.to_regprocedure($1), 'EXECUTE') OR"
        " (NOT $2::pg_catalog.bool AND pg_catalog.to_regprocedure($1) IS NOT NULL) END, "
        "CURRENT_USER"
        " FROM (SELECT pg_catalog.to_regnamespace('cron')::pg_catalog.oid) AS c (schema)",
        {"cron.schedule_in_database(text, text, text, text, text, boolean)",
         to_schedule ? "true" : "false"},
        {}, database);
    if (rows.is_null(0, 0))
        throw Failure(
            "pg_cron is not in the database \"" + for_terminal(database) +
                "\", which is to have it",
            {},
            "There: CREATE EXTENSION pg_cron; or let cron.database_name be another than " +
                for_terminal(database) + '.');
    if (!rows.boolean(0, 0))
        throw Failure(for_terminal(rows.text(0, 1)) + " may not " +
                          (to_schedule ? "schedule anything by" : "use") +
                          " pg_cron in the database \"" + for_terminal(database) + '"',
                      {}, to_schedule ? "Do this as a superuser." : see_jobs_as);
}

void status(const Session &session, const Given &) {
    const Json told = read_health_schedule(session);
    if (session.wants("json"))
        print_json(session.streams.out, told);
    else
        for (const auto &[name, value] : told.items())
            if (!value.is_null() && name != "problem" && name != "remedy")
                session.streams.out << name << ": " << for_terminal(text_of(value)) << '\n';
    if (!told["problem"].is_null())
        throw Failure(text_of(told["problem"]), {}, text_of(told["remedy"]));
}

void schedule(const Session &session, const Given &given) {
    const bool remove = given.has("--remove");
    const std::string when = given["--at"].empty() ? "0 * * * *" : given["--at"];
    const db::Result rows = session.ask(schedule_sql);
    const std::string job(rows.text("JOB")), home(rows.text("cron_database"));
    const bool is_here = !is_elsewhere(rows); // or the error tells what is missing
    if (!is_here)
        insist_on_cron(session, home, !remove);
    if (remove) {
        const db::Result removed =
            is_here ? session.ask("SELECT auth.unschedule_health_scan()")
                    : session.ask("SELECT coalesce((SELECT cron.unschedule($1::pg_catalog.text) "
                                  "FROM cron.job WHERE jobname = $1 LIMIT 1), false)",
                                  {job}, {}, home);
        if (!removed.boolean(0, 0))
            throw Failure("the health scan is not scheduled");
        return print_done(session, "unscheduled", "the health scan");
    }
    if (is_here) {
        session.ask("SELECT auth.schedule_health_scan($1)", {when});
    } else {
        const db::Result call = session.ask("SELECT auth.health_scan_call(), current_database()");
        session.ask("SELECT cron.schedule_in_database($1, $2, $3, $4)",
                    {job, when, std::string(call.text(0, 0)), std::string(call.text(0, 1))}, {},
                    home);
    }
    print_done(session, "scheduled", "the health scan: " + when);
}

const std::vector<Verb> health_verbs = {
    {"scan",
     "Report what happened to agents since the last scan",
     "\n--output json",
     {},
     lists("SELECT kind, email, reason, metadata, utc(created_at) FROM auth.scan_agent_health()",
           {"TIME created_at, EMAIL, KIND, REASON", "nothing new"})},
    {"report",
     "Show every agent: its tokens, its last use, what is wrong",
     "\n--output json",
     {},
     lists("SELECT email, app_role AS role, json(banned), issued_tokens, signed_in_sessions, "
           "utc(next_expiry), utc(last_used_at), utc(last_refresh_at), utc(password_changed_at), "
           "refresh_failures, delegation_failures, utc(last_failure_at), last_failure_reason, "
           "json(findings), pg_catalog.array_to_string(findings, '; ') AS \"FINDINGS\", CASE WHEN "
           "banned THEN 'banned' ELSE app_role::pg_catalog.text END AS \"ROLE\", refresh_failures "
           "OPERATOR(pg_catalog.+) delegation_failures AS \"FAILURES\" FROM auth.agent_health()",
           {"EMAIL, ROLE, TOKENS issued_tokens, SESSIONS signed_in_sessions, NEXT EXPIRY, LAST "
            "USED last_used_at, REFRESHED last_refresh_at, FAILURES, LAST REASON "
            "last_failure_reason, FINDINGS"})},
    {"status",
     "Show who runs the scan and whether it runs; exit 1 when something is wrong",
     "\n--output json",
     {},
     status},
    {"schedule",
     "Have pg_cron run the scan, also where pg_cron is in another database",
     "\n--at '*/15 * * * *'\n--remove",
     {{"--at", "When, as cron has it (default 0 * * * *)", maybe, "CRON"},
      {"--remove", "Take the job out again", flag}},
     with(at_most_one, {"--at", "--remove"}, schedule)},
};

} // namespace

// Where pg_cron is in another database, the job is looked for there.
Json read_health_schedule(const Session &session) {
    const db::Result rows = session.ask(schedule_sql);
    Json told = object_of(rows);
    if (!is_elsewhere(rows))
        return told;
    const std::string home(rows.text("cron_database"));
    insist_on_cron(session, home, false);
    const Json jobs =
        list_of(session.ask(job_elsewhere_sql, {std::string(rows.text("JOB"))}, {}, home));
    for (const Json &job : jobs)
        for (const auto &[name, value] : job.items())
            if (!value.is_null())
                told[name] = value;
    if (jobs.empty() &&
        session.ask("SELECT pg_catalog.row_security_active('cron.job')", {}, {}, home)
            .boolean(0, 0))
        throw Failure("pg_cron shows nobody the jobs of others, and of one's own none is the "
                      "health scan of this database",
                      {}, see_jobs_as);
    if (jobs.empty()) {
        told["problem"] = "the health scan is not scheduled";
        told["remedy"] = "pg_principal health schedule";
    } else if (told["lastStatus"] == "failed") {
        told["problem"] = "the last scheduled run failed: " + text_of(told["lastMessage"]);
        told["remedy"] = "Either cron.use_background_workers = on and a restart, or let "
                         "pg_cron connect without a password: a line of pg_hba.conf.";
    } else if (!told["problem"].is_null()) {
        told["remedy"] = nullptr; // it is scheduled
    }
    if (told.contains("otherPort") && !told["problem"].is_null()) { // a copy restored from a dump
        const std::string port = text_of(told["port"]);
        told["problem"] = text_of(told["problem"]) + "; pg_cron runs it on port " +
                          text_of(told["otherPort"]) + ", and this server has port " + port;
        told["remedy"] = "Either cron.use_background_workers = on and a restart, or as a "
                         "superuser, in the database \"" +
                         for_terminal(home) + "\", UPDATE cron.job SET nodeport = " + port +
                         " WHERE jobid = " + text_of(told["jobId"]) + ';';
    }
    told.erase("otherPort");
    told.erase("port");
    if (told["problem"].is_null())
        return told;
    const db::Result orphan = session.ask(std::string(rows.text("ORPHAN")), {}, {}, home);
    if (orphan.rows() == 0)
        return told;
    told["problem"] = text_of(told["problem"]) + "; " + for_terminal(orphan.text("problem"));
    told["remedy"] = "As a superuser, in the database \"" + for_terminal(home) +
                     "\": " + for_terminal(orphan.text("remedy"));
    return told;
}

const Family health_family{"health", "Agents: refused refreshes, tokens about to expire or unused",
                           "scan\nreport\nschedule", health_verbs};

} // namespace pg_principal::cli
