#include "db/connection.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <poll.h>

#include "base/clock.hpp"
#include "base/terminal.hpp"
#include "core/base/text.hpp"

namespace pg_principal::db {

namespace {

constexpr int tick_milliseconds = 100;

volatile std::sig_atomic_t interrupted = 0;

// The first Ctrl-C asks the server to stop, the second one ends the program as usual.
class InterruptGuard {
  public:
    InterruptGuard() {
        interrupted = 0;
        struct sigaction action = {};
        action.sa_handler = [](int) { interrupted = 1; };
        action.sa_flags = static_cast<int>(SA_RESETHAND);
        sigaction(SIGINT, &action, &previous_);
        if (previous_.sa_handler == SIG_IGN) // a job in the background: Ctrl-C is not meant for it
            sigaction(SIGINT, &previous_, nullptr);
    }
    ~InterruptGuard() { sigaction(SIGINT, &previous_, nullptr); }
    InterruptGuard(const InterruptGuard &) = delete;
    InterruptGuard &operator=(const InterruptGuard &) = delete;

  private:
    struct sigaction previous_ = {};
};

void wait_for(int socket, short events) {
    pollfd poller = {socket, events, 0};
    if (poll(&poller, 1, tick_milliseconds) < 0 && errno != EINTR)
        throw Failure(std::string("could not wait for the server: ") + std::strerror(errno));
}

void cancel(PGconn *connection) {
    const std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> handle(PQgetCancel(connection),
                                                                    PQfreeCancel);
    char reason[256];
    if (handle) // a failure leaves the statement running, and the next tick tries again
        PQcancel(handle.get(), reason, sizeof reason);
}

std::string field(const PGresult *result, int code) {
    const char *value = PQresultErrorField(result, code);
    return value ? value : "";
}

[[noreturn]] void throw_server_error(const PGresult *result) {
    const std::string sqlstate = field(result, PG_DIAG_SQLSTATE);
    std::string message = field(result, PG_DIAG_MESSAGE_PRIMARY);
    if (message.empty()) // libpq's own words, when the connection broke
        message = std::string(trim_ascii(PQresultErrorMessage(result)));
    std::string hint = field(result, PG_DIAG_MESSAGE_HINT);
    const bool missing = sqlstate == "3F000" || sqlstate == "42883";
    if (missing)
        hint = "Is the extension in this database? CREATE EXTENSION pg_principal;";
    throw ServerError(message, field(result, PG_DIAG_MESSAGE_DETAIL), hint, sqlstate);
}

void print_warning(void *err, const PGresult *result) {
    if (field(result, PG_DIAG_SEVERITY_NONLOCALIZED) == "WARNING")
        print_error(*static_cast<std::ostream *>(err),
                    "warning: " + field(result, PG_DIAG_MESSAGE_PRIMARY),
                    field(result, PG_DIAG_MESSAGE_DETAIL), field(result, PG_DIAG_MESSAGE_HINT));
}

} // namespace

void check_dsn(const std::string &dsn) {
    char *reason = nullptr;
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
        PQconninfoParse(dsn.c_str(), &reason), PQconninfoFree);
    PQfreemem(reason); // it may quote the dsn, hence a password
    if (!options)
        throw UsageError("--dsn is not a connection string libpq can read",
                         "Write key=value pairs or postgresql://host/database.");
    for (const PQconninfoOption *option = options.get(); option->keyword; ++option)
        if (option->val && std::string_view(option->dispchar) == "*")
            throw UsageError("a password does not belong on the command line",
                             "Use PGPASSWORD, a password file (PGPASSFILE) or a service file.");
}

std::optional<std::string> Rows::get(int row, int column) const {
    if (PQgetisnull(result_.get(), row, column))
        return std::nullopt;
    return std::string(PQgetvalue(result_.get(), row, column),
                       static_cast<std::size_t>(PQgetlength(result_.get(), row, column)));
}

Database::Database(const std::string &dsn, std::ostream &err) : connection_(nullptr, PQfinish) {
    const char *const keywords[] = {"dbname", "application_name", "client_encoding", nullptr};
    const char *const values[] = {dsn.c_str(), "pg_principal", "UTF8", nullptr};
    const int skip = dsn.empty() ? 1 : 0;
    connection_.reset(PQconnectdbParams(keywords + skip, values + skip, 1));
    if (!connection_)
        throw Failure("out of memory");
    if (PQstatus(connection_.get()) != CONNECTION_OK)
        throw Failure(
            std::string(trim_ascii(PQerrorMessage(connection_.get()))), {},
            "The connection comes from --dsn or from PGHOST, PGPORT, PGUSER, PGDATABASE.");
    PQsetNoticeReceiver(connection_.get(), print_warning, &err);
}

Rows Database::run(const std::string &sql, const std::vector<Param> &params, Observer *observer) {
    std::vector<const char *> values;
    std::size_t total = sql.size();
    for (const Param &param : params) {
        values.push_back(param ? param->c_str() : nullptr);
        total += param ? param->size() : 0;
    }
    const InterruptGuard guard;
    PGconn *connection = connection_.get();
    if (PQsetnonblocking(connection, 1) != 0 ||
        !PQsendQueryParams(connection, sql.c_str(), static_cast<int>(values.size()), nullptr,
                           values.data(), nullptr, nullptr, 0))
        throw Failure(std::string(trim_ascii(PQerrorMessage(connection))));
    flush(total, observer);
    await_answer(observer);
    PGresult *result = decisive_result();
    Rows rows(result);
    const ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return rows;
    if (interrupted && field(result, PG_DIAG_SQLSTATE) == "57014")
        throw Failure("cancelled, nothing was written");
    throw_server_error(result);
}

void Database::flush(std::size_t total, Observer *observer) {
    PGconn *connection = connection_.get();
    while (true) {
        const int left = PQflush(connection);
        if (left < 0)
            throw Failure(std::string(trim_ascii(PQerrorMessage(connection))));
        if (left == 0)
            return;
        if (observer)
            observer->sending(PQsocket(connection), total);
        if (interrupted) {
            connection_.reset(); // half a message: the server has nothing it could carry out
            throw Failure("cancelled, nothing was written");
        }
        wait_for(PQsocket(connection), POLLIN | POLLOUT);
        if (!PQconsumeInput(connection))
            throw Failure(std::string(trim_ascii(PQerrorMessage(connection))));
    }
}

void Database::await_answer(Observer *observer) {
    PGconn *connection = connection_.get();
    const Clock::time_point start = Clock::now();
    Clock::time_point next_cancel = start;
    while (PQisBusy(connection)) {
        const Clock::time_point now = Clock::now();
        if (observer)
            observer->waiting(std::chrono::duration<double>(now - start).count());
        // Again and again: a request that meets the server between two steps is lost.
        if (interrupted && now >= next_cancel) {
            cancel(connection);
            next_cancel = now + std::chrono::milliseconds(500);
        }
        wait_for(PQsocket(connection), POLLIN);
        if (!PQconsumeInput(connection))
            return; // the result says why
    }
}

// The first error says why, even if the connection breaks after it; without one, the last result
// counts.
PGresult *Database::decisive_result() {
    PGresult *kept = nullptr;
    while (PGresult *next = PQgetResult(connection_.get())) {
        if (kept && PQresultStatus(kept) == PGRES_FATAL_ERROR) {
            PQclear(next);
            continue;
        }
        PQclear(kept);
        kept = next;
    }
    if (!kept)
        throw Failure("the server gave no answer");
    return kept;
}

} // namespace pg_principal::db
