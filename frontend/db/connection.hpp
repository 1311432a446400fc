// One connection, one statement at a time, always with parameters; Ctrl-C cancels the statement.
#pragma once

#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include <libpq-fe.h>

#include "base/failure.hpp"

namespace pg_principal::db {

// What the server said; its fields go to the user as they are.
struct ServerError : Failure {
    ServerError(const std::string &message, std::string with_detail, std::string with_hint,
                std::string state)
        : Failure(message, std::move(with_detail), std::move(with_hint)),
          sqlstate(std::move(state)) {}
    std::string sqlstate;
};

using Param = std::optional<std::string>;

class Rows {
  public:
    explicit Rows(PGresult *result) : result_(result, PQclear) {}
    int size() const { return PQntuples(result_.get()); }
    // Nothing is SQL's NULL.
    std::optional<std::string> get(int row, int column) const;
    // "" for NULL
    std::string text(int row, int column) const { return get(row, column).value_or(""); }

  private:
    std::unique_ptr<PGresult, decltype(&PQclear)> result_;
};

// Sees a statement on its way; `total` is what there is to send.
class Observer {
  public:
    virtual ~Observer() = default;
    virtual void sending(int socket, std::size_t total) = 0;
    virtual void waiting(double seconds) = 0;
};

class Database {
  public:
    // An empty dsn means libpq's environment. The server's warnings go to `err`.
    Database(const std::string &dsn, std::ostream &err);
    Rows run(const std::string &sql, const std::vector<Param> &params = {},
             Observer *observer = nullptr);

  private:
    void flush(std::size_t total, Observer *observer);
    void await_answer(Observer *observer);
    PGresult *decisive_result();
    std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

// Refuses a dsn that libpq cannot read, or that holds a password: a process list shows arguments.
void check_dsn(const std::string &dsn);

} // namespace pg_principal::db
