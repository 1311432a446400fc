// Between Supabase Auth's names for things and the database's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/fields.hpp"
#include "core/json/writer.hpp"

namespace pg_principal::supabase {

// A request's body: one JSON object. Names that nobody asks for are no matter, as in Supabase Auth.
class Body {
  public:
    // Throws Refusal for what is not a JSON object within the limits of size and depth.
    explicit Body(const http::Request &request, api::Need body = api::Need::required);

    // "" when it is missing, null or "". Throws Refusal when it is not a text.
    std::string text(std::string_view name) const;
    // Writes such a text unless it is "", under the database's name.
    void copy(std::string_view name, json::ObjectWriter &object) const;
    bool flag(std::string_view name) const; // false when missing; throws Refusal when it is none
    // Missing when it is null, too. Throws Refusal when it is not an object.
    json::Value object(std::string_view name) const;

  private:
    json::Value find(std::string_view name) const;
    std::optional<api::Fields> fields_;
};

// {"user": ...} or {"user": ..., "tokens": ...} of the database, as Supabase Auth has it.
std::string user_body(const std::string &payload);
std::string session_body(const std::string &payload);

struct Users {
    std::string body;
    std::int64_t total = 0;
};
Users users_body(const std::string &payload);

// What an administrator may say of a user, as auth.create_user() and auth.update_user() read it.
// Of a user that is changed, the id may be said again, as in an echo of the whole user.
std::string profile_of(const Body &body, std::string_view changed_id = {});

struct Problems {
    std::string text; // one line; of a weak password that alone
    bool bad_email = false;
    std::vector<std::string_view> weak_password;
};
// {"message": ..., "errors": [{"field": ..., "message": ...}]} of the database.
Problems read_problems(const std::string &payload);

} // namespace pg_principal::supabase
