// What asking the database may throw. None of the texts may reach a client.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace pg_principal::db {

// The database cannot be asked now: 503 with Retry-After.
struct Unavailable : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// The connection broke under a statement. When it may have been carried out, only one that changes
// nothing can be said again.
struct Broken : Unavailable {
    Broken(const char *what, bool with_may_have_run)
        : Unavailable(what), may_have_run(with_may_have_run) {}
    bool may_have_run;
};

// The database takes no writes: a standby. Another connection may lead to its successor.
struct ReadOnly : Broken {
    ReadOnly() : Broken("the database takes no writes now", false) {}
};

// The database refused a statement: 503 when it took too long, otherwise 500. Handlers catch those
// they know a better answer to.
struct DbError : std::runtime_error {
    DbError(std::string with_sqlstate, const std::string &message, std::string with_detail = {},
            bool with_is_foreign = false)
        : std::runtime_error(message), sqlstate(std::move(with_sqlstate)),
          detail(std::move(with_detail)), is_foreign(with_is_foreign) {}
    std::string sqlstate, detail;
    // Raised inside a function or by an object that need not be ours: our own errors, and those of
    // constraints of our tables, name the schema auth.
    bool is_foreign;
};

} // namespace pg_principal::db
