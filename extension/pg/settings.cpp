#include "pg/bridge/bridge.hpp"
#include "pg/tables/revocation.hpp"
#include "pg/settings.hpp"

extern "C" {
#include "access/parallel.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
}

#include <climits>
#include <cstdint>
#include <utility>

namespace pg_principal::settings {

namespace {

char *token_value = nullptr;
char *login_token_value = nullptr;
bool binds_login = false;
bool has_refused_token = false;
bool withhold_identity_value = false;
bool may_withhold = false;
bool end_session_with_token_value = false;
char *issuer_value = nullptr;
char *audience_value = nullptr;
char *master_key_file_value = nullptr;
int max_token_ttl_value = 0;
int clock_skew_value = 0;
bool trust_request_claims_value = false;
char *request_context_value = nullptr;
int password_min_length_value = 0;
char *password_classes_value = nullptr;
int registration_value = 0;
// Read by SQL alone.
int access_token_ttl_value, refresh_token_ttl_value, refresh_reuse_interval_value,
    max_failed_sign_ins_value, lockout_duration_value, max_failure_entries_value,
    max_own_changes_value, agent_password_max_age_value, max_delegation_chain_value;
bool require_current_password_value = true, autoconfirm_value = false,
     refresh_reuse_parent_value = false;

constexpr int day = 86400;
constexpr config_enum_entry registration_modes[] = {
    {"bootstrap", 0, false}, {"open", 1, false}, {"off", 2, false}, {nullptr, 0, false}};

std::string_view view(const char *value) noexcept {
    return value == nullptr ? std::string_view() : std::string_view(value);
}

// What a token proved depends on these, so what was proved under the old value is forgotten.
void assign_string(const char *, void *) { forget_binding(); }
// What is bound is looked at once more: from now on it is watched, or no longer.
void look_again_on_assign(bool, void *) { forget_binding(); }
void forget_on_assign(const char *, void *) { forget_everything(); }
void forget_on_assign_int(int, void *) { forget_everything(); }
void forget_on_assign_bool(bool, void *) { forget_everything(); }

// Says whether there is a token, never which.
const char *show_token() { return view(token_value).empty() ? "" : "********"; }
const char *show_login_token() { return view(login_token_value).empty() ? "" : "********"; }

// A login stays who it is. What a client or a role brought along as a setting before the login was
// bound has no effect; a parallel worker is given both.
bool check_token(char **value, void **, GucSource) {
    if (!InitializingParallelWorker && identity_is_withheld()) {
        has_refused_token = true;
        GUC_check_errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION);
        GUC_check_errmsg("a trigger cannot bind a token in a transaction that has deleted a "
                         "principal or its sessions");
        return false;
    }
    const std::string_view wanted = view(*value);
    if (wanted.empty() || view(login_token_value).empty() || wanted == login_token_value ||
        InitializingParallelWorker)
        return true;
    has_refused_token = true;
    GUC_check_errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION);
    GUC_check_errmsg("this connection is bound to the token that it logged in with");
    GUC_check_errhint("Connect with the other token, or bind it in a connection that logged in "
                      "without one.");
    return false;
}

bool check_login_token(char **value, void **, GucSource) {
    if (view(*value).empty() || binds_login || InitializingParallelWorker)
        return true;
    GUC_check_errcode(ERRCODE_INSUFFICIENT_PRIVILEGE);
    GUC_check_errmsg("only a login sets pg_principal.login_token");
    return false;
}

bool check_withhold_identity(bool *value, void **, GucSource) {
    return !*value || may_withhold || InitializingParallelWorker;
}

// A setting that only a superuser changes.
void define_int(const char *name, const char *what, const char *more, int *value, int fallback,
                int least, int most, int flags) {
    DefineCustomIntVariable(name, what, more, value, fallback, least, most, PGC_SUSET, flags,
                            nullptr, nullptr, nullptr);
}

bool check_password_classes(char **value, void **, GucSource) {
    try {
        (void)parse_password_classes(*value);
        return true;
    } catch (const std::exception &) {
    }
    GUC_check_errdetail("Name classes of lower, upper, digit and symbol, separated by commas.");
    return false;
}

