// libpq, wrapped once: one connection, one statement at a time, always with parameters.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <libpq-fe.h>

#include "base/clock.hpp"
#include "db/errors.hpp"

namespace pg_principal::db {

using Param = std::optional<std::string>; // nothing is NULL

class Result {
  public:
    explicit Result(PGresult *result) : result_(result, PQclear) {}
    int rows() const { return PQntuples(result_.get()); }
    bool is_null(int row, int column) const { return PQgetisnull(result_.get(), row, column); }
    // As long as the result lives; "" for NULL.
    std::string_view text(int row, int column) const;
    std::optional<std::string_view> maybe(int row, int column) const;
    std::int64_t integer(int row, int column) const; // throws std::runtime_error when it is none
    bool boolean(int row, int column) const;         // false for NULL
    bool is_json(int column) const;                  // its texts are JSON: by its type
    int columns() const { return PQnfields(result_.get()); }
    std::string_view name(int column) const { return PQfname(result_.get(), column); }
    int find(std::string_view name) const;   // -1 when there is no such column
    int column(std::string_view name) const; // throws std::logic_error then
    std::string_view text(std::string_view name) const { return text(0, column(name)); }

  private:
    std::unique_ptr<PGresult, decltype(&PQclear)> result_;
};

class Connection {
  public:
    struct Setting {
        const char *keyword;
        std::string value; // "" leaves it to the dsn and the environment
    };
    struct Clear {
        void operator()(PGresult *result) const { PQclear(result); }
    };
    using Answer = std::unique_ptr<PGresult, Clear>;
    // How long to wait at most before it is asked again, while the statement is on its way or the
    // answer is. May throw.
    using Patience = std::function<milliseconds(bool sending)>;

    // The settings win over the dsn's. Throws Unavailable in libpq's words.
    void open(const std::string &dsn, std::initializer_list<Setting> settings);
    void close() noexcept;
    PGconn *raw() const { return connection_.get(); }
    // Whether a statement more can be sent; false also when an answer broke off.
    bool is_good() const { return whole_ && raw() && PQstatus(raw()) == CONNECTION_OK; }
    // Asks the server to end the statement. A failure leaves it running.
    void cancel() const noexcept;
    // The answer to what was sent: its first error, or its last result; none when the connection
    // was lost before there was one.
    Answer await(const Patience &patience);

  private:
    bool wait(bool sending, milliseconds time);

    std::unique_ptr<PGconn, decltype(&PQfinish)> connection_{nullptr, PQfinish};
    std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> canceller_{nullptr, PQfreeCancel};
    bool whole_ = true;
};

// As libpq takes them. Throws DbError for a NUL, where it would cut them.
std::vector<const char *> values_of(const std::vector<Param> &params);

// {"a","b"}: a parameter's value, never part of a statement.
std::string array_param(const std::vector<std::string> &items);

// A field of an error, "" when it has none.
std::string field(const PGresult *result, int code);

// Refuses a dsn that libpq cannot read, or that holds a password: a process list shows arguments.
void check_dsn(const std::string &dsn);

} // namespace pg_principal::db
