#include "db/pool_member.hpp"

#include <cstdlib>

#include <poll.h>

namespace pg_principal::db {

namespace {

// What the user chose for an option: in the DSN, or in the environment.
std::string chosen(const std::string &dsn, const char *keyword, const char *variable) {
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
        PQconninfoParse(dsn.c_str(), nullptr), PQconninfoFree);
    for (const PQconninfoOption *option = options.get(); option && option->keyword; ++option)
        if (std::string_view(option->keyword) == keyword && option->val)
            return option->val;
    const char *value = std::getenv(variable);
    return value ? value : "";
}

// Of a standby, or of one that became it: the next connection may lead elsewhere.
constexpr std::string_view read_only = "25006";

// The connection is of no further use: shutdowns, crashes.
bool ends_connection(std::string_view sqlstate) {
    return sqlstate.substr(0, 2) == "08" || sqlstate == "57P01" || sqlstate == "57P02" ||
           sqlstate == "57P03" || sqlstate == "57P05";
}

// The statement was not begun: what it was prepared as is gone or of another shape.
bool is_stale(const PGresult *result) {
    return field(result, PG_DIAG_SQLSTATE) == "26000" ||
           field(result, PG_DIAG_SOURCE_FUNCTION) == "RevalidateCachedQuery";
}

} // namespace

void Pool::Member::open(const PoolOptions &options) {
    prepared.clear();
    std::string startup = chosen(options.dsn, "options", "PGOPTIONS");
    startup += " -c statement_timeout=" + std::to_string(options.statement_time.count());
    // Our functions are made for it: in another, whoever asks beside somebody else loses (40001),
    // and each try counts a wrong password again.
    startup += " -c default_transaction_isolation=read\\ committed";
    std::string patience = chosen(options.dsn, "connect_timeout", "PGCONNECT_TIMEOUT");
    if (patience.empty())
        patience = std::to_string((options.connect_time.count() + 999) / 1000);
    // Later ones win over those in the DSN; a pooler in front refuses startup options.
    connection.open(options.dsn, {{"fallback_application_name", "pg_principal serve"},
                                  {"client_encoding", "UTF8"},
                                  {"connect_timeout", patience},
                                  {"options", options.transaction_pooler ? "" : startup}});
    // Notices are dropped; one that announces a shutdown means that no answer will come.
    PQsetNoticeReceiver(
        connection.raw(),
        [](void *member, const PGresult *notice) {
            if (ends_connection(field(notice, PG_DIAG_SQLSTATE)))
                static_cast<Member *>(member)->broken = true;
        },
        this);
    broken = false;
    pooled = options.transaction_pooler;
}

// Something to read may be a notice, or the announcement of a shutdown.
bool Pool::Member::alive() const {
    PGconn *const raw = connection.raw();
    for (int look = 0; look < 3 && raw && PQstatus(raw) == CONNECTION_OK; ++look) {
        pollfd poller = {PQsocket(raw), POLLIN, 0};
        if (poll(&poller, 1, 0) == 0)
            return !broken;
        if (PQconsumeInput(raw) != 1)
            return false;
        PQisBusy(raw); // takes in what was read
    }
    return false;
}

void Pool::Member::lose(const char *what, bool may_have_run) {
    broken = true;
    throw Broken(what, may_have_run);
}

std::string Pool::Member::name_of(const Statement &statement) const {
    return "s" + std::to_string(names) + '_' +
           std::to_string(reinterpret_cast<std::uintptr_t>(&statement));
}

Result Pool::Member::run(const PoolOptions &options, const Statement &statement,
                         const std::vector<Param> &params) {
    const std::vector<const char *> values = values_of(params);
    Answer answer = execute(options, statement, values);
    if (PQresultStatus(answer.get()) == PGRES_FATAL_ERROR && !options.transaction_pooler &&
        is_stale(answer.get())) {
        prepared.clear();
        ++names;
        answer = execute(options, statement, values);
    }
    const ExecStatusType status = PQresultStatus(answer.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        throw_error(answer.get());
    return Result(answer.release());
}

Pool::Member::Answer Pool::Member::execute(const PoolOptions &options, const Statement &statement,
                                           const std::vector<const char *> &values) {
    const int count = static_cast<int>(values.size());
    int sent = 0;
    if (options.transaction_pooler) {
        sent = PQsendQueryParams(connection.raw(), statement.sql.c_str(), count, nullptr,
                                 values.data(), nullptr, nullptr, 0);
    } else {
        if (prepared.count(&statement) == 0)
            prepare(statement);
        sent = PQsendQueryPrepared(connection.raw(), name_of(statement).c_str(), count,
                                   values.data(), nullptr, nullptr, 0);
    }
    if (!sent)
        lose("the connection broke", false);
    return await();
}

void Pool::Member::prepare(const Statement &statement) {
    if (!PQsendPrepare(connection.raw(), name_of(statement).c_str(), statement.sql.c_str(), 0,
                       nullptr))
        lose("the connection broke", false);
    Answer answer;
    try {
        answer = await();
    } catch (const Broken &loss) {
        lose(loss.what(), false);
    }
    if (PQresultStatus(answer.get()) != PGRES_COMMAND_OK)
        throw_error(answer.get());
    prepared.insert(&statement);
}

// The one result of a statement; the connection is ready for the next then.
Pool::Member::Answer Pool::Member::await() {
    const Clock::time_point until = Clock::now() + answer_time;
    Answer answer = connection.await([&](bool) {
        const auto left = std::chrono::duration_cast<milliseconds>(until - Clock::now());
        if (left.count() > 0)
            return left;
        if (pooled) // nobody else ends the statement: it came without a time limit
            connection.cancel();
        broken = true;
        throw DbError("57014", "the database does not answer");
    });
    if (answer && connection.is_good())
        return answer;
    if (answer && PQresultErrorField(answer.get(), PG_DIAG_SQLSTATE))
        throw_error(answer.get());
    lose("the connection broke", true);
}

void Pool::Member::throw_error(const PGresult *result) {
    const std::string sqlstate = field(result, PG_DIAG_SQLSTATE);
    if (sqlstate == read_only) {
        broken = true;
        throw ReadOnly();
    }
    if (!connection.is_good() || sqlstate.empty() || ends_connection(sqlstate))
        // The announcement of a shutdown instead of the result: the statement was rolled back. An
        // error of a pooler (08...) does not tell.
        lose("the database ended the connection",
             sqlstate.empty() || sqlstate.substr(0, 2) == "08");
    const std::string schema = field(result, PG_DIAG_SCHEMA_NAME);
    throw DbError(sqlstate, field(result, PG_DIAG_MESSAGE_PRIMARY),
                  field(result, PG_DIAG_MESSAGE_DETAIL),
                  schema != "auth" && !(schema.empty() && field(result, PG_DIAG_CONTEXT).empty()));
}

} // namespace pg_principal::db
