// The routes under /api and /.well-known/jwks.json: what a request says goes to one SQL function,
// and what that answers goes back. Nothing is decided here. What a row of a table of routes says,
// and the route that it is.
#pragma once

#include <array>
#include <optional>

#include "api/call.hpp"

namespace pg_principal::http {
struct Problem;
}

namespace pg_principal::api {

// What a row does: a function of its own, or one call. Its parameters are what the row documents,
// in that order: the id in the path, the members of the body (the whole of it where its schema has
// a name), the names of the query; then, but for GET, the context.
struct Act {
    using Function = http::Response (*)(const Backend &, const http::Request &);
    constexpr Act() = default;
    constexpr Act(Function with_function) : function(with_function) {}
    constexpr Act(By with_by, const char *with_call, const char *with_refusal)
        : by(with_by), call(with_call), refusal(with_refusal) {}
    Function function = nullptr;
    By by = By::stranger;
    const char *call = nullptr;
    const char *refusal = nullptr; // begins the answer to bad fields
};

constexpr Act as_stranger(const char *call, const char *refusal) {
    return {By::stranger, call, refusal};
}
constexpr Act as_self(const char *call, const char *refusal = "The request was refused") {
    return {By::self, call, refusal};
}
constexpr Act as_caller(const char *call, const char *refusal = "The request was refused") {
    return {By::caller, call, refusal};
}

// What is served to whom and by what, and what documents it: here and in the Supabase dialect.
struct Row {
    const char *method, *path;
    http::Caller caller;
    const char *summary;
    Act act;
    const char *response = ""; // as serve/routes.hpp reads it, or a name in component_schemas()
    std::optional<http::Budget> budget = {};
    const char *request = ""; // the same; of GET the query, of each of its names the schema
    int success = 200;
    std::array<int, 2> refusals = {}; // besides those that follow from the rest of it
    const char *query = "";           // of what is no GET
    http::Budget (*budget_of)(const http::Request &) = nullptr;
};

// For what stands before the last member that a row says something in.
inline constexpr std::optional<http::Budget> unlimited = {};
inline constexpr const char *no_body = "";
inline constexpr std::array<int, 2> no_other = {}, conflict = {409}, missing = {404},
                                    closed_or_conflict = {403, 409},
                                    missing_or_conflict = {404, 409};

// Everything of it but the handler.
http::Route described(const Row &row);

// A route that is not for anybody is refused without a token, before its body is looked at.
http::Route route(const Row &row, http::Handler act);
http::Route route(const Row &row, const SharedBackend &backend); // by the row's own act
// The same below /api, where a query has no names but those documented: with a dead token or too
// small a role it is refused before the body or the query are.
http::Route strict_route(const Row &row, const SharedBackend &backend);
// The public keys, for whoever verifies tokens by themselves.
http::Route key_route(const SharedBackend &backend, const std::string &prefix = {});

void add_routes(http::RouteTable &routes, const SharedBackend &backend);

// The schemas that those of the routes refer to, for the OpenAPI document.
const char *component_schemas() noexcept;

// What the server refuses by itself, in the words of the API when the path is one of its own.
http::Response problem_body(const http::Problem &problem);

} // namespace pg_principal::api
