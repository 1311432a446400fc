// What of the translation between Supabase Auth's names and the database's a client cannot reach.
#include "core_support.hpp"

#include "supabase/call.hpp"
#include "supabase/fields.hpp"

#include <ctime>

namespace pg_principal::supabase {
namespace {

const std::string plain =
    R"({"id":"00000000-0000-4000-8000-00000000000a","email":"a@example.com","kind":"person",)"
    R"("role":"ANALYST","userMetadata":{},"appMetadata":{},"createdAt":"2026-01-01T00:00:00.000Z",)"
    R"("updatedAt":"2026-01-02T00:00:00.000Z","emailConfirmedAt":null,"lastSignInAt":null,)"
    R"("bannedUntil":null,"phoneNumber":null})";

// The plain user with a member replaced.
std::string user_with(std::string user, std::string_view name, const std::string &value) {
    const std::string key = json::quote(name) + ":";
    const std::size_t from = user.find(key) + key.size(), to = user.find_first_of(",}", from);
    const bool object = user[from] == '{';
    return user.replace(from, to + object - from, value);
}

std::string shown(const std::string &user) { return user_body("{\"user\":" + user + "}"); }

struct Posted {
    explicit Posted(std::string text) : bytes(std::move(text)) { request.body = bytes; }
    std::string bytes;
    http::Request request;
};

std::string profile(const std::string &text, std::string_view changed_id = {}) {
    const Posted posted(text);
    return profile_of(Body(posted.request), changed_id);
}

// "status code: message" of the refusal, "" when there is none.
template <class Act>
std::string refusal(Act &&act) {
    try {
        act();
        return "";
    } catch (const Refusal &refused) {
        return std::to_string(refused.status) + ' ' + std::string(refused.code) + ": " +
               refused.message;
    }
}

TEST(SupabaseUser, AllOfIt) {
    EXPECT_EQ(
        shown(plain),
        R"({"id":"00000000-0000-4000-8000-00000000000a","aud":"authenticated",)"
        R"("role":"authenticated","email":"a@example.com","phone":"",)"
        R"("app_metadata":{"provider":"email","providers":["email"],)"
        R"("pg_principal":{"kind":"person","role":"ANALYST"}},)"
        R"("user_metadata":{},"identities":[{"identity_id":"00000000-0000-4000-8000-00000000000a",)"
        R"("id":"00000000-0000-4000-8000-00000000000a",)"
        R"("user_id":"00000000-0000-4000-8000-00000000000a",)"
        R"("identity_data":{"sub":"00000000-0000-4000-8000-00000000000a","email":"a@example.com",)"
        R"("email_verified":false,"phone_verified":false},"provider":"email","last_sign_in_at":null,)"
        R"("created_at":"2026-01-01T00:00:00.000Z","updated_at":"2026-01-02T00:00:00.000Z",)"
        R"("email":"a@example.com"}],"created_at":"2026-01-01T00:00:00.000Z",)"
        R"("updated_at":"2026-01-02T00:00:00.000Z","is_anonymous":false})");
}

TEST(SupabaseUser, WhatIsKnownOnlySometimes) {
    std::string user = plain;
    for (const char *name : {"emailConfirmedAt", "lastSignInAt", "bannedUntil"})
        user = user_with(user, name, json::quote(name));
    const std::string text = shown(user_with(user, "phoneNumber", R"("+1 \"x\"")"));
    const json::Document all(text);
    EXPECT_EQ(all.root().find("email_confirmed_at").as_string(), "emailConfirmedAt");
    EXPECT_EQ(all.root().find("confirmed_at").as_string(), "emailConfirmedAt");
    EXPECT_EQ(all.root().find("last_sign_in_at").as_string(), "lastSignInAt");
    EXPECT_EQ(all.root().find("banned_until").as_string(), "bannedUntil");
    EXPECT_EQ(all.root().find("phone").as_string(), "+1 \"x\"");
    const std::string less = shown(plain);
    for (const char *name :
         {"email_confirmed_at", "confirmed_at", "\"last_sign_in_at\":\"", "banned_until"})
        EXPECT_EQ(less.find(name), less.npos) << name;
}

TEST(SupabaseUser, MetadataStaysAsItIs) {
    const auto nested = [](std::size_t depth) {
        return "{\"a\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
    };
    for (const std::string &odd :
         {nested(400), std::string("{\"a\":1.50,\"b\":-0e0,\"c\":12345678901234567890,"
                                   "\"d\":\"\\u0001\\\"\xc3\xa9\",\"\":{\"e\":[null]}}")}) {
        const std::string text = shown(user_with(plain, "userMetadata", odd));
        EXPECT_NE(text.find("\"user_metadata\":" + odd + ","), text.npos) << text;
    }
    EXPECT_THROW(shown(user_with(plain, "userMetadata", nested(600))), Error);
}

// What an application keeps there stays as it is; only one name is ours.
TEST(SupabaseUser, TheApplicationsMetadataIsItsOwn) {
    const auto app_metadata = [](const char *theirs) {
        const std::string user = shown(user_with(plain, "appMetadata", theirs));
        const json::Document all(user);
        std::string text;
        json::append_value(text, all.root().find("app_metadata"));
        return text;
    };
    EXPECT_EQ(app_metadata(
                  R"({"provider":"github","plan":"pro","providers":[],"kind":"x","role":"ADMIN"})"),
              R"({"provider":"github","plan":"pro","providers":[],"kind":"x","role":"ADMIN",)"
              R"("pg_principal":{"kind":"person","role":"ANALYST"}})");
    EXPECT_EQ(app_metadata(R"({"pg_principal":"x","role":null})"),
              R"({"provider":"email","providers":["email"],"role":null,)"
              R"("pg_principal":{"kind":"person","role":"ANALYST"}})");
}

TEST(SupabaseSession, TokensAndUser) {
    const std::time_t before = std::time(nullptr);
    const std::string text = session_body(
        "{\"user\":" + plain +
        R"(,"tokens":{"accessToken":"a.b.c","accessTokenExpiresIn":900,"refreshToken":"r",)"
        R"("refreshTokenExpiresIn":604800}})");
    const json::Document session(text);
    const json::Value root = session.root();
    EXPECT_EQ(root.size(), 6u);
    EXPECT_EQ(root.find("access_token").as_string(), "a.b.c");
    EXPECT_EQ(root.find("token_type").as_string(), "bearer");
    EXPECT_EQ(root.find("expires_in").as_int64(), 900);
    EXPECT_GE(root.find("expires_at").as_int64().value_or(0), before + 900);
    EXPECT_LE(root.find("expires_at").as_int64().value_or(0), std::time(nullptr) + 900);
    EXPECT_EQ(root.find("refresh_token").as_string(), "r");
    std::string user;
    json::append_value(user, root.find("user"));
    EXPECT_EQ(user, shown(plain));
}

TEST(SupabaseUsers, AnyNumber) {
    EXPECT_EQ(users_body(R"({"users":[],"total":0})").body,
              R"({"users":[],"aud":"authenticated"})");
    const Users two = users_body("{\"users\":[" + plain + "," + plain + "],\"total\":7}");
    EXPECT_EQ(two.total, 7);
    EXPECT_EQ(two.body,
              "{\"users\":[" + shown(plain) + "," + shown(plain) + "],\"aud\":\"authenticated\"}");
}

TEST(SupabaseProfile, NamesAreTranslated) {
    EXPECT_EQ(profile("{}"), "{}");
    EXPECT_EQ(profile(R"({"email":"a@b.c","password":"p","password_hash":"h","phone":"1","id":"i",)"
                      R"("ban_duration":"1h","email_confirm":true,"user_metadata":{"a":null},)"
                      R"("app_metadata":{"x":1}})"),
              R"({"id":"i","email":"a@b.c","password":"p","passwordHash":"h","phoneNumber":"1",)"
              R"("banDuration":"1h","emailConfirmed":true,"userMetadata":{"a":null},)"
              R"("appMetadata":{"x":1}})");
    EXPECT_EQ(profile(R"({"email":"","password":"","phone":"","ban_duration":"","id":null,)"
                      R"("email_confirm":false,"user_metadata":null,"app_metadata":null,)"
                      R"("role":"authenticated","aud":"x","phone_confirm":1,"nonce":[]})"),
              "{}");
}

TEST(SupabaseProfile, AppMetadataIsNothingOfOurs) {
    for (const std::string metadata :
         {R"({"role":"ADMIN","provider":"x","kind":"service_account","providers":["y"]})",
          R"({"pg_principal":{"kind":"person","role":"ADMIN"},"role":7,"kind":null})"})
        EXPECT_EQ(profile("{\"app_metadata\":" + metadata + "}"),
                  "{\"appMetadata\":" + metadata + "}");
}

TEST(SupabaseProfile, TheIdMayBeSaidAgain) {
    EXPECT_EQ(profile(R"({"id":"i"})", "i"), "{}");
    EXPECT_EQ(profile(R"({"id":"j"})", "i"), R"({"id":"j"})");
}

TEST(SupabaseProfile, WrongTypes) {
    EXPECT_EQ(refusal([] { profile(R"({"role":"service_role"})"); }),
              "400 validation_failed: role must be authenticated; the app role is set at "
              "/api/users/:id/role");
    for (const char *name : {"id", "email", "password", "password_hash", "phone", "ban_duration"})
        EXPECT_EQ(refusal([&] { profile("{" + json::quote(name) + ":1}"); }),
                  "400 bad_json: " + std::string(name) + " must be a string");
    for (const char *name : {"user_metadata", "app_metadata"})
        EXPECT_EQ(refusal([&] { profile("{" + json::quote(name) + ":[]}"); }),
                  "400 bad_json: " + std::string(name) + " must be an object");
    EXPECT_EQ(refusal([] { profile(R"({"email_confirm":"true"})"); }),
              "400 bad_json: email_confirm must be true or false");
}

TEST(SupabaseBody, WhatIsNone) {
    const auto read = [](const char *text, api::Need may) {
        const Posted posted(text);
        return refusal([&] { Body(posted.request, may).text("x"); });
    };
    const std::string bad = "400 bad_json: The body must be a JSON object";
    for (const char *text : {"[]", "null", "1"})
        EXPECT_EQ(read(text, api::Need::optional), bad) << text;
    const std::pair<const char *, const char *> defects[] = {
        {"{", "unexpected end at offset 1"},
        {"{} x", "text after the value at offset 3"},
        {"{\"x\":1,\"x\":2}", "repeated name at offset 10"}};
    for (const auto &[text, defect] : defects)
        EXPECT_EQ(read(text, api::Need::optional),
                  std::string("400 bad_json: The body is not valid JSON: ") + defect);
    EXPECT_EQ(read("", api::Need::optional), "");
    EXPECT_EQ(read("", api::Need::required),
              "400 bad_json: The body is not valid JSON: unexpected end at offset 0");
}

TEST(SupabaseProblems, OneLineInTheirNames) {
    const auto read = [](const std::string &payload) {
        Problems problems = read_problems(payload);
        for (const std::string_view reason : problems.weak_password)
            problems.text.append(" [").append(reason).append("]");
        return problems.text;
    };
    EXPECT_EQ(read(R"({"message":"m"})"), "m");
    EXPECT_EQ(read(R"({"message":"m","errors":[]})"), "m");
    EXPECT_EQ(
        read(R"({"message":"m","errors":[{"field":"userMetadata","message":"userMetadata x"},)"
             R"({"field":"email","message":"email has no @"}]})"),
        "user_metadata x; email has no @");
    EXPECT_EQ(read(R"({"errors":[{"field":"password","message":"password must have at most 9"}]})"),
              "Password cannot be longer than 9. [length]");
    // a weak password is told of by itself
    EXPECT_EQ(read(R"({"errors":[{"field":"password","message":"password must have a digit"},)"
                   R"({"field":"email","message":"email has no @"},)"
                   R"({"field":"password","message":"password must have an upper-case letter"},)"
                   R"({"field":"password","message":"password must have at least 9"}]})"),
              "Password should be at least 9. Password should contain at least one character of "
              "each: 0123456789, ABCDEFGHIJKLMNOPQRSTUVWXYZ. [characters] [length]");
    EXPECT_EQ(read(R"({"errors":[{"field":"password","message":"password must be UTF-8"}]})"),
              "Password must be UTF-8. [characters]");
    for (const char *other : {"", "x", "[]", "7", "{}", R"({"message":7})", R"({"errors":7})"})
        EXPECT_EQ(read(other), "") << other;
}

} // namespace
} // namespace pg_principal::supabase