void define_account_settings() {
    define_int("pg_principal.access_token_ttl", "Life of the access token of a sign-in or refresh.",
               nullptr, &access_token_ttl_value, 900, 1, day, GUC_UNIT_S);
    define_int("pg_principal.refresh_token_ttl",
               "Life of a refresh token; each refresh starts it anew.", nullptr,
               &refresh_token_ttl_value, 7 * day, 1, INT_MAX, GUC_UNIT_S);
    define_int("pg_principal.refresh_reuse_interval",
               "For how long a used refresh token still gives the successor it gave.",
               "Later it is taken for stolen, which ends its session. 0: at once.",
               &refresh_reuse_interval_value, 10, 0, 3600, GUC_UNIT_S);
    DefineCustomBoolVariable(
        "pg_principal.refresh_reuse_parent",
        "A used refresh token gives its successor also later, while nobody has used that.",
        "For agents that may be killed in the middle of a refresh. A copy of such a token then "
        "works "
        "for as long as the successor is not used: for the life of an access token.",
        &refresh_reuse_parent_value, false, PGC_SUSET, 0, nullptr, nullptr, nullptr);
    define_int("pg_principal.password_min_length", "The fewest characters of a new password.",
               nullptr, &password_min_length_value, 12, 1, 128, 0);
    DefineCustomStringVariable(
        "pg_principal.password_classes",
        "Classes of characters a new password must have: lower, upper, digit, symbol.", nullptr,
        &password_classes_value, "lower, upper, digit, symbol", PGC_SUSET, 0,
        check_password_classes, nullptr, nullptr);
    DefineCustomBoolVariable("pg_principal.require_current_password",
                             "A principal's new password needs the current one beside the token.",
                             "Off, whoever holds an access token can take the account over.",
                             &require_current_password_value, true, PGC_SUSET, 0, nullptr, nullptr,
                             nullptr);
    DefineCustomEnumVariable(
        "pg_principal.registration", "Who may register: bootstrap, open or off.",
        "bootstrap: only while there is no principal; the first becomes ADMIN.",
        &registration_value, 0, registration_modes, PGC_SUSET, 0, nullptr, nullptr, nullptr);
    DefineCustomBoolVariable(
        "pg_principal.autoconfirm", "Who registers has a confirmed email at once.",
        "For clients that keep no session without. It proves nothing: whoever the roster names "
        "later gets the account without its password.",
        &autoconfirm_value, false, PGC_SUSET, 0, nullptr, nullptr, nullptr);
    define_int("pg_principal.max_failed_sign_ins",
               "Wrong passwords in a row that lock a principal's sign-in.", "0: none does.",
               &max_failed_sign_ins_value, 5, 0, 1000, 0);
    define_int("pg_principal.lockout_duration", "How long the first lock lasts.",
               "Each wrong password after it doubles the next, up to 64 times this.",
               &lockout_duration_value, 60, 1, day, GUC_UNIT_S);
    define_int("pg_principal.max_failure_entries",
               "Refusals that are audited for each principal in an hour.",
               "Those beyond are counted and not written, so that nobody can fill the disk.",
               &max_failure_entries_value, 60, 1, 1000000, 0);
    define_int("pg_principal.max_delegation_chain",
               "How many agents may act one for the other on behalf of a person.", nullptr,
               &max_delegation_chain_value, 2, 1, 8, 0);
    define_int("pg_principal.max_own_changes",
               "Changes of its own account that a principal may make in an hour.",
               "Twice as many of its password. Those beyond are refused: each is audited.",
               &max_own_changes_value, 120, 1, 1000000, 0);
    define_int("pg_principal.agent_password_max_age",
               "Age at which the health scan reports an agent's password.", "0: never.",
               &agent_password_max_age_value, 90 * day, 0, INT_MAX, GUC_UNIT_S);
    DefineCustomStringVariable(
        "pg_principal.request_context",
        "What the audit tells of the request: a JSON object of ip and userAgent.",
        "As the calling application reports it: no proof of anything.", &request_context_value, "",
        PGC_USERSET, GUC_NOT_IN_SAMPLE, nullptr, nullptr, nullptr);
}

} // namespace

