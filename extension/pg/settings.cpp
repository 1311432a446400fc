#include "pg/bridge.hpp"
#include "pg/revocation.hpp"
#include "pg/settings.hpp"

extern "C" {
#include "utils/guc.h"
}

#include <climits>

namespace pg_principal::settings {

namespace {

char *token_value = nullptr;
char *issuer_value = nullptr;
char *audience_value = nullptr;
char *master_key_file_value = nullptr;
int max_token_ttl_value = 0;
int clock_skew_value = 0;
bool trust_request_claims_value = false;

std::string_view view(const char *value) noexcept {
    return value == nullptr ? std::string_view() : std::string_view(value);
}

// What a token proved depends on these, so what was proved under the old value is forgotten.
void assign_string(const char *, void *) { forget_binding(); }
void forget_on_assign(const char *, void *) { forget_proofs(); }
void forget_on_assign_int(int, void *) { forget_proofs(); }
void forget_on_assign_bool(bool, void *) { forget_proofs(); }

// Says whether there is a token, never which.
const char *show_token() { return view(token_value).empty() ? "" : "********"; }

} // namespace

void define() {
    // A wrong token is no invalid value: it is judged where it is used, so that the error can name
    // the reason and never quotes the value.
    DefineCustomStringVariable(
        "pg_principal.token", "The signed token that says who the caller is.",
        "Anybody may set it to anything: it is verified at each statement that asks.", &token_value,
        "", PGC_USERSET, GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE, nullptr,
        assign_string, show_token);
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
    MarkGUCPrefixReserved("pg_principal");
}

std::string_view token() noexcept { return view(token_value); }
std::string_view issuer() noexcept { return view(issuer_value); }
std::string_view audience() noexcept { return view(audience_value); }
std::string_view master_key_file() noexcept { return view(master_key_file_value); }
std::int64_t max_token_ttl() noexcept { return max_token_ttl_value; }
int clock_skew() noexcept { return clock_skew_value; }
bool trust_request_claims() noexcept { return trust_request_claims_value; }

void bind_token(const char *token, bool local) {
    guard([token, local] {
        (void)set_config_option("pg_principal.token", token, PGC_USERSET, PGC_S_SESSION,
                                local ? GUC_ACTION_LOCAL : GUC_ACTION_SET, true, 0, false);
    });
}

} // namespace pg_principal::settings
