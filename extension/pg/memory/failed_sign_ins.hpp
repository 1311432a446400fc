// Wrong passwords are counted in auth.sign_in_attempts, and a rollback takes that back. So what a
// transaction counted is noted here when it, or a savepoint in it, is rolled back: in shared
// memory, which no rollback reaches. Needs pg_principal in shared_preload_libraries; without it
// nothing is noted. A restart of the server forgets.
#pragma once

#include "pg/bridge/pg.hpp"

extern "C" {
#include "utils/timestamp.h"
#include "utils/uuid.h"
}

#include <string_view>

namespace pg_principal {

// Called while the library is preloaded.
void request_guesses_memory();
// Called once when the library is loaded.
void watch_guesses();

// Whose password was guessed and where it is counted: auth.sign_in_attempts' key.
struct GuessKey {
    Oid database;
    pg_uuid_t target;
    uint32 source;
};
GuessKey guess_key(const pg_uuid_t &target, std::string_view source) noexcept;

// This transaction has counted a wrong password. May throw std::bad_alloc.
void note_guess(const GuessKey &key, TimestampTz now);

struct GuessesTakenBack {
    int count;
    TimestampTz last_at;
};
// Those of the last day; a count of 0 when there are none.
GuessesTakenBack guesses_taken_back(const GuessKey &key, TimestampTz now) noexcept;

void forget_guesses(const GuessKey &key) noexcept;
// From all sources.
void forget_guesses(const pg_uuid_t &target) noexcept;

} // namespace pg_principal
