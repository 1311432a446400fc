#include "supabase/fields.hpp"

#include <algorithm>
#include <ctime>

#include "base/text_object.hpp"
#include "supabase/call.hpp"

namespace pg_principal::supabase {

using namespace http;

namespace {

// Metadata from elsewhere may be deeper than what requests may bring.
constexpr json::Limits payload_limits{512, 64u << 20};

struct Name {
    std::string_view theirs, ours;
};

constexpr Name names[] = {
    {"password_hash", "passwordHash"}, {"current_password", "currentPassword"},
    {"ban_duration", "banDuration"},   {"email_confirm", "emailConfirmed"},
    {"phone", "phoneNumber"},          {"user_metadata", "userMetadata"},
    {"app_metadata", "appMetadata"}};

// Of the others both are the same.
std::string_view translated(std::string_view name, std::string_view Name::*from,
                            std::string_view Name::*to) {
    for (const Name &known : names)
        if (known.*from == name)
            return known.*to;
    return name;
}

// As tokens have it: the application's members as they are, and what we say of every principal
// under a name of our own.
void write_app_metadata(std::string &out, json::Value user) {
    constexpr std::string_view ours = "pg_principal";
    const json::Value theirs = user.find("appMetadata");
    json::ObjectWriter object(out);
    if (!theirs.find("provider"))
        object.text("provider", "email");
    if (!theirs.find("providers"))
        object.raw("providers", "[\"email\"]");
    for (const json::Member member : theirs.members())
        if (member.name != ours)
            object.value(member.name, member.value);
    json::ObjectWriter principal(object.nested(ours));
    principal.value("kind", user.find("kind"));
    principal.value("role", user.find("role"));
    principal.end();
    object.end();
}

// Every principal has one identity, its email.
void write_identity(std::string &out, json::Value user) {
    json::ObjectWriter object(out);
    for (const char *name : {"identity_id", "id", "user_id"})
        object.value(name, user.find("id"));
    json::ObjectWriter claims(object.nested("identity_data"));
    claims.value("sub", user.find("id"));
    claims.value("email", user.find("email"));
    claims.boolean("email_verified", user.find("emailConfirmedAt").is_string());
    claims.boolean("phone_verified", false);
    claims.end();
    object.text("provider", "email");
    object.value("last_sign_in_at", user.find("lastSignInAt"));
    object.value("created_at", user.find("createdAt"));
    object.value("updated_at", user.find("updatedAt"));
    object.value("email", user.find("email"));
    object.end();
}

void write_user(std::string &out, json::Value user) {
    json::ObjectWriter object(out);
    const auto when_known = [&](std::string_view name, std::string_view ours) {
        if (const json::Value value = user.find(ours); value.is_string())
            object.value(name, value);
    };
    object.value("id", user.find("id"));
    object.text("aud", "authenticated");
    object.text("role", "authenticated");
    object.value("email", user.find("email"));
    when_known("email_confirmed_at", "emailConfirmedAt");
    const json::Value phone = user.find("phoneNumber");
    object.text("phone", phone.is_string() ? phone.as_string() : std::string_view());
    when_known("confirmed_at", "emailConfirmedAt");
    when_known("last_sign_in_at", "lastSignInAt");
    write_app_metadata(object.nested("app_metadata"), user);
    object.value("user_metadata", user.find("userMetadata"));
    write_identity(object.nested("identities") += '[', user);
    out += ']';
    object.value("created_at", user.find("createdAt"));
    object.value("updated_at", user.find("updatedAt"));
    when_known("banned_until", "bannedUntil");
    object.boolean("is_anonymous", false);
    object.end();
}

// Supabase Auth's words for what a password lacks: clients look for them.
void tell_weakness(const std::vector<std::string_view> &messages, Problems &problems) {
    constexpr std::string_view fewest = " must have at least ", most = " must have at most ";
    constexpr Name sets[] = {{"lower-case", "abcdefghijklmnopqrstuvwxyz"},
                             {"upper-case", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
                             {"digit", "0123456789"},
                             {"symbol", "!@#$%^&*()_+-=[]{};'\\:\"|<>?,./`~"}};
    std::vector<std::string_view> &reasons = problems.weak_password;
    std::string text, missing;
    const auto say = [&](std::string_view reason, std::string_view begin, std::string_view end) {
        if (std::find(reasons.begin(), reasons.end(), reason) == reasons.end())
            reasons.push_back(reason);
        if (!begin.empty())
            text.append(text.empty() ? "" : " ").append(begin).append(end).append(".");
    };
    for (const std::string_view message : messages) {
        const auto set = std::find_if(std::begin(sets), std::end(sets), [&](const Name &one) {
            return message.find(one.theirs) != message.npos;
        });
        if (message.substr(0, fewest.size()) == fewest)
            say("length", "Password should be at least ", message.substr(fewest.size()));
        else if (message.substr(0, most.size()) == most)
            say("length", "Password cannot be longer than ", message.substr(most.size()));
        else if (set == std::end(sets))
            say("characters", "Password", message);
        else {
            say("characters", "", "");
            missing.append(missing.empty() ? "" : ", ").append(set->ours);
        }
    }
    if (!missing.empty())
        say("characters", "Password should contain at least one character of each: ", missing);
    if (!text.empty())
        problems.text = std::move(text);
}

} // namespace

Body::Body(const Request &request, api::Need body) {
    try {
        fields_.emplace(request, "", body);
    } catch (const api::Answer &answer) {
        const int status = answer.response.status;
        throw Refusal{status, status == 413 ? "request_entity_too_large" : "bad_json",
                      read_problems(answer.response.body).text};
    }
}

json::Value Body::find(std::string_view name) const {
    const json::Value value = fields_->root().find(name);
    return value.is_null() ? json::Value() : value;
}

std::string Body::text(std::string_view name) const {
    const json::Value value = find(name);
    if (value && !value.is_string())
        throw Refusal{400, "bad_json", std::string(name) + " must be a string"};
    return value ? std::string(value.as_string()) : std::string();
}

void Body::copy(std::string_view name, json::ObjectWriter &object) const {
    if (const std::string value = text(name); !value.empty())
        object.text(translated(name, &Name::theirs, &Name::ours), value);
}

bool Body::flag(std::string_view name) const {
    const json::Value value = find(name);
    if (value && !value.is_bool())
        throw Refusal{400, "bad_json", std::string(name) + " must be true or false"};
    return value && value.as_bool();
}

json::Value Body::object(std::string_view name) const {
    const json::Value value = find(name);
    if (value && !value.is_object())
        throw Refusal{400, "bad_json", std::string(name) + " must be an object"};
    return value;
}

std::string user_body(const std::string &payload) {
    const json::Document document(payload, payload_limits);
    std::string out;
    out.reserve(2 * payload.size()); // what is said twice is its times and its email
    write_user(out, document.root().find("user"));
    return out;
}

std::string session_body(const std::string &payload) {
    const json::Document document(payload, payload_limits);
    const json::Value tokens = document.root().find("tokens"),
                      lifetime = tokens.find("accessTokenExpiresIn");
    JsonObject object;
    object.value("access_token", tokens.find("accessToken"));
    object.text("token_type", "bearer");
    object.value("expires_in", lifetime);
    object.number("expires_at", std::time(nullptr) + lifetime.as_int64().value_or(0));
    object.value("refresh_token", tokens.find("refreshToken"));
    write_user(object.nested("user"), document.root().find("user"));
    return object.done();
}

Users users_body(const std::string &payload) {
    const json::Document document(payload, payload_limits);
    Users users{"{\"users\":[", document.root().find("total").as_int64().value_or(0)};
    for (const json::Value user : document.root().find("users").elements()) {
        users.body += users.body.back() == '[' ? "" : ",";
        write_user(users.body, user);
    }
    users.body += "],\"aud\":\"authenticated\"}";
    return users;
}

std::string profile_of(const Body &body, std::string_view changed_id) {
    if (const std::string role = body.text("role"); !role.empty() && role != "authenticated")
        throw Refusal{400, "validation_failed",
                      "role must be authenticated; the app role is set at /api/users/:id/role"};
    JsonObject object;
    if (const std::string id = body.text("id"); !id.empty() && id != changed_id)
        object.text("id", id);
    for (const char *name : {"email", "password", "password_hash", "phone", "ban_duration"})
        body.copy(name, object);
    if (body.flag("email_confirm"))
        object.boolean("emailConfirmed", true);
    if (const json::Value metadata = body.object("user_metadata"))
        object.value("userMetadata", metadata);
    if (const json::Value metadata = body.object("app_metadata"))
        object.value("appMetadata", metadata);
    return object.done();
}

Problems read_problems(const std::string &payload) {
    json::Document document;
    Problems problems;
    if (!json::try_parse(document, payload, payload_limits))
        return problems;
    std::vector<std::string_view> weak;
    if (const json::Value errors = document.root().find("errors"); errors.is_array())
        for (const json::Value error : errors.elements()) {
            const std::string_view field = error.find("field").as_string();
            std::string_view message = error.find("message").as_string();
            if (message.substr(0, field.size()) == field)
                message.remove_prefix(field.size());
            if (field == "password")
                weak.push_back(message);
            problems.bad_email |= field == "email";
            problems.text.append(problems.text.empty() ? "" : "; ")
                .append(translated(field, &Name::ours, &Name::theirs))
                .append(message);
        }
    tell_weakness(weak, problems);
    if (const json::Value message = document.root().find("message");
        problems.text.empty() && message.is_string())
        problems.text = message.as_string();
    return problems;
}

} // namespace pg_principal::supabase
