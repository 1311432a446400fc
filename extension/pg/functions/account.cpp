// Passwords and profiles, by the rules of core/; failed sign-ins that were rolled back.
#include "core/crypto/crypto.hpp"
#include "core/base/error.hpp"
#include "core/principals/profile.hpp"
#include "core/base/utf8.hpp"
#include "pg/memory/failed_sign_ins.hpp"
#include "pg/memory/held_secrets.hpp"
#include "pg/bridge/jsonb.hpp"
#include "pg/settings.hpp"
#include "pg/tables/store.hpp"

extern "C" {
#include "mb/pg_wchar.h"
}

#include <optional>

using namespace pg_principal;

namespace {

// A longer password than any policy allows is never hashed: it fits nothing.
constexpr std::size_t max_password_bytes = 1024;

std::vector<std::string_view> words(std::string_view text) {
    std::vector<std::string_view> out;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        if (end > 0)
            out.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

PasswordCheck check(std::optional<std::string_view> stored,
                    std::optional<std::string_view> password) {
    if (stored && password && password->size() <= max_password_bytes)
        return verify_password(*stored, *password);
    verify_password_decoy(password.value_or("").substr(0, max_password_bytes));
    return {};
}

Datum check_result(FunctionCallInfo fcinfo, const PasswordCheck &check) {
    Datum values[2] = {BoolGetDatum(check.ok), BoolGetDatum(check.needs_upgrade)};
    bool nulls[2] = {false, false};
    return record_result(fcinfo, values, nulls);
}

// Bytes that are not text fit no hash; telling so by an error would leave the attempt uncounted.
std::optional<std::string_view> password_argument(FunctionCallInfo fcinfo, int n) {
    if (PG_ARGISNULL(n))
        return std::nullopt;
    if (GetDatabaseEncoding() == PG_SQL_ASCII && !is_utf8(bytes_argument(fcinfo, n)))
        return std::nullopt;
    return text_argument(fcinfo, n);
}

Datum hold(const pg_uuid_t &target, std::string_view hash) {
    hold_hash(target, Secret(hash));
    return PointerGetDatum(to_text(password_scheme(hash)));
}

} // namespace

SQL_FUNCTION(hash_password) {
    const std::string_view password = text_argument(fcinfo, 0);
    return PointerGetDatum(to_text(hash_password(password, random_bytes(password_salt_size))));
}

// The same for 0.1.0 and 0.2.0, until ALTER EXTENSION UPDATE.
SQL_FUNCTION(verify_password) {
    std::optional<std::string_view> stored;
    if (!PG_ARGISNULL(0))
        stored = text_argument(fcinfo, 0);
    return check_result(fcinfo, check(stored, password_argument(fcinfo, 1)));
}

// ok, needs_upgrade
SQL_FUNCTION(check_password) {
    text *stored = PG_ARGISNULL(0) ? nullptr : read_password_hash(*PG_GETARG_UUID_P(0));
    std::optional<std::string_view> hash;
    if (stored != nullptr)
        hash = view_of(stored);
    const PasswordCheck result = check(hash, password_argument(fcinfo, 1));
    if (stored != nullptr)
        wipe(stored, VARSIZE_ANY(stored));
    return check_result(fcinfo, result);
}

SQL_FUNCTION(hold_password) {
    const std::string_view password = text_argument(fcinfo, 1);
    return hold(*PG_GETARG_UUID_P(0), hash_password(password, random_bytes(password_salt_size)));
}

SQL_FUNCTION(hold_hash) { return hold(*PG_GETARG_UUID_P(0), text_argument(fcinfo, 1)); }

SQL_FUNCTION(held_hash) {
    const Secret hash = take_held_hash(*PG_GETARG_UUID_P(0));
    if (hash.empty())
        PG_RETURN_NULL();
    return PointerGetDatum(to_text(hash.view()));
}

SQL_FUNCTION(password_hash_problem) {
    const std::string problem = password_hash_problem(to_utf8(text_argument(fcinfo, 0)));
    if (problem.empty())
        PG_RETURN_NULL();
    return PointerGetDatum(to_text(problem));
}

// Of versions before 0.3.0, until ALTER EXTENSION UPDATE.
SQL_FUNCTION(is_password_hash) {
    return BoolGetDatum(password_hash_problem(text_argument(fcinfo, 0)).empty());
}

SQL_FUNCTION(note_guess) {
    const FailureKey key = failure_key(*PG_GETARG_UUID_P(0), bytes_argument(fcinfo, 1));
    if (PG_GETARG_BOOL(2))
        forget_failures(key);
    else
        note_failure(key, GetCurrentTimestamp());
    return 0;
}

SQL_FUNCTION(forget_guesses) {
    forget_failures(*PG_GETARG_UUID_P(0));
    return 0;
}

// count, last_at
SQL_FUNCTION(guesses_taken_back) {
    const FailuresTakenBack taken = failures_taken_back(
        failure_key(*PG_GETARG_UUID_P(0), bytes_argument(fcinfo, 1)), GetCurrentTimestamp());
    Datum values[2] = {Int32GetDatum(taken.count), TimestampTzGetDatum(taken.last_at)};
    bool nulls[2] = {false, taken.count == 0};
    return record_result(fcinfo, values, nulls);
}

// fields, problems
SQL_FUNCTION(read_profile) {
    ProfileRules rules;
    rules.allowed = PG_ARGISNULL(1) ? rules.allowed : words(text_argument(fcinfo, 1));
    rules.required = PG_ARGISNULL(2) ? rules.required : words(text_argument(fcinfo, 2));
    rules.password = settings::password_policy();
    const json::Document document(PG_ARGISNULL(0) ? "null" : jsonb_argument(fcinfo, 0));
    Profile profile = read_profile(document.root(), rules);
    const WipeOnExit guard(profile.fields);
    const bool good = profile.problems.empty();
    Datum values[2] = {good ? to_jsonb(profile.fields) : 0,
                       good ? 0 : to_jsonb(problems_json(profile.problems))};
    bool nulls[2] = {!good, good};
    return record_result(fcinfo, values, nulls);
}
