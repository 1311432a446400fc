#include "supabase/call.hpp"

#include <cstdint>

#include "base/text.hpp"
#include "base/text_object.hpp"
#include "core/base/utf8.hpp"
#include "supabase/fields.hpp"

namespace pg_principal::supabase {

using namespace http;

namespace {

constexpr std::string_view version_header = "X-Supabase-Api-Version", version = "2024-01-01";

// A date from that day on; as in Supabase Auth, anything else gets the older shape.
bool asks_for_version(const Request &request) {
    const std::string_view date = request.header(version_header);
    if (date.size() != version.size() || date[4] != '-' || date[7] != '-')
        return false;
    std::uint64_t year = 0, month = 0, day = 0;
    return read_digits(date.substr(0, 4), year) && read_digits(date.substr(5, 2), month) &&
           read_digits(date.substr(8), day) && year >= 2024 && year < 3000 && month >= 1 &&
           month <= 12 && day >= 1 && day <= 31;
}

struct Meaning {
    std::string_view reason;
    int status;
    std::string_view code;
    const char *message; // nullptr: the database's words
};

constexpr Meaning meanings[] = {
    {"validation-failed", 400, "validation_failed", nullptr},
    {"weak-password", 422, "weak_password", nullptr},
    {"same-password", 422, "same_password",
     "New password should be different from the old password."},
    {"current-password-required", 400, "current_password_required",
     "Current password required when setting new password."},
    {"wrong-password", 400, "current_password_invalid", "The current password is wrong"},
    {"locked", 400, "current_password_invalid", "The current password is wrong"},
    {"password-rotated", 409, "conflict", nullptr},
    {"email-change", 422, "email_provider_disabled", nullptr},
    {"email-taken", 422, "email_exists",
     "A user with this email address has already been registered"},
    {"id-taken", 409, "conflict", nullptr},
    {"registration-closed", 422, "signup_disabled", "Signups not allowed for this instance"},
    {"unauthenticated", 403, "bad_jwt", "invalid claim: missing sub claim"},
    {"forbidden", 403, "not_admin", "User not allowed"},
    {"delegated", 403, "no_authorization", nullptr},
    {"application", 403, "no_authorization", nullptr},
    {"unknown-user", 404, "user_not_found", "User not found"},
    {"last-admin", 409, "conflict", nullptr},
    {"account-held", 409, "conflict", nullptr},
    {"too-many-changes", 429, "over_request_rate_limit", nullptr},
    {"own-account", 422, "validation_failed", nullptr},
};

// The reason as SQLSTATE 28000 tells it in its DETAIL: only who holds the token learns it.
Refusal dead_token(std::string_view reason) {
    if (reason == "banned")
        return {403, "user_banned", "User is banned"};
    if (reason == "session revoked" || reason == "unknown session")
        return {403, "session_not_found", "Session from session_id claim in JWT does not exist"};
    if (reason == "unknown principal")
        return {403, "user_not_found", "User from sub claim in JWT does not exist"};
    std::string message = "invalid JWT: unable to parse or verify signature";
    if (reason == "expired")
        message += ", token has invalid claims: token is expired";
    return {403, "bad_jwt", message};
}

bool is_bad_input(const DbError &error) { return error.sqlstate.substr(0, 2) == "22"; }

Refusal database_refusal(const DbError &error) {
    const std::string_view state = error.sqlstate;
    if (state == "28000")
        return dead_token(error.detail);
    if (state == "42501")
        return {403, "not_admin", "User not allowed"};
    if (state == "42704" && !error.is_foreign)
        return {404, "user_not_found", "User not found"};
    if (state == api::untranslatable)
        return {400, "validation_failed", api::untranslatable_text};
    if (is_bad_input(error))
        return {400, "validation_failed", "The request was refused"};
    api::throw_other(error);
}

// The database may refuse a caller's token or role, and anybody's input; any other error is the
// server's, and must not make a client give up its session.
template <class Ask>
Outcome outcome(bool by_caller, Ask ask) {
    try {
        const Result result = ask();
        if (result.rows() == 0)
            throw Refusal{401, "no_authorization", "Invalid API key"};
        if (!result.is_null(0, 3))
            throw dead_token(result.text(0, 3));
        return {static_cast<int>(result.integer(0, 0)), std::string(result.text(0, 1)),
                std::string(result.text(0, 2))};
    } catch (const DbError &error) {
        if (api::is_of_application(error))
            throw Refusal{409, "conflict", api::application_refused};
        if (by_caller || is_bad_input(error))
            throw database_refusal(error);
        api::throw_other(error);
    }
}

// What is not UTF-8 never reaches the database: it would be refused there as bad input.
Param key_of(const Request &request) {
    const std::string_view key = request.header("apikey");
    if (request.repeats_header("apikey"))
        throw Refusal{401, "no_authorization", "Duplicate API key found"};
    if (!is_utf8(key))
        throw Refusal{401, "no_authorization", "Invalid API key"};
    return key.empty() ? Param() : Param(key);
}

} // namespace

Response refuse(const Request &request, const Refusal &refusal) {
    JsonObject object;
    const bool versioned = asks_for_version(request);
    if (versioned) {
        object.text("code", refusal.code);
        object.text("message", refusal.message);
    } else {
        object.number("code", refusal.status);
        object.text("error_code", refusal.code);
        object.text("msg", refusal.message);
    }
    if (!refusal.weak_password.empty())
        object.raw("weak_password", "{\"reasons\":" + text_list(refusal.weak_password) + '}');
    Response response = Response::json(refusal.status, object.done());
    if (refusal.status == 429)
        response.set("Retry-After", "60"); // the limiter of requests says it better
    response.set("X-Sb-Error-Code", refusal.code);
    if (versioned)
        response.set(version_header, version);
    return response;
}

std::string_view credential(const Request &request) noexcept {
    const std::string_view token = request.bearer();
    return token.empty() ? request.header("apikey") : token;
}

Outcome ask_as_stranger(const api::Backend &backend, const Request &request,
                        const Statement &statement, const std::vector<Param> &parameters) {
    std::vector<Param> all = {key_of(request)};
    all.insert(all.end(), parameters.begin(), parameters.end());
    return outcome(false,
                   [&] { return backend.ask_in_context(request, statement, std::move(all)); });
}

Outcome ask_as_caller(const api::Backend &backend, const Request &request,
                      const Statement &statement, const std::vector<Param> &parameters) {
    std::vector<Param> all = {key_of(request), std::string(credential(request))};
    if (!is_utf8(*all[1]))
        throw dead_token("malformed");
    all.insert(all.end(), parameters.begin(), parameters.end());
    const Owner owner = api::owner_of(*all[1]);
    return outcome(true, [&] { return backend.ask(statement, all, owner); });
}

Outcome ask_as_anybody(const api::Backend &backend, const Request &request,
                       const Statement &statement) {
    return outcome(false, [&] { return backend.ask(statement, {key_of(request)}); });
}

Refusal bad_email() {
    return {400, "validation_failed", "Unable to validate email address: invalid format"};
}

Refusal refusal_of(const Outcome &outcome) {
    const Problems problems = read_problems(outcome.payload);
    for (const Meaning &meaning : meanings) {
        if (meaning.reason != outcome.reason)
            continue;
        if (!meaning.message && !problems.weak_password.empty())
            return {422, "weak_password", problems.text, problems.weak_password};
        if (outcome.reason == "validation-failed" && problems.bad_email)
            return bad_email();
        return {meaning.status, meaning.code, meaning.message ? meaning.message : problems.text};
    }
    return {outcome.status, outcome.status < 500 ? "unknown" : "unexpected_failure", problems.text};
}

const std::string &payload_of(const Outcome &outcome) {
    if (!outcome.ok())
        throw refusal_of(outcome);
    return outcome.payload;
}

} // namespace pg_principal::supabase
