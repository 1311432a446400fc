#include "api/call.hpp"

#include <functional>
#include <thread>

#include "base/text_object.hpp"
#include "core/base/bytes.hpp"
#include "core/base/error.hpp"
#include "core/base/utf8.hpp"
#include "core/json/document.hpp"

namespace pg_principal::api {

using namespace http;

namespace {

// Retry-After of a limit that the database counts by the hour.
constexpr std::size_t most_token_bytes = 16 << 10;
constexpr const char *allowance_returns = "60";

// The other transaction needs a moment: an immediate retry would collide with it again.
constexpr milliseconds first_pause{10}, last_pause{40};

bool may_work_again(std::string_view sqlstate) {
    return sqlstate == "40001" || sqlstate == "40P01"; // serialization failure, deadlock
}

// Retries what failed because of concurrent transactions.
template <class Ask>
Result insist(Ask ask) {
    for (milliseconds pause = first_pause;; pause *= 4) {
        try {
            return ask();
        } catch (const DbError &error) {
            if (pause > last_pause || !may_work_again(error.sqlstate))
                throw;
        }
        std::this_thread::sleep_for(pause);
    }
}

// The texts of the database are for its log: they may name what the caller must not know.
thread_local std::uint64_t asked = 0;

[[noreturn]] void answer_error(const Request &request, const DbError &error, bool by_caller) {
    const std::string_view state = error.sqlstate;
    if (is_of_application(error))
        throw HttpError(409, "conflict", application_refused, error.sqlstate);
    if (state == "28000") // also where a form brings the token, as the device page's
        throw Answer{authentication_required(request)};
    if (by_caller && state == "42501")
        throw HttpError(403, "forbidden", "Insufficient role", error.sqlstate);
    if (state == untranslatable)
        throw HttpError(400, "bad_request", untranslatable_text, error.sqlstate);
    if (state == "22023" || state == "22P02" || state == "22003" || state == "22007" ||
        state == "22008" || state == "22015" || state == "22021")
        throw HttpError(400, "bad_request", "The request was refused", error.sqlstate);
    if (state == "54000") // the token would be longer than any that is taken
        throw HttpError(400, "bad_request", "What was asked for is too long", error.sqlstate);
    if (state == "42704" && !error.is_foreign)
        throw HttpError(404, "not_found", "Not found", error.sqlstate);
    throw_other(error);
}

std::string_view valid_part(std::string_view text, std::size_t most) {
    std::size_t size = 0;
    while (size < text.size()) {
        const std::size_t next = utf8_sequence(text.substr(size));
        if (next == 0 || size + next > most)
            break;
        size += next;
    }
    return text.substr(0, size);
}

// No signing key, or no master key for it, or its file cannot be read: no caller mends it.
HttpError operator_has_to_act(const DbError &error) {
    const bool no_key =
        error.what() == error_kind(static_cast<std::size_t>(Errc::token_not_signed)).message;
    return {503, std::string(operator_needed),
            no_key ? "No signing key is in use: an operator has to create one"
                   : "The service cannot do this until an operator acts",
            error.sqlstate};
}

template <class Ask>
Response answer(const Request &request, bool by_caller, Ask ask) {
    try {
        const Result result = ask();
        if (result.rows() == 0 || !result.is_null(0, 2))
            return authentication_required(request);
        Response response =
            Response::json(static_cast<int>(result.integer(0, 0)), std::string(result.text(0, 1)));
        if (response.status == 429)
            response.set("Retry-After", allowance_returns);
        return response;
    } catch (const DbError &error) {
        answer_error(request, error, by_caller);
    }
}

Owner read_owner(std::string_view token) {
    const std::size_t from = token.find('.');
    std::string claims;
    json::Document document;
    if (from == token.npos || token.size() > most_token_bytes ||
        !base64url_decode(token.substr(from + 1, token.rfind('.') - from - 1), claims) ||
        !json::try_parse(document, claims))
        return 0;
    const json::Value sub = document.root().find("sub");
    return sub.is_string() ? std::hash<std::string_view>()(sub.as_string()) | 1 : 0;
}

} // namespace

// OFFSET 0 keeps the planner from merging the steps.
std::string sql_of(By by, const std::string &call, const Dialect &dialect) {
    const std::string columns = std::string("SELECT (r).status, (r).payload, ") + dialect.columns;
    const std::string patience =
        by == By::caller ? "'its own'"
                         : "pg_catalog.set_config('lock_timeout', coalesce(nullif("
                           "pg_catalog.current_setting('lock_timeout'), '0'), '100ms'), true)";
    const std::string rest = patience + " AS patience" + dialect.source +
                             " OFFSET 0) c WHERE patience IS NOT NULL OFFSET 0) s";
    if (by == By::stranger)
        return columns + "NULL FROM (SELECT " + call + " AS r FROM (SELECT " + rest;
    return columns + "refused FROM (SELECT refused, CASE WHEN refused IS NULL THEN " + call +
           " END AS r FROM (SELECT auth.try_authenticate(" + dialect.token + ") AS refused, " +
           rest;
}

bool is_of_application(const DbError &error) {
    const std::string_view state = error.sqlstate;
    return error.is_foreign && (state == "P0001" || state == "28000" || state == "42501" ||
                                state == "55000" || state.substr(0, 2) == "23");
}

void throw_other(const DbError &error) {
    if (error.sqlstate == "55000" || error.sqlstate == "58P01" || error.sqlstate == "F0000")
        throw operator_has_to_act(error);
    if (may_work_again(error.sqlstate) || error.sqlstate == "55P03") // somebody holds what it needs
        throw HttpError(503, "unavailable", "Try again", error.sqlstate);
    throw error;
}

Response message(int status, std::string_view text) {
    return Response::json(status, text_object({{"message", text}}));
}

Response refused_fields(std::string_view text, const std::vector<ProfileProblem> &problems) {
    JsonObject object;
    object.text("message", text);
    object.raw("errors", problems_json(problems));
    return Response::json(400, object.done());
}

// RFC 6750, section 3: the challenge names an error only when there was a token.
Response authentication_required(const Request &request) {
    Response response = message(401, "Authentication required");
    response.set("WWW-Authenticate",
                 request.bearer().empty() ? "Bearer" : "Bearer error=\"invalid_token\"");
    return response;
}

Response Backend::as_caller(const Request &request, const Statement &statement,
                            std::vector<Param> parameters) const {
    parameters.insert(parameters.begin(), std::string(request.bearer()));
    return answer(request, true,
                  [&] { return ask(statement, parameters, owner_of(request.bearer())); });
}

Response Backend::as_stranger(const Request &request, const Statement &statement,
                              std::vector<Param> parameters) const {
    return answer(request, false,
                  [&] { return ask_in_context(request, statement, std::move(parameters)); });
}

Result Backend::ask(const Statement &statement, const std::vector<Param> &parameters,
                    Owner owner) const {
    ++asked;
    return insist([&] { return pool_.run(statement, parameters, owner); });
}

Result Backend::ask_in_context(const Request &request, const Statement &statement,
                               std::vector<Param> parameters) const {
    ++asked;
    parameters.emplace_back();
    const auto with_context = [&]() -> const std::vector<Param> & {
        parameters.back() = context(request);
        return parameters;
    };
    return insist([&] { return pool_.run_with(statement, 0, with_context); });
}

// A connection shows the same token again and again. Its hash will do: whoever makes two that fall
// together could as well write another's name into one.
Owner owner_of(std::string_view token) {
    thread_local std::size_t last = 0;
    thread_local Owner owner = 0;
    const std::size_t hash = std::hash<std::string_view>()(token);
    if (hash != last) {
        owner = read_owner(token);
        last = hash;
    }
    return owner;
}

std::uint64_t statements_asked() noexcept { return asked; }

std::string Backend::context(const Request &request) const {
    // "::" is the address that stands for none: for a client that nobody knows
    JsonObject object;
    object.text("ip", request.client.is_unknown() ? "::" : request.client.text());
    const std::string_view agent = valid_part(request.header("User-Agent"), 512);
    if (!agent.empty())
        object.text("userAgent", agent);
    if (lifetimes_.access_token > 0)
        object.number("accessTokenTtl", lifetimes_.access_token);
    if (lifetimes_.refresh_token > 0)
        object.number("refreshTokenTtl", lifetimes_.refresh_token);
    const auto waited = std::chrono::duration_cast<milliseconds>(Clock::now() - request.began);
    object.number("waitedMs", waited.count());
    return object.done();
}

std::string Backend::resource_metadata() const {
    static const Statement where{
        "SELECT regexp_replace((r).payload->>'resource', '/api$', "
        "'/.well-known/oauth-protected-resource/api') FROM "
        "(SELECT auth.oauth_metadata('oauth-protected-resource', '/api') AS r OFFSET 0) s",
        true};
    constexpr milliseconds kept{60'000}, kept_failure{5'000};
    {
        const std::lock_guard<std::mutex> lock(metadata_mutex_);
        const Clock::time_point now = Clock::now();
        if (now < metadata_until_)
            return metadata_url_;
        metadata_until_ = now + kept_failure; // meanwhile others go on with what was true before
    }
    std::string url;
    try {
        const Result result = pool_.run(where, {});
        if (!result.is_null(0, 0) && is_printable_without(result.text(0, 0), "\"\\"))
            url = result.text(0, 0);
    } catch (const std::exception &) {
        return {};
    }
    const std::lock_guard<std::mutex> lock(metadata_mutex_);
    metadata_until_ = Clock::now() + kept;
    return metadata_url_ = url;
}

} // namespace pg_principal::api
