#include "cli/session.hpp"

#include <algorithm>
#include <array>
#include <csignal>

#include "core/base/text.hpp"

namespace pg_principal::cli {

namespace {

constexpr milliseconds tick{100};
constexpr milliseconds cancel_time{10000}; // for a server to answer once it was asked to stop

volatile std::sig_atomic_t interrupted = 0;

// The first Ctrl-C asks the server to stop, the second one ends the program as usual. So does what
// timeouts and service managers send (timeout(1) twice), and a terminal that is closed: a server
// whose client has gone would finish the statement, and commit it.
class InterruptGuard {
  public:
    InterruptGuard() {
        interrupted = 0;
        for (std::size_t i = 0; i < signals.size(); ++i) {
            struct sigaction action = {};
            action.sa_handler = [](int) { interrupted = 1; };
            action.sa_flags = signals[i] == SIGINT ? static_cast<int>(SA_RESETHAND) : 0;
            sigaction(signals[i], &action, &previous_[i]);
            // a job in the background: Ctrl-C is not meant for it; nohup
            if (previous_[i].sa_handler == SIG_IGN)
                sigaction(signals[i], &previous_[i], nullptr);
        }
    }
    ~InterruptGuard() {
        for (std::size_t i = 0; i < signals.size(); ++i)
            sigaction(signals[i], &previous_[i], nullptr);
    }
    InterruptGuard(const InterruptGuard &) = delete;
    InterruptGuard &operator=(const InterruptGuard &) = delete;

