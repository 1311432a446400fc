// One connection of the pool and what was prepared on it.
#pragma once

#include <cstdint>

#include "db/pool.hpp"

namespace pg_principal::db {

struct Pool::Member {
    enum class State { closed, opening, idle, leased };

    // Throws Unavailable; its text is for the operator.
    void open(const PoolOptions &options);
    Result run(const PoolOptions &options, const Statement &statement,
               const std::vector<Param> &params);
    // False when the server has ended it, which an idle connection learns by reading.
    bool alive() const;
    // Nothing is left open that the next user would find.
    bool is_clean() const { return PQtransactionStatus(connection.raw()) == PQTRANS_IDLE; }

    State state = State::closed;
    bool broken = false;
    bool pooled = false; // by somebody in between
    Clock::time_point used;
    milliseconds answer_time{0}; // until there must be one
    Connection connection;
    std::unordered_set<const Statement *> prepared;
    std::uint64_t names = 0; // a name is never given twice

  private:
    using Answer = Connection::Answer;
    Answer execute(const PoolOptions &options, const Statement &statement,
                   const std::vector<const char *> &values);
    Answer await();
    void prepare(const Statement &statement);
    [[noreturn]] void lose(const char *what, bool may_have_run);
    [[noreturn]] void throw_error(const PGresult *result);
    std::string name_of(const Statement &statement) const;
};

} // namespace pg_principal::db
