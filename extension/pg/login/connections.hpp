// Who is connected by a token, in shared memory: one slot for each process that the server may
// have, the workers that judge tokens, and what was refused. Exists only where pg_principal is in
// shared_preload_libraries; without it there is no login.
#pragma once

#include "pg/bridge/bridge.hpp"

extern "C" {
#include "utils/timestamp.h"
#include "utils/uuid.h"
}

#include <cstdint>
#include <string>
#include <string_view>

struct PGPROC;

namespace pg_principal::login {

constexpr std::size_t max_token_bytes = 16384; // as CompactJws

enum class Door : int { pam, oauth, sql };
const char *name_of(Door door) noexcept;

enum class SlotState : int {
    unused,
    asking,   // a process that authenticates waits for its worker
    refused,  // the answer, with the reason
    admitted, // the answer; the session has not begun yet
    watched   // the connection ends with its token
};

// Whose a token is.
struct Owner {
    bool has_session;
    pg_uuid_t session_id, uid;
    TimestampTz expires_at; // without the skew of clocks
    char email[256];        // empty: too long
};

// One process. Its token is apart.
struct Slot {
    int pid;
    SlotState state;
    Door door;
    Oid database, role;
    std::uint32_t generation; // counts what was asked and watched here
    std::uint32_t token_bytes;
    bool ending;
    Owner owner; // once the token is admitted
    TimestampTz since;
    char reason[64]; // of the refusal or of the end
};

// What a worker works on, copied out of shared memory.
struct Case {
    int index;
    std::uint32_t generation;
    SlotState state;
    Door door;
    Oid role;
    std::string token;
};

void request_memory();
void request_refusal_memory();
bool is_available() noexcept;

// The slot of this process: written by itself and, for answers, by the worker of its database.
// ask() begins a login: false without a slot.
bool ask(Door door, Oid database, Oid role, std::string_view token) noexcept;
// Copied under the lock.
Slot own_slot() noexcept;
// The token of this process is watched from now on: the one that was admitted last, or another.
void watch_admitted() noexcept;
void watch(Door door, Oid role, std::string_view token, const Owner &owner) noexcept;
void forget_own_slot() noexcept;
// The reason why the worker ends this process; empty while it does not.
const char *own_end() noexcept;

// For the worker of a database.
bool next_case(Oid database, SlotState state, int after, Case &out);
void answer_admitted(const Case &asked, const Owner &owner) noexcept;
void answer_refused(const Case &asked, std::string_view reason) noexcept;
// Ends the process if it still is the one that was judged.
void end_process(const Case &judged, std::string_view reason) noexcept;
bool has_connections(Oid database) noexcept;

// Of one database, for auth.connections: the n-th slot at or after `index` that is watched, or
// false.
bool next_connection(Oid database, int &index, Slot &out) noexcept;
// The reason when somebody ends a connection whose token lives on.
constexpr const char *ended_by_request = "ended";
// False when no such process is connected by a token here.
bool end_connection(Oid database, int pid, std::string_view reason) noexcept;

// The workers. claim: what a process that wants one has to do.
enum class WorkerStatus { running, to_be_started, none_free };
WorkerStatus find_worker(Oid database, int &index) noexcept;
void worker_not_started(int index) noexcept;
void wake_worker(Oid database) noexcept;
// For the worker itself: InvalidOid when it is not wanted any more.
Oid attach_worker(int index) noexcept;
void detach_worker(int index, bool for_good) noexcept;
// Gives the place up unless somebody asks or is connected.
bool retire_worker(int index) noexcept;

// Counters by reason, since the server started. False: as many were logged lately as are worth
// a line each.
bool count_refusal(std::string_view reason) noexcept;
struct Counter {
    char reason[48];
    std::int64_t count;
};
int read_counters(Counter *out, int size) noexcept;
constexpr int max_counters = 40;

} // namespace pg_principal::login