  private:
    static constexpr std::array<int, 3> signals = {SIGINT, SIGTERM, SIGHUP};
    std::array<struct sigaction, 3> previous_ = {};
};

Failure cancelled() { return Failure("cancelled, nothing was written"); }

// What would be right, also where the server does not say or means a query of its user's; in whatever
// language it speaks.
std::string hint_of(const PGresult *result, std::string_view sqlstate, std::string_view message) {
    const auto names = [message](const char *word) { return message.find(word) != message.npos; };
    if ((sqlstate == "3F000" || sqlstate == "42883") && names("auth"))
        return "Is the extension in this database? CREATE EXTENSION pg_principal;";
    if (sqlstate == "22P02" && names("uuid"))
        return "Write an id as the lists print it: 01234567-89ab-cdef-0123-456789abcdef.";
    if (sqlstate == "22015" || (sqlstate == "22007" && names("interval")))
        return "Write an interval: 2h, 90 minutes, 3 days, 100 years.";
    if (sqlstate == "22008")
        return "Write a time in UTC that exists: 2026-11-01, 2026-11-01T12:00.";
    const std::string hint = db::field(result, PG_DIAG_MESSAGE_HINT);
    if (!hint.empty())
        return hint;
    if (sqlstate == "22P05")
        return "The database's encoding has no such letter; a database in UTF8 has them all.";
    if (sqlstate == "22023" && names("schedule")) // pg_cron's
        return "Write minute, hour, day, month, weekday as cron has them: '0 * * * *', "
               "'*/15 8-18 * * 1-5'.";
    if (sqlstate == "25006")
        return "A standby, or a server whose connections are read-only, takes no writes: connect "
               "to "
               "the primary (target_session_attrs=read-write).";
    const std::string_view schema = " auth"; // permission denied for schema auth
    if (sqlstate == "42501" && message.size() > schema.size() &&
        message.substr(message.size() - schema.size()) == schema)
        return "Everybody may use it as installed. As a superuser: GRANT USAGE ON SCHEMA auth TO "
               "PUBLIC, then pg_principal doctor.";
    if (sqlstate == "42501" && db::field(result, PG_DIAG_SOURCE_FUNCTION) == "aclcheck_error")
        return "Operators may. As a superuser: GRANT auth_operator TO the role that connects.";
    return {};
}

Failure failure_of(const PGresult *result) {
    const std::string sqlstate = db::field(result, PG_DIAG_SQLSTATE);
    if (interrupted && sqlstate == "57014")
        return cancelled();
    std::string message = db::field(result, PG_DIAG_MESSAGE_PRIMARY);
    if (message.empty()) // libpq's own words, when the connection broke
        message = std::string(trim_ascii(PQresultErrorMessage(result)));
    return Failure(message, db::field(result, PG_DIAG_MESSAGE_DETAIL),
                   hint_of(result, sqlstate, message));
}

// What a function says beside its result; other severities are for those who debug it.
void print_notice(void *err, const PGresult *result) {
    const std::string severity = db::field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (severity == "WARNING" || severity == "NOTICE")
        print_error(*static_cast<std::ostream *>(err),
                    (severity == "WARNING" ? "warning: " : "note: ") +
                        db::field(result, PG_DIAG_MESSAGE_PRIMARY),
                    db::field(result, PG_DIAG_MESSAGE_DETAIL),
                    db::field(result, PG_DIAG_MESSAGE_HINT));
}

db::Connection::Answer await(db::Connection &connection, Progress *progress) {
    const Clock::time_point start = Clock::now();
    Clock::time_point next_cancel = start, give_up = Clock::time_point::max();
    return connection.await([&](bool sending) {
        const Clock::time_point now = Clock::now();
        if (progress)
            progress->show(sending, std::chrono::duration<double>(now - start).count());
        if (interrupted && sending) // half a message: the server has nothing it could carry out
            throw cancelled();
        // Again and again: a request that meets the server between two steps is lost.
        if (interrupted && now >= next_cancel) {
            give_up = std::min(give_up, now + cancel_time);
            connection.cancel();
            next_cancel = now + milliseconds(500);
        }
        if (now >= give_up)
            throw Failure(
                "cancelled, but the server does not answer", {},
                "What was asked for may be done all the same: look before you repeat it.");
        return tick;
    });
}

void open(db::Connection &connection, const Session &session, const std::string &database) {
    try {
        connection.open(session.dsn, {{"application_name", "pg_principal"},
                                      {"client_encoding", "UTF8"},
                                      {"dbname", database}});
    } catch (const db::Unavailable &error) {
        const bool lacks_password =
            std::string_view(error.what()).find(" password") != std::string_view::npos;
        throw Failure(
            error.what(), {},
            lacks_password
                ? "A password comes from PGPASSWORD, a password file (~/.pgpass, PGPASSFILE) or "
                  "a service file; all else from --dsn or PGHOST, PGPORT, PGUSER, PGDATABASE."
                : "The connection comes from --dsn or from PGHOST, PGPORT, PGUSER, PGDATABASE.");
    }
    PQsetNoticeReceiver(connection.raw(), print_notice, &session.streams.err);
}

// What the functions are made for, whatever the database has for applications.
constexpr const char *begin_statement = "BEGIN ISOLATION LEVEL READ COMMITTED";

db::Result run(db::Connection &connection, const std::string &sql,
               const std::vector<db::Param> &params = {}, Progress *progress = nullptr) {
    const std::vector<const char *> values = db::values_of(params);
    const InterruptGuard guard;
    if (!PQsendQueryParams(connection.raw(), expanded(sql).c_str(), static_cast<int>(values.size()),
                           nullptr, values.data(), nullptr, nullptr, 0))
        throw Failure(std::string(trim_ascii(PQerrorMessage(connection.raw()))));
    db::Connection::Answer answer = await(connection, progress);
    if (!answer)
        throw Failure("the server gave no answer");
    const ExecStatusType status = PQresultStatus(answer.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        throw failure_of(answer.get());
    return db::Result(answer.release());
}

} // namespace

// The expressions are ours, never a user's.
std::string expanded(std::string sql) {
    constexpr std::pair<std::string_view, const char *> short_forms[] = {
        {"utc(", "pg_catalog.to_char(pg_catalog.timezone('UTC', {}), "
                 "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"},
        {" json(", " pg_catalog.to_json({})"}};
    for (const auto &[form, meaning] : short_forms)
        for (std::size_t at = sql.find(form); at != sql.npos; at = sql.find(form, at + 1)) {
            const std::size_t from = at + form.size(), end = sql.find(')', from);
            const std::string column = sql.substr(from, end - from);
            std::string whole = meaning;
            whole.replace(whole.find("{}"), 2, column);
            if (sql.compare(end, 5, ") AS ") != 0)
                whole += " AS " + column;
            sql.replace(at, end + 1 - at, whole);
        }
    return sql;
}

db::Result Session::ask(const std::string &sql, const std::vector<db::Param> &params,
                        const std::string &what, const std::string &database) const {
    db::Connection connection;
    open(connection, *this, database);
    Progress progress(streams.err, what);
    // no transaction without need: a limit for idle ones would count while much is being sent
    const bool is_alone =
        run(connection, "SHOW default_transaction_isolation").text(0, 0) == "read committed";
    if (!is_alone)
        run(connection, begin_statement);
    db::Result result =
        run(connection, sql, params, streams.progress && !what.empty() ? &progress : nullptr);
    if (!is_alone)
        run(connection, "COMMIT");
    return result;
}

void Session::ask_and_tell(const std::string &sql, const std::vector<db::Param> &params,
                           const std::function<void(const db::Result &)> &tell) const {
    db::Connection connection;
    open(connection, *this, {});
    run(connection, begin_statement);
    tell(run(connection, sql, params));
    streams.out.flush();
    if (!streams.out)
        throw Failure("could not write the result: nothing was made");
    try {
        run(connection, "COMMIT");
    } catch (const Failure &failure) {
        throw Failure(std::string("what was printed is worth nothing: ") + failure.what(),
                      failure.detail, failure.hint);
    }
}

Progress::~Progress() {
    if (!shown_.empty())
        err_ << "\r\033[K" << std::flush;
}

void Progress::show(bool sending, double seconds) {
    const std::string text = what_ + (sending ? ": sending, " : ": the server is at work, ") +
                             std::to_string(static_cast<long>(seconds)) + " s";
    if (seconds < 1 || text == shown_)
        return;
    err_ << "\r\033[K" << text << std::flush;
    shown_ = text;
}

} // namespace pg_principal::cli
