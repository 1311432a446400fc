#include "oauth/device.hpp"

#include "base/text_object.hpp"
#include "core/principals/device_code.hpp"
#include "oauth/form.hpp"

namespace pg_principal::oauth {

using namespace http;

namespace {

const Statement authorize_device{
    api::sql_of(By::stranger, "auth.oauth_device_authorization($1::jsonb, $2, $3, $4::jsonb)")};
const Statement open_page{
    api::sql_of(By::stranger, "auth.open_device_page($1::jsonb, $2, $3::jsonb)")};
const Statement close_page{api::sql_of(By::self, "auth.close_device_page($2, $3, $4, $5::jsonb)")};

Response post_authorization(const Backend &backend, const Request &request) {
    return as_client(backend, request, authorize_device);
}

std::string value_of(const http::Form &form, std::string_view name) {
    return form.get(name).value_or("");
}

// As the device shows it, for the person to compare (RFC 8628, section 3.3).
std::string as_shown(const std::string &typed) {
    const std::optional<std::string> code = read_user_code(typed);
    return code ? code->substr(0, 4) + '-' + code->substr(4) : typed;
}

std::optional<http::Form> single_form_of(const Request &request) {
    auto form = http::Form::parse(request.body);
    return form && !repeated(*form) ? std::move(form) : std::nullopt;
}

Response get_page(const Backend &, const Request &request) {
    const auto query = http::Form::parse(request.query);
    return sign_in_page(200, query ? value_of(*query, "user_code") : std::string(), {}, {});
}

Response post_page(const Backend &backend, const Request &request) {
    const auto form = single_form_of(request);
    if (!form)
        return sign_in_page(400, {}, {}, "The form is malformed");
    const std::string code = value_of(*form, "user_code"), email = value_of(*form, "email");
    const std::string fields = text_object(
        {{"user_code", code}, {"email", email}, {"password", value_of(*form, "password")}});
    const Response told = backend.as_stranger(
        request, open_page,
        {fields,
         request.has_header("Origin") ? Param(std::string(request.header("Origin"))) : Param()});
    return told.status == 200 ? decision_page(told.body, as_shown(code))
                              : sign_in_page(told.status, code, email, message_of(told.body));
}

// Whoever sends the token has read it in the page that was made for who signed in.
Response post_decision(const Backend &backend, const Request &request) {
    const auto form = single_form_of(request);
    if (!form)
        return last_page(400, "The form is malformed");
    const std::string decision = value_of(*form, "decision");
    const Response told =
        backend.as_stranger(request, close_page,
                            {value_of(*form, "token"), value_of(*form, "user_code"), decision,
                             value_of(*form, "scopes")});
    if (told.status != 200)
        return last_page(
            told.status,
            told.status == 401
                ? "This page has expired or was used. Begin again, unless the device is in."
                : message_of(told.body));
    return last_page(200, decision == "approve"
                              ? "The device is in. You can close this page."
                              : "The device was refused. You can close this page.");
}

constexpr api::Row endpoint = {
    "POST",
    "/oauth/device_authorization",
    Caller::anybody,
    "Ask for a code that a person approves (RFC 8628)",
    post_authorization,
    R"({"device_code!": "string", "user_code!": "string", "verification_uri!": "string",
        "verification_uri_complete": "string", "expires_in!": "integer", "interval": "integer"})",
    Budget::costly,
    R"({"client_id!": "string", "scope": "string", "resource": ["uri"]})"};

constexpr api::Row pages[] = {
    {"GET", "/oauth/device", Caller::anybody, "The page where a person lets a device in", get_page,
     "", api::unlimited, R"({"user_code": "string"})"},
    {"POST", "/oauth/device", Caller::anybody, "Sign in on that page", post_page, "",
     Budget::costly,
     R"({"user_code!": "string", "email!": "string",
         "password!": {"type": "string", "format": "password"}})"},
    {"POST", "/oauth/device/decision", Caller::anybody, "Let the device in, or not", post_decision,
     "", Budget::costly,
     R"({"user_code!": "string", "token!": "string", "scopes": "string",
         "decision!": {"enum": ["approve", "deny"]}})"},
};

} // namespace

void add_device_routes(RouteTable &routes, const api::SharedBackend &backend) {
    const auto add = [&](const api::Row &row, const char *response_type) {
        Route route = api::route(row, backend);
        route.error_schema = "OAuthError";
        route.request_type = "application/x-www-form-urlencoded";
        route.response_type = response_type;
        route.asks_database = row.act.function != get_page;
        routes.add(std::move(route));
    };
    add(endpoint, "application/json");
    for (const api::Row &row : pages)
        add(row, "text/html");
}

bool is_page(std::string_view path) {
    return path.substr(0, page_path.size()) == page_path &&
           (path.size() == page_path.size() || path[page_path.size()] == '/');
}

} // namespace pg_principal::oauth
