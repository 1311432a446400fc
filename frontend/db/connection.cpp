#include "db/connection.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>

#include <poll.h>

#include "base/failure.hpp"
#include "core/base/text.hpp"

namespace pg_principal::db {

std::string_view Result::text(int row, int column) const {
    return {PQgetvalue(result_.get(), row, column),
            static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

std::optional<std::string_view> Result::maybe(int row, int column) const {
    return is_null(row, column) ? std::nullopt : std::optional(text(row, column));
}

std::int64_t Result::integer(int row, int column) const {
    const std::string_view value = text(row, column);
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc() || end != value.data() + value.size())
        throw std::runtime_error("the database did not return a whole number");
    return number;
}

bool Result::boolean(int row, int column) const { return text(row, column) == "t"; }

bool Result::is_json(int column) const {
    constexpr Oid types[] = {20, 21, 23, 114, 3802}; // whole numbers, json, jsonb; never changed
    const Oid type = PQftype(result_.get(), column);
    return std::find(std::begin(types), std::end(types), type) != std::end(types);
}

int Result::find(std::string_view wanted) const {
    int column = columns();
    while (--column >= 0 && name(column) != wanted)
        ;
    return column;
}

int Result::column(std::string_view wanted) const {
    const int column = find(wanted);
    if (column < 0)
        throw std::logic_error("the statement has no such column");
    return column;
}

void Connection::open(const std::string &dsn, std::initializer_list<Setting> settings) {
    close();
    std::vector<const char *> keywords, values;
    const auto add = [&](const char *keyword, const std::string &value) {
        if (value.empty())
            return;
        keywords.push_back(keyword);
        values.push_back(value.c_str());
    };
    add("dbname", dsn);
    for (const Setting &setting : settings)
        add(setting.keyword, setting.value);
    keywords.push_back(nullptr);
    values.push_back(nullptr);
    connection_.reset(PQconnectdbParams(keywords.data(), values.data(), 1));
    if (!raw() || PQstatus(raw()) != CONNECTION_OK) {
        const std::string why(raw() ? trim_ascii(PQerrorMessage(raw())) : "out of memory");
        close();
        throw Unavailable(why);
    }
    PQsetnonblocking(raw(), 1);
    canceller_.reset(PQgetCancel(raw()));
    whole_ = true;
}

void Connection::close() noexcept {
    canceller_.reset();
    connection_.reset();
}

void Connection::cancel() const noexcept {
    char reason[256];
    if (canceller_)
        PQcancel(canceller_.get(), reason, sizeof reason);
}

// False when the connection broke.
bool Connection::wait(bool sending, milliseconds time) {
    pollfd poller = {PQsocket(raw()), static_cast<short>(sending ? POLLIN | POLLOUT : POLLIN), 0};
    const int ready = poll(&poller, 1, static_cast<int>(time.count()));
    if (ready < 0)
        return errno == EINTR;
    return !(poller.revents & ~POLLOUT) || PQconsumeInput(raw()) == 1;
}

Connection::Answer Connection::await(const Patience &patience) {
    Answer kept;
    whole_ = false;
    for (bool there = true; there && !whole_;) {
        for (int unsent = PQflush(raw()); there && (unsent != 0 || PQisBusy(raw()));
             unsent = PQflush(raw()))
            there = unsent >= 0 && wait(unsent > 0, patience(unsent > 0));
        Answer next(PQgetResult(raw())); // of a lost connection: what came before its end
        whole_ = !next;
        if (next && (!kept || PQresultStatus(kept.get()) != PGRES_FATAL_ERROR))
            kept = std::move(next);
    }
    return kept;
}

std::vector<const char *> values_of(const std::vector<Param> &params) {
    std::vector<const char *> values;
    values.reserve(params.size());
    for (const Param &param : params) {
        if (param && param->find('\0') != param->npos)
            throw DbError("22021", "a parameter contains a NUL byte");
        values.push_back(param ? param->c_str() : nullptr);
    }
    return values;
}

std::string array_param(const std::vector<std::string> &items) {
    std::string out = "{";
    for (const std::string &item : items) {
        out += out.size() > 1 ? ",\"" : "\"";
        for (const char c : item) {
            if (c == '"' || c == '\\')
                out += '\\';
            out += c;
        }
        out += '"';
    }
    return out += '}';
}

std::string field(const PGresult *result, int code) {
    const char *value = PQresultErrorField(result, code);
    return value ? value : "";
}

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

} // namespace pg_principal::db
