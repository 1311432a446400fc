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
void request_failed_sign_ins_memory();
// Called once when the library is loaded.
void watch_failed_sign_ins();

// Whose sign-in failed and where that is counted: auth.sign_in_attempts' key.
struct FailureKey {
    Oid database;
    pg_uuid_t target;
    uint32 source;
};
FailureKey failure_key(const pg_uuid_t &target, std::string_view source) noexcept;

// This transaction has counted a wrong password. May throw std::bad_alloc.
void note_failure(const FailureKey &key, TimestampTz now);

struct FailuresTakenBack {
    int count;
    TimestampTz last_at;
};
// Those of the last day; a count of 0 when there are none.
FailuresTakenBack failures_taken_back(const FailureKey &key, TimestampTz now) noexcept;

void forget_failures(const FailureKey &key) noexcept;
// From all sources.
void forget_failures(const pg_uuid_t &target) noexcept;

} // namespace pg_principal