void define() {
    // A wrong token is not an invalid value: it is judged where it is used, so that the error can
    // name the reason and never quotes the value.
    DefineCustomStringVariable(
        "pg_principal.token", "The signed token that says who the caller is.",
        "Anybody may set it to anything: it is verified at each statement that asks.", &token_value,
        "", PGC_USERSET, GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE, check_token,
        assign_string, show_token);
    // A setting, because settings are what parallel workers are given; of a context that nothing
    // changes in a running session.
    DefineCustomStringVariable(
        "pg_principal.login_token", "The token that this connection logged in with.",
        "Set by the login, and by nothing else.", &login_token_value, "", PGC_BACKEND,
        GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE, check_login_token,
        assign_string, show_login_token);
    DefineCustomBoolVariable("pg_principal.withhold_identity",
                             "No trigger is told who the caller is.",
                             "Set for the rest of a transaction that has deleted a principal whom "
                             "tables of others reference, and by nothing else.",
                             &withhold_identity_value, false, PGC_BACKEND,
                             GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE,
                             check_withhold_identity, look_again_on_assign, nullptr);
    DefineCustomBoolVariable("pg_principal.end_session_with_token",
                             "A connection ends when the token that is bound in it dies.",
                             "As one that a token has opened always does. Needs pg_principal in "
                             "shared_preload_libraries.",
                             &end_session_with_token_value, false, PGC_SUSET, 0, nullptr,
                             look_again_on_assign, nullptr);
    DefineCustomStringVariable(
        "pg_principal.issuer", "The claim iss of minted tokens, required of presented ones.",
        nullptr, &issuer_value, "pg_principal", PGC_SUSET, 0, nullptr, forget_on_assign, nullptr);
    DefineCustomStringVariable("pg_principal.audience",
                               "The claim aud of minted tokens, required of presented ones.",
                               nullptr, &audience_value, "authenticated", PGC_SUSET, 0, nullptr,
                               forget_on_assign, nullptr);
    DefineCustomStringVariable(
        "pg_principal.master_key_file",
        "File that holds the master key under which signing keys are stored.",
        "Empty: signing keys are stored in the clear. Readable by the server's user alone.",
        &master_key_file_value, "", PGC_SUSET, GUC_SUPERUSER_ONLY, nullptr, forget_on_assign,
        nullptr);
    DefineCustomIntVariable("pg_principal.max_token_ttl", "The longest life of an issued token.",
                            nullptr, &max_token_ttl_value, 8760 * 3600, 1, INT_MAX, PGC_SUSET,
                            GUC_UNIT_S, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_principal.clock_skew",
                            "How far clocks may differ when a token's times are judged.", nullptr,
                            &clock_skew_value, 30, 0, 300, PGC_SUSET, GUC_UNIT_S, nullptr,
                            forget_on_assign_int, nullptr);
    DefineCustomBoolVariable(
        "pg_principal.trust_request_claims", "Believe request.jwt.claims where no token is bound.",
        "Whoever can run SQL can set them: turn it on only where nobody but PostgREST can.",
        &trust_request_claims_value, false, PGC_SUSET, 0, nullptr, forget_on_assign_bool, nullptr);
    define_account_settings();
    MarkGUCPrefixReserved("pg_principal");
}

std::string_view token() noexcept {
    return is_login() ? view(login_token_value) : view(token_value);
}
bool is_login() noexcept { return !view(login_token_value).empty(); }
bool take_refused_token() noexcept { return std::exchange(has_refused_token, false); }
bool end_session_with_token() noexcept { return end_session_with_token_value; }
std::string_view issuer() { return to_utf8(view(issuer_value)); }
std::string_view audience() { return to_utf8(view(audience_value)); }
std::string_view master_key_file() noexcept { return view(master_key_file_value); }
std::int64_t max_token_ttl() noexcept { return max_token_ttl_value; }
int clock_skew() noexcept { return clock_skew_value; }
bool trust_request_claims() noexcept { return trust_request_claims_value; }
std::int64_t access_token_ttl() noexcept { return access_token_ttl_value; }
std::string_view request_context() noexcept { return view(request_context_value); }

PasswordPolicy password_policy() {
    PasswordPolicy policy;
    policy.min_length = static_cast<std::size_t>(password_min_length_value);
    policy.classes = parse_password_classes(view(password_classes_value));
    return policy;
}

void bind_login(const char *token) {
    binds_login = true;
    try {
        guard([token] {
            SetConfigOption("pg_principal.login_token", token, PGC_BACKEND, PGC_S_OVERRIDE);
        });
    } catch (...) {
        binds_login = false;
        throw;
    }
    binds_login = false;
}

namespace {

void set(const char *name, const char *value, GucAction action) {
    guard([name, value, action] {
        (void)set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, action, true, 0, false);
    });
}

} // namespace

void bind_token(const char *token, bool local) {
    set("pg_principal.token", token, local ? GUC_ACTION_LOCAL : GUC_ACTION_SET);
}

bool withholds_identity() noexcept { return withhold_identity_value; }

bool identity_is_withheld() noexcept {
    if (!withhold_identity_value)
        return false;
    LOCAL_FCINFO(call, 0);
    InitFunctionCallInfoData(*call, nullptr, 0, InvalidOid, nullptr, nullptr);
    return IsParallelWorker() || DatumGetInt32(pg_trigger_depth(call)) > 0;
}

void withhold_identity() {
    if (withhold_identity_value)
        return;
    may_withhold = true;
    (void)set_config_option("pg_principal.withhold_identity", "on", PGC_BACKEND, PGC_S_SESSION,
                            GUC_ACTION_LOCAL, true, 0, false);
    may_withhold = false;
    // a worker does not know whether a trigger has started it
    (void)set_config_option("max_parallel_workers", "0", PGC_USERSET, PGC_S_SESSION,
                            GUC_ACTION_LOCAL, true, 0, false);
}

void bind_request_context(const char *json) {
    set("pg_principal.request_context", json, GUC_ACTION_LOCAL);
}

} // namespace pg_principal::settings
