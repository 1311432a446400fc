#include "api/routes.hpp"

#include <algorithm>
#include <cstdint>

#include "api/fields.hpp"
#include "base/text_object.hpp"
#include "core/json/document.hpp"
#include "http/dispatcher.hpp"

namespace pg_principal::api {

using namespace http;

namespace {

std::string schema_of(const std::string &text) {
    return text.empty() || text[0] == '{' ? text : '"' + text + '"';
}

std::vector<Part> parts_of(const char *documented) {
    std::vector<Part> parts;
    const json::Document document(*documented ? documented : "{}");
    for (const json::Member member : document.root().members()) {
        const bool is_needed = member.name.back() == '!';
        const json::Value type = member.value, otherwise = type.find("default");
        Part part{std::string(member.name.substr(0, member.name.size() - is_needed)), Part::text,
                  is_needed ? Need::required : Need::optional};
        if (type.is_array())
            part.kind = Part::texts;
        else if (type.is_string() && type.as_string() == "uuid")
            part.kind = Part::uuid;
        else if (otherwise.is_number())
            part.kind = Part::number;
        else if (const json::Value choices = type.find("enum"))
            for (const json::Value choice : choices.elements())
                part.choices.emplace_back(choice.as_string());
        if (otherwise)
            part.otherwise =
                otherwise.is_number() ? otherwise.number_text() : otherwise.as_string();
        parts.push_back(std::move(part));
    }
    return parts;
}

bool reads(const Row &row) { return row.method == std::string_view("GET"); }

const char *query_of(const Row &row) { return reads(row) ? row.request : row.query; }

// By one call.
Handler carrier(const Row &row, const SharedBackend &backend) {
    const bool only_reads = reads(row);
    const bool is_whole = *row.request && *row.request != '{';
    std::vector<Part> body = parts_of(only_reads || is_whole ? "" : row.request);
    const auto is_needed = [](const Part &part) { return part.need == Need::required; };
    const Need need = is_whole || std::any_of(body.begin(), body.end(), is_needed) ? Need::required
                                                                                   : Need::optional;
    const auto statement =
        std::make_shared<const Statement>(Statement{sql_of(row.act.by, row.act.call), only_reads});
    return [=, body = std::move(body), query = parts_of(query_of(row)), refusal = row.act.refusal,
            caller = row.caller](const Request &request) {
        std::vector<Param> parameters;
        if (!request.params.empty())
            parameters.push_back(path_uuid(request));
        if (!only_reads) {
            Fields fields(request, refusal, need);
            if (is_whole)
                parameters.emplace_back(fields.whole());
            for (const Part &part : body)
                parameters.push_back(fields.read(part));
            if (!is_whole)
                fields.check();
        }
        const Query asked(request);
        for (const Part &part : query)
            parameters.push_back(asked.read(part));
        if (caller == Caller::anybody)
            return backend->as_stranger(request, *statement, std::move(parameters));
        if (!only_reads)
            parameters.emplace_back(backend->context(request));
        return backend->as_caller(request, *statement, std::move(parameters));
    };
}

// The status that a well-formed request would get for its token or role ($2: who may use the route).
const Statement judge_caller{
    "SELECT CASE WHEN refused IS NOT NULL THEN 401 WHEN auth.role() = 'service_role' THEN 200"
    " WHEN auth.uid() IS NULL THEN 401 WHEN $2 = 'signed_in' OR auth.has_role('ADMIN')"
    " OR ($2 = 'auditor' AND auth.has_role('AUDITOR')) THEN 200 ELSE 403 END"
    " FROM (SELECT auth.try_authenticate($1) AS refused OFFSET 0) c",
    true};

// Callers who may not use the route do not learn what is wrong with their request.
std::optional<Response> refusal_of_caller(const Backend &backend, const Request &request,
                                          Caller caller) {
    const Result judged =
        backend.ask(judge_caller, {std::string(request.bearer()), caller_name(caller)},
                    owner_of(request.bearer()));
    const std::int64_t status = judged.integer(0, 0);
    if (status == 401)
        return authentication_required(request);
    return status == 403 ? std::optional(message(403, "Insufficient role")) : std::nullopt;
}

std::vector<std::string> documented_names(const Route &route) {
    std::vector<std::string> names;
    for (Part &part : parts_of(route.query.c_str()))
        names.push_back(std::move(part.name));
    return names;
}

// RFC 6750, section 3: a token that does not let its bearer do this is told so. RFC 9728, section
// 5.1: whoever has none, or needs another, learns where one is to be had.
Response pointed(Response response, Caller caller, const Backend &backend) {
    if (response.status == 403 && caller != Caller::anybody)
        response.set("WWW-Authenticate", "Bearer error=\"insufficient_scope\"");
    else if (response.status != 401)
        return response;
    else if (!response.has("WWW-Authenticate")) // a wrong password
        response.set("WWW-Authenticate", "Bearer");
    if (const std::string url = backend.resource_metadata(); !url.empty())
        for (auto &[name, value] : response.headers)
            if (name == "WWW-Authenticate")
                value += (value == "Bearer" ? " " : ", ") + ("resource_metadata=\"" + url + '"');
    return response;
}

} // namespace

Route described(const Row &row) {
    Route made;
    made.method = row.method;
    made.pattern = row.path;
    made.caller = row.caller;
    made.summary = row.summary;
    made.response_schema = schema_of(row.response);
    made.budget = row.budget;
    made.budget_of = row.budget_of;
    made.request_schema = reads(row) ? "" : schema_of(row.request);
    made.success = row.success;
    made.query = query_of(row);
    for (const int status : row.refusals)
        if (status)
            made.refusals.push_back(status);
    return made;
}

Route route(const Row &row, Handler act) {
    Route made = described(row);
    made.handler = [act = std::move(act), caller = row.caller](const Request &request) {
        if (caller != Caller::anybody && request.bearer().empty())
            return authentication_required(request);
        return act(request);
    };
    return made;
}

Route route(const Row &row, const SharedBackend &backend) {
    return route(
        row, row.act.call ? carrier(row, backend)
                          : [backend, act = row.act.function](const Request &request) {
                                return act(*backend, request);
                            });
}

Route strict_route(const Row &row, const SharedBackend &backend) {
    Route made = route(row, backend);
    made.is_closed = true;
    made.handler = [act = std::move(made.handler), caller = made.caller, backend,
                    known = documented_names(made)](const Request &request) {
        const std::uint64_t before = statements_asked();
        const bool has_token = !request.bearer().empty();
        const auto answer = [&] {
            try {
                if (caller == Caller::anybody || has_token)
                    Query(request).check(known);
                return act(request);
            } catch (Answer &refusal) {
                return std::move(refusal.response);
            }
        };
        Response response = answer();
        const bool judged = caller == Caller::anybody || !has_token || statements_asked() > before;
        if (response.status >= 400 && !judged)
            if (std::optional<Response> first = refusal_of_caller(*backend, request, caller))
                return pointed(std::move(*first), caller, *backend);
        return pointed(std::move(response), caller, *backend);
    };
    return made;
}

Response problem_body(const Problem &problem) {
    // a request that could not be read may have been meant for the API
    constexpr std::string_view ours = "/api/";
    std::string text(problem.message);
    if (const std::string_view path = problem.request.path;
        !path.empty() && path.substr(0, ours.size()) != ours)
        return Response::json(problem.status,
                              text_object({{"error", problem.code}, {"message", text}}));
    if (!text.empty() && text[0] >= 'a' && text[0] <= 'z')
        text[0] = static_cast<char>(text[0] - 32);
    return message(problem.status, text);
}

} // namespace pg_principal::api
