// Users, administered with the service_role key or by a principal with the app role ADMIN.
#include <algorithm>
#include <cstdint>

#include "api/fields.hpp"
#include "base/text.hpp"
#include "core/base/uuid.hpp"
#include "supabase/fields.hpp"
#include "supabase/routes.hpp"

namespace pg_principal::supabase {

using namespace http;

namespace {

const Statement search_users{
    sql_of(By::caller, "auth.search_users($3, $4::integer, $5::integer)", dialect), true};
const Statement create_user{sql_of(By::caller, "auth.create_user($3::jsonb, $4::jsonb)", dialect)};
const Statement find_user{sql_of(By::caller, "auth.find_user($3::uuid)", dialect), true};
const Statement update_user{
    sql_of(By::caller, "auth.update_user($3::uuid, $4::jsonb, $5::jsonb)", dialect)};
const Statement delete_user{sql_of(By::caller, "auth.delete_user($3::uuid, $4::jsonb)", dialect)};

std::string ask(const api::Backend &backend, const Request &request, const Statement &statement,
                const std::vector<Param> &parameters) {
    Outcome outcome = ask_as_caller(backend, request, statement, parameters);
    if (outcome.reason == "unauthenticated") // the anon key: good, but nobody
        outcome.reason = "forbidden";
    return payload_of(outcome);
}

std::string user_id(const Request &request) {
    const std::string &id = request.param("id");
    if (!is_uuid(id))
        throw Refusal{404, "validation_failed", "user_id must be an UUID"};
    return id;
}

std::string percent_encoded(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF",
                               plain = "-._~0123456789abcdefghijklmnopqrstuvwxyz"
                                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (plain.find(c) != plain.npos)
            out += c;
        else
            out.append(1, '%').append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
    }
    return out;
}

struct Page {
    std::int64_t number = 1, size = 50;
    std::string filter;
};

// As Supabase Auth reads them: the client library sends "" for what is not set, page 0 is the first
// page, and per_page is capped.
Page page_of(const Request &request) {
    const api::Query query(request);
    Page page;
    const auto read = [&](const char *name, std::uint64_t most, std::uint64_t zero,
                          std::int64_t &value) {
        const std::string text = query.text(name).value_or("");
        std::uint64_t number = 0;
        if (text.empty())
            return;
        if (!read_digits(text, number))
            throw Refusal{400, "validation_failed",
                          std::string("Bad Pagination Parameters: ") + name +
                              " must be a whole number"};
        value = static_cast<std::int64_t>(number == 0 ? zero : std::min(number, most));
    };
    read("page", 1'000'000'000, 1, page.number);
    read("per_page", 1000, 50, page.size);
    page.filter = query.text("filter").value_or("");
    return page;
}

// RFC 8288. The client library reads the page out of the first parameter.
std::string links(const Request &request, const Page &page, std::int64_t total) {
    const std::int64_t last = std::max<std::int64_t>((total + page.size - 1) / page.size, 1);
    const auto link = [&](std::int64_t number, const char *relation) {
        return "<" + std::string(request.path) + "?page=" + std::to_string(number) +
               "&per_page=" + std::to_string(page.size) +
               (page.filter.empty() ? "" : "&filter=" + percent_encoded(page.filter)) +
               ">; rel=\"" + relation + '"';
    };
    return (page.number < last ? link(page.number + 1, "next") + ", " : "") + link(last, "last");
}

Response get_users(const api::Backend &backend, const Request &request) {
    const Page page = page_of(request);
    const Users users =
        users_body(ask(backend, request, search_users,
                       {page.filter, std::to_string(page.number), std::to_string(page.size)}));
    Response response = Response::json(200, users.body);
    response.set("X-Total-Count", std::to_string(users.total));
    response.set("Link", links(request, page, users.total));
    return response;
}

Response user(const std::string &payload) { return Response::json(200, user_body(payload)); }

Response post_user(const api::Backend &backend, const Request &request) {
    const Body body(request);
    if (body.text("email").empty())
        throw Refusal{400, "validation_failed", "Cannot create a user without an email"};
    return user(ask(backend, request, create_user, {profile_of(body), backend.context(request)}));
}

Response get_one_user(const api::Backend &backend, const Request &request) {
    return user(ask(backend, request, find_user, {user_id(request)}));
}

Response put_one_user(const api::Backend &backend, const Request &request) {
    const std::string id = user_id(request);
    const Body body(request);
    return user(
        ask(backend, request, update_user, {id, profile_of(body, id), backend.context(request)}));
}

Response remove_user(const api::Backend &backend, const Request &request) {
    const std::string id = user_id(request);
    if (Body(request, api::Need::optional).flag("should_soft_delete"))
        throw Refusal{422, "feature_disabled",
                      "Soft deletion is disabled: ban the user, or delete it"};
    ask(backend, request, delete_user, {id, backend.context(request)});
    return Response::json(200, "{}");
}

// Nobody has any.
Response get_factors(const api::Backend &backend, const Request &request) {
    ask(backend, request, find_user, {user_id(request)});
    return Response::json(200, "[]");
}

constexpr api::Row admin_table[] = {
    {"GET", "/admin/users", Caller::auditor, "Users, newest first, a page at a time", get_users,
     "SupabaseUsers", api::unlimited,
     R"({"page": {"type": "integer", "minimum": 0, "default": 1}, "per_page": {"type": "integer",
         "minimum": 0, "default": 50, "description": "at most 1000"},
         "filter": {"type": "string", "maxLength": 254}})"},
    {"POST", "/admin/users", Caller::admin, "Make a user", post_user, "SupabaseUser",
     Budget::administration, "SupabaseUserAttributes", 200, api::conflict},
    {"GET", "/admin/users/:id", Caller::auditor, "A user", get_one_user, "SupabaseUser"},
    {"PUT", "/admin/users/:id", Caller::admin,
     "Change a user; ban_duration bans (876000h) or lifts a ban (none)", put_one_user,
     "SupabaseUser", Budget::administration, "SupabaseUserAttributes", 200, api::conflict},
    {"DELETE", "/admin/users/:id", Caller::admin, "Delete a user", remove_user,
     R"({"type":"object"})", Budget::administration, R"({"should_soft_delete": {"const": false}})",
     200, api::conflict},
    {"GET", "/admin/users/:id/factors", Caller::auditor, "Second factors of a user: none",
     get_factors, R"({"type": "array", "maxItems": 0})"},
};

} // namespace

void add_admin_routes(Routes &routes) {
    for (const api::Row &row : admin_table)
        routes.add(row);
}

} // namespace pg_principal::supabase
