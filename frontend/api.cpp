#include "api.hpp"

#include "api_routes.hpp"
#include "core/json.hpp"
#include "http_dispatcher.hpp"

namespace pg_principal::api {

using namespace http;

Route route(const char *method, const char *pattern, Caller caller, const char *summary,
            Handler act) {
    Route made;
    made.method = method;
    made.pattern = pattern;
    made.caller = caller;
    made.summary = summary;
    made.handler = [act = std::move(act), caller](const Request &request) {
        try {
            if (caller != Caller::anybody && request.bearer().empty())
                return authentication_required(request);
            return act(request);
        } catch (Answer &answer) {
            return std::move(answer.response);
        }
    };
    return made;
}

void add_routes(RouteTable &routes, Pool &pool, const Lifetimes &lifetimes) {
    const auto backend = std::make_shared<const Backend>(pool, lifetimes);
    add_auth_routes(routes, backend);
    add_user_routes(routes, backend);
    add_admin_routes(routes, backend);
    add_key_routes(routes, backend);
}

Response problem_body(const Problem &problem) {
    constexpr std::string_view ours = "/api/";
    std::string text(problem.message);
    if (problem.request.path.substr(0, ours.size()) != ours)
        return Response::json(problem.status, "{\"error\":" + json::quote(problem.code) +
                                                  ",\"message\":" + json::quote(text) + '}');
    if (!text.empty() && text[0] >= 'a' && text[0] <= 'z')
        text[0] = static_cast<char>(text[0] - 32);
    return message(problem.status, text);
}

} // namespace pg_principal::api
