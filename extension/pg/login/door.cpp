#include "pg/login/door.hpp"

#include "core/base/error.hpp"
#include "core/json/writer.hpp"
#include "core/jose/jws.hpp"
#include "pg/login/verdict.hpp"
#include "pg/identity/verification.hpp"

// Port is laid out alike without it, and libkrb5's headers are not needed.
#undef ENABLE_GSS

extern "C" {
#include "access/xact.h"
#include "libpq/libpq-be.h"
#include "postmaster/bgworker.h"
#include "replication/walsender.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/wait_event.h"
}

#include <cstring>

namespace pg_principal::login {

namespace {

Admission *admitted = nullptr;
bool muted = false;
char last_refusal[64] = "";

constexpr int patience_ms = 10000;

[[noreturn]] void refuse(std::string_view reason) { refuse_token(reason); }

bool is_private(const Port *port) noexcept {
    return port->ssl_in_use || port->raddr.addr.ss_family == AF_UNIX;
}

// What needs no database, so that strangers cost the worker nothing.
void check_shape(std::string_view token) {
    if (token.size() > max_token_bytes)
        refuse("too long");
    CompactJws jws;
    if (const TokenFault fault = jws.parse(token); fault != TokenFault::none)
        refuse(describe(fault));
}

// Answered by the worker, or refused when that takes too long.
void wait_for_verdict() {
    const TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), patience_ms);
    for (;;) {
        const Slot slot = own_slot();
        if (slot.state == SlotState::admitted)
            return;
        if (slot.state != SlotState::asking)
            refuse(slot.reason);
        if (GetCurrentTimestamp() > deadline)
            refuse("no answer");
        guard([] {
            (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 100,
                            PG_WAIT_EXTENSION);
            ResetLatch(MyLatch);
            CHECK_FOR_INTERRUPTS();
        });
    }
}

void forget_at_exit(int, Datum) { forget_own_slot(); }

void judge(Door door, const char *user, std::string_view token) {
    if (!is_available() || MyProcPort == nullptr || !IsTransactionState() ||
        OidIsValid(MyDatabaseId))
        refuse("not preloaded");
    if (am_walsender)
        refuse("replication");
    if (!is_private(MyProcPort))
        refuse("no TLS");
    if (user == nullptr || std::strcmp(user, MyProcPort->user_name) != 0)
        refuse("another user");
    const RoleFacts role = find_role(user);
    if (!OidIsValid(role.oid))
        refuse("unknown role");
    if (role.too_powerful)
        refuse("role too powerful");
    check_shape(token);
    const Oid database = find_database(MyProcPort->database_name);
    if (!OidIsValid(database))
        refuse("unknown database");
    static bool registered = false;
    if (!registered) {
        guard([] { before_shmem_exit(forget_at_exit, 0); });
        registered = true;
    }
    ask_worker(door, database, role.oid, token);
}

} // namespace

void ask_worker(Door door, Oid database, Oid role, std::string_view token) {
    if (!ask(door, database, role, token))
        refuse("not preloaded");
    if (!ensure_worker(database))
        refuse("no worker");
    wait_for_verdict();
}

bool ensure_worker(Oid database) {
    int index = -1;
    switch (find_worker(database, index)) {
    case WorkerStatus::running:
        return true;
    case WorkerStatus::none_free:
        return false;
    case WorkerStatus::to_be_started:
        break;
    }
    const bool started = guard([index] {
        BackgroundWorker worker{};
        worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
        worker.bgw_start_time = BgWorkerStart_ConsistentState;
        worker.bgw_restart_time = 1;
        worker.bgw_main_arg = Int32GetDatum(index);
        strlcpy(worker.bgw_name, "pg_principal logins", BGW_MAXLEN);
        strlcpy(worker.bgw_type, "pg_principal logins", BGW_MAXLEN);
        strlcpy(worker.bgw_library_name, "pg_principal", sizeof worker.bgw_library_name);
        strlcpy(worker.bgw_function_name, "pg_principal_login_worker", BGW_MAXLEN);
        return RegisterDynamicBackgroundWorker(&worker, nullptr);
    });
    if (!started)
        worker_not_started(index);
    return started;
}

bool open_door(Door door, const char *user, const char *token) noexcept {
    const char *database = MyProcPort == nullptr ? "" : MyProcPort->database_name;
    end_admission();
    try {
        judge(door, user, token == nullptr ? std::string_view() : std::string_view(token));
        admitted = new Admission{door, token};
        return true;
    } catch (const Error &error) {
        report_refusal(door, user, database,
                       error.code() == Errc::token_refused ? std::string_view(error.detail())
                                                           : std::string_view(error.what()));
    } catch (const PgError &error) {
        report_refusal(door, user, database, "internal error");
    } catch (...) {
        report_refusal(door, user, database, "internal error");
    }
    forget_own_slot();
    return false;
}

const char *refusal() noexcept { return last_refusal; }

const Admission *admission() noexcept { return admitted; }

void end_admission() noexcept {
    if (admitted == nullptr)
        return;
    explicit_bzero(admitted->token.data(), admitted->token.size());
    delete admitted;
    admitted = nullptr;
}

bool is_muted() noexcept { return muted; }

void report_refusal(Door door, const char *role, const char *database,
                    std::string_view reason) noexcept {
    last_refusal[reason.copy(last_refusal, sizeof last_refusal - 1)] = '\0';
    muted = !count_refusal(reason);
    if (muted)
        return;
    try {
        std::string line;
        json::ObjectWriter writer(line);
        writer.text("event", "auth.login.refused");
        writer.text("door", name_of(door));
        writer.text("database", database == nullptr ? "" : database);
        writer.text("role", role == nullptr ? "" : role);
        writer.text("reason", reason);
        writer.number("pid", MyProcPid);
        writer.end();
        const char *text = line.c_str();
        guard(
            [text] { ereport(LOG_SERVER_ONLY, (errmsg_internal("%s", text), errhidestmt(true))); });
    } catch (...) { // no line is worth a failure
    }
}

} // namespace pg_principal::login

using namespace pg_principal;

// For pam_pg_principal.so, which finds them in the process it is loaded into.
extern "C" {
PG_PRINCIPAL_EXPORT int pg_principal_login(const char *user, const char *token);
int pg_principal_login(const char *user, const char *token) {
    return login::open_door(login::Door::pam, user, token) ? 1 : 0;
}
PG_PRINCIPAL_EXPORT int pg_principal_logged_in(void);
int pg_principal_logged_in(void) { return login::admission() != nullptr ? 1 : 0; }
}
