#include "oauth/form.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/text.hpp"
#include "base/text_object.hpp"
#include "core/base/bytes.hpp"
#include "core/json/document.hpp"

namespace pg_principal::oauth {

using namespace http;

namespace {

bool is_form(std::string_view type) {
    return same_name(trimmed(type.substr(0, type.find(';'))), "application/x-www-form-urlencoded");
}

// None of another scheme; of this one "" when nothing follows its name.
std::optional<std::string_view> basic_credentials(const Request &request) {
    const std::string_view value = trimmed(request.header("Authorization"));
    const std::size_t end = std::min(value.find_first_of(" \t"), value.size());
    return same_name(value.substr(0, end), "Basic") ? std::optional(trimmed(value.substr(end)))
                                                    : std::nullopt;
}

// Tokens and secrets lie in files (curl --data-urlencode assertion@token.jwt).
std::optional<http::Form> form_of(const Request &request) {
    return http::Form::parse(request.body, true);
}

// RFC 8707, section 2, and RFC 8693, section 2.1: as often as there are targets.
bool may_repeat(std::string_view name) { return name == "resource" || name == "audience"; }

// A bearer's token is told to be bad only where it was looked at and is (RFC 6750, section 3.1).
void challenge(Response &response) {
    json::Document said;
    const json::Value error =
        json::try_parse(said, response.body) ? said.root().find("error") : json::Value();
    const bool is_of_token = error.is_string() && error.as_string() == "invalid_token";
    response.set("WWW-Authenticate",
                 is_of_token ? "Bearer error=\"invalid_token\"" : "Basic realm=\"pg_principal\"");
}

[[noreturn]] void malformed(std::string_view what) {
    throw api::Answer{refuse(400, "invalid_request", what)};
}

// As our own are; what else a stranger writes is not repeated to anybody.
bool is_plain_name(std::string_view name) {
    return !name.empty() && name.size() <= 40 &&
           name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == name.npos;
}

std::vector<std::string_view> all_of(const http::Form &form, std::string_view wanted) {
    std::vector<std::string_view> values;
    for (const auto &[name, value] : form.fields())
        if (name == wanted && !value.empty())
            values.push_back(value);
    return values;
}

std::vector<Param> parameters_of(const Request &request) {
    if (!request.query.empty()) // where logs and histories keep it
        malformed("Parameters belong into the body");
    if (!is_form(request.header("Content-Type")))
        malformed("The body must be application/x-www-form-urlencoded");
    const auto form = form_of(request);
    if (!form)
        malformed("The body has bad percent-encoding, a control character or no UTF-8");
    if (const auto name = repeated(*form))
        malformed((is_plain_name(*name) ? std::string(*name) : "A parameter") +
                  " is given more than once");
    JsonObject object;
    for (const auto &[name, value] : form->fields())
        if (!value.empty() && !may_repeat(name))
            object.text(name, value);
    for (const char *name : {"resource", "audience"})
        if (const auto list = all_of(*form, name); !list.empty())
            object.raw(name, text_list(list));
    Param client_id, secret;
    const std::optional<std::string_view> credentials = basic_credentials(request);
    if (!credentials)
        return {object.done(), client_id, secret};
    std::string decoded;
    const bool is_base64 = base64_decode(*credentials, decoded);
    const std::size_t colon = decoded.find(':');
    // RFC 6749, section 2.3.1: both are form-encoded before they are put together
    if (is_base64 && colon != decoded.npos) {
        client_id = percent_decode(std::string_view(decoded).substr(0, colon), true);
        secret = percent_decode(std::string_view(decoded).substr(colon + 1), true);
    }
    if (!client_id || !secret)
        throw api::Answer{
            refuse(401, "invalid_client",
                   "The Authorization header is not Basic and base64 of client_id:client_secret")};
    const bool proves = !form->get("client_secret").value_or("").empty() ||
                        !form->get("client_assertion").value_or("").empty();
    if (secret->empty() && !proves) { // RFC 6749, section 2.3.1: a public client names itself
        const std::string named = form->get("client_id").value_or("");
        if (named.empty())
            object.text("client_id", *client_id);
        else if (named != *client_id)
            malformed("client_id is another than that of the Authorization header");
        return {object.done(), Param(), Param()};
    }
    return {object.done(), client_id, secret};
}

} // namespace

Response refuse(int status, std::string_view code, std::string_view description) {
    Response response =
        Response::json(status, text_object({{"error", code}, {"error_description", description}}));
    if (status == 401)
        challenge(response);
    return response;
}

Response as_client(const Backend &backend, const Request &request, const Statement &statement,
                   std::vector<Param> more) {
    std::vector<Param> parameters = parameters_of(request);
    parameters.insert(parameters.end(), more.begin(), more.end());
    Response response = backend.as_stranger(request, statement, std::move(parameters));
    if (response.status == 401)
        challenge(response);
    response.set("Pragma", "no-cache"); // RFC 6749, section 5.1, beside Cache-Control: no-store
    return response;
}

// Sorted: a stranger's form has thousands of them.
std::optional<std::string_view> repeated(const http::Form &form) {
    std::vector<std::string_view> names;
    for (const auto &[name, value] : form.fields())
        if (!may_repeat(name))
            names.push_back(name);
    std::sort(names.begin(), names.end());
    const auto found = std::adjacent_find(names.begin(), names.end());
    return found == names.end() ? std::nullopt : std::optional(*found);
}

std::string grant_type_of(const Request &request) {
    const auto form = form_of(request);
    return form ? form->get("grant_type").value_or("") : std::string();
}

} // namespace pg_principal::oauth
