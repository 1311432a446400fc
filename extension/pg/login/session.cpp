#include "pg/login/session.hpp"

#include "core/base/error.hpp"
#include "core/json/writer.hpp"
#include "pg/login/door.hpp"
#include "pg/login/verdict.hpp"
#include "pg/identity/verification.hpp"
#include "pg/settings.hpp"
#include "pg/bridge/time.hpp"
#include "pg/bridge/uuid.hpp"

#undef ENABLE_GSS

extern "C" {
#include "access/parallel.h"
#include "access/xact.h"
#include "libpq/libpq-be.h"
#include "storage/ipc.h"
}

#include <cstring>

namespace pg_principal::login {

namespace {

emit_log_hook_type next_log_hook = nullptr;
bool has_noted_token = false;

// One line, for the log alone: who the lines with this process's number are of.
void log_session(const char *event, const Slot &slot, std::string_view reason) {
    std::string line;
    json::ObjectWriter writer(line);
    writer.text("event", event);
    writer.text("door", name_of(slot.door));
    writer.text("database", MyProcPort == nullptr ? "" : MyProcPort->database_name);
    writer.text("role", MyProcPort == nullptr ? "" : MyProcPort->user_name);
    writer.text("userId", uuid_text(UUIDPGetDatum(&slot.owner.uid)));
    if (slot.owner.has_session)
        writer.text("sessionId", uuid_text(UUIDPGetDatum(&slot.owner.session_id)));
    else
        writer.null("sessionId");
    writer.number("pid", MyProcPid);
    if (!reason.empty())
        writer.text("reason", reason);
    writer.end();
    const char *text = line.c_str();
    guard([text] { ereport(LOG_SERVER_ONLY, (errmsg_internal("%s", text), errhidestmt(true))); });
}

void log_at_exit(int, Datum) {
    try {
        const Slot slot = own_slot();
        if (slot.state == SlotState::watched && slot.pid == MyProcPid && slot.door != Door::sql)
            log_session("auth.logout", slot, slot.ending ? slot.reason : "");
    } catch (...) { // the process ends, whatever its log says
    }
}

// The worker judges this time, too: what it reads for that stays with it, and costs neither this
// process memory nor its client time.
void begin(const Admission &in) {
    ask_worker(in.door, MyDatabaseId, GetSessionUserId(), in.token);
    watch_admitted();
    settings::bind_login(in.token.c_str());
    guard([] { before_shmem_exit(log_at_exit, 0); });
    log_session("auth.login", own_slot(), {});
}

// False: refused, and reported.
bool begins() noexcept {
    const Admission &in = *admission();
    std::string_view reason = "internal error";
    char kept[64];
    try {
        begin(in);
        end_admission();
        return true;
    } catch (const Error &error) {
        if (error.code() == Errc::token_refused) {
            strlcpy(kept, error.detail().c_str(), sizeof kept);
            reason = kept;
        }
    } catch (...) {
    }
    report_refusal(in.door, MyProcPort->user_name, MyProcPort->database_name, reason);
    return false;
}

// The transaction in which the server starts a session is the one in which it authenticates: what
// the door has let in can run nothing before this, and an error here ends the process.
void on_transaction(XactEvent event, void *) {
    if (event != XACT_EVENT_PRE_COMMIT || admission() == nullptr || begins())
        return;
    // as the server says it of any other password
    ereport(
        FATAL,
        (errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
         admission()->door == Door::oauth
             ? errmsg("OAuth bearer authentication failed for user \"%s\"", MyProcPort->user_name)
             : errmsg("PAM authentication failed for user \"%s\"", MyProcPort->user_name)));
}

// The server has one text for everybody who is ended from outside; whoever is ended with their
// token is told so.
void on_log(ErrorData *error) {
    if (next_log_hook != nullptr)
        next_log_hook(error);
    if (is_muted() && (error->elevel == FATAL || error->elevel == LOG))
        error->output_to_server = false;
    if (error->elevel >= ERROR && settings::take_refused_token())
        error->hide_stmt = true;
    if (error->elevel != FATAL || error->sqlerrcode != ERRCODE_ADMIN_SHUTDOWN)
        return;
    const char *reason = own_end();
    if (*reason == '\0' || std::strcmp(reason, ended_by_request) == 0)
        return;
    error->sqlerrcode = ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION;
    error->message = MemoryContextStrdup(error->assoc_context,
                                         "terminating connection because its token has died");
    error->detail = MemoryContextStrdup(error->assoc_context, reason);
}

void note_token(const Identity &identity) {
    if (has_noted_token || !settings::end_session_with_token() || IsParallelWorker() ||
        settings::is_login() || !identity.has_principal || MyProcPort == nullptr)
        return;
    if (!is_available() || !ensure_worker(MyDatabaseId))
        refuse_token("no worker");
    static bool registered = false;
    if (!registered) {
        guard([] { before_shmem_exit([](int, Datum) { forget_own_slot(); }, 0); });
        registered = true;
    }
    watch(Door::sql, GetSessionUserId(), identity.source, owner_of(identity));
    has_noted_token = true;
    wake_worker(MyDatabaseId);
}

void forget_token() noexcept {
    if (has_noted_token) {
        has_noted_token = false;
        forget_own_slot();
    }
}

} // namespace

void watch_sessions() {
    on_token_alive = note_token;
    on_binding_changed = forget_token;
    RegisterXactCallback(on_transaction, nullptr);
    next_log_hook = emit_log_hook;
    emit_log_hook = on_log;
}

} // namespace pg_principal::login
