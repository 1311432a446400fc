// One process for each database that tokens log in to: it judges the tokens of those who ask, and
// those of the connections again and again, and ends what has died. It exists while it is used.
#include "core/base/error.hpp"
#include "pg/bridge/bridge.hpp"
#include "pg/login/connections.hpp"
#include "pg/login/verdict.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "libpq/pqsignal.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/timeout.h"
#include "utils/wait_event.h"
}

namespace pg_principal::login {

namespace {

// How often connections are judged: what ends within a second of its cause must be seen by then.
constexpr int sweep_ms = 200;
// Without anybody to serve, so that the next login finds it.
constexpr int idle_ms = 30000;
// For how long connections outlive a database that cannot tell whether they may.
constexpr int blind_ms = 5000;

int place = -1;
bool is_connected = false;

void leave_at_exit(int, Datum) { detach_worker(place, !is_connected); }

struct Verdict {
    enum { alive, dead, unknown } outcome;
    std::string reason;
    Owner owner{}; // of the living
};

void in_transaction() {
    guard([] {
        SetCurrentStatementStartTimestamp();
        StartTransactionCommand();
    });
}

Verdict judge(const Case &asked) {
    in_transaction();
    Verdict verdict{Verdict::unknown, "internal error", {}};
    try {
        const Identity &identity =
            asked.door == Door::sql ? admit_bound(asked.token) : admit(asked.token, asked.role);
        verdict = {Verdict::alive, {}, owner_of(identity)};
    } catch (const Error &error) {
        if (error.code() == Errc::token_refused)
            verdict = {Verdict::dead, error.detail(), {}};
        else
            verdict = {Verdict::unknown, error.what(), {}};
    } catch (const PgError &error) {
        const char *known = reason_of(error.data()->sqlerrcode);
        verdict = *known == '\0' ? Verdict{Verdict::unknown, error.data()->message, {}}
                                 : Verdict{Verdict::dead, known, {}};
        guard([] { AbortCurrentTransaction(); });
        return verdict;
    }
    guard([] { CommitTransactionCommand(); });
    return verdict;
}

void serve_all(Case &at) {
    for (at.index = -1; next_case(MyDatabaseId, SlotState::asking, at.index, at);) {
        const Verdict verdict = judge(at);
        if (verdict.outcome == Verdict::alive)
            answer_admitted(at, verdict.owner);
        else
            answer_refused(at, verdict.outcome == Verdict::dead
                                   ? verdict.reason
                                   : "internal error: " + verdict.reason);
    }
}

// Whether every connection could be judged.
bool sweep(Case &at, bool blind_too_long) {
    bool sees = true;
    for (at.index = -1; next_case(MyDatabaseId, SlotState::watched, at.index, at);) {
        const Verdict verdict = judge(at);
        if (verdict.outcome == Verdict::dead)
            end_process(at, verdict.reason);
        else if (verdict.outcome == Verdict::unknown) {
            if (blind_too_long)
                end_process(at, "cannot be judged");
            sees = false;
        }
    }
    return sees;
}

// DROP DATABASE, ALTER DATABASE RENAME or SET TABLESPACE and CREATE DATABASE TEMPLATE lock the
// database against newcomers, then wait five seconds for everybody in it to leave.
bool is_database_wanted() {
    in_transaction();
    return guard([] {
        LOCKTAG database;
        SET_LOCKTAG_OBJECT(database, InvalidOid, DatabaseRelationId, MyDatabaseId, 0);
        const bool wanted =
            LockAcquire(&database, RowExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL;
        CommitTransactionCommand(); // and the lock is no longer ours
        return wanted;
    });
}

void serve() {
    Case at{};
    TimestampTz last_sweep = 0, last_used = GetCurrentTimestamp(), last_seen = last_used;
    for (;;) {
        guard([] {
            ResetLatch(MyLatch);
            CHECK_FOR_INTERRUPTS();
            if (ConfigReloadPending) {
                ConfigReloadPending = false;
                ProcessConfigFile(PGC_SIGHUP);
            }
        });
        serve_all(at);
        TimestampTz now = GetCurrentTimestamp();
        if (now - last_sweep >= sweep_ms * 1000 || now < last_sweep) {
            if (sweep(at, now - last_seen > blind_ms * 1000))
                last_seen = now;
            serve_all(at);
            last_sweep = now = GetCurrentTimestamp();
        }
        if (has_connections(MyDatabaseId))
            last_used = now;
        else if ((now - last_used > idle_ms * 1000 || is_database_wanted()) && retire_worker(place))
            return;
        const long wait =
            std::max<long>(1, sweep_ms - static_cast<long>((now - last_sweep) / 1000));
        guard([wait] {
            (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, wait,
                            PG_WAIT_EXTENSION);
        });
    }
}

} // namespace

} // namespace pg_principal::login

using namespace pg_principal;

extern "C" {
PG_PRINCIPAL_EXPORT void pg_principal_login_worker(Datum argument);
void pg_principal_login_worker(Datum argument) {
    login::place = DatumGetInt32(argument);
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    const Oid database = login::attach_worker(login::place);
    if (!OidIsValid(database)) // the database could not be entered: once is enough
        proc_exit(0);
    before_shmem_exit(login::leave_at_exit, 0);
    BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
    login::is_connected = true;
    const std::string lock_timeout = std::to_string(login::lock_wait_ms);
    SetConfigOption("lock_timeout", lock_timeout.c_str(), PGC_SUSET, PGC_S_OVERRIDE);
    SetConfigOption("statement_timeout", "0", PGC_SUSET, PGC_S_OVERRIDE);
    run_or_exit(login::serve);
    proc_exit(0);
}
}
