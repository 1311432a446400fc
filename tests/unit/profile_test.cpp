#include "core_support.hpp"

#include "core/principals/profile.hpp"

namespace pg_principal {
namespace {

const std::vector<std::string_view> every_field = {
    "email",          "password", "firstName",    "lastName",     "jobTitle",
    "phoneNumber",    "role",     "kind",         "userMetadata", "appMetadata",
    "emailConfirmed", "id",       "passwordHash", "banDuration"};

Profile read(std::string_view text, const std::vector<std::string_view> &required = {},
             const std::vector<std::string_view> &allowed = every_field) {
    ProfileRules rules;
    rules.allowed = allowed;
    rules.required = required;
    const json::Document document(text);
    return read_profile(document.root(), rules);
}

// The problems as lines "field: reason".
std::string problems(std::string_view text, const std::vector<std::string_view> &required = {},
                     const std::vector<std::string_view> &allowed = every_field) {
    std::string out;
    for (const ProfileProblem &problem : read(text, required, allowed).problems)
        out += problem.field + ": " + problem.reason + '\n';
    return out;
}

std::string fields(std::string_view text) {
    const Profile profile = read(text);
    EXPECT_TRUE(profile.problems.empty()) << problems(text);
    return profile.fields;
}

std::string text_field(std::string_view name, const std::string &value) {
    return "{" + json::quote(name) + ":" + json::quote(value) + "}";
}

TEST(Profile, FieldsAreNormalised) {
    EXPECT_EQ(fields("{}"), "{}");
    EXPECT_EQ(fields(R"({"email": " Ann@Example.COM\t"})"), R"({"email":"ann@example.com"})");
    EXPECT_EQ(fields(R"({"firstName": " Ann ", "lastName": "\n A\r", "jobTitle": "a  b"})"),
              R"({"firstName":"Ann","lastName":"A","jobTitle":"a  b"})");
    EXPECT_EQ(fields(R"({"password": " Th1sIsAStrong!Pass "})"),
              R"({"password":" Th1sIsAStrong!Pass "})"); // not trimmed
    EXPECT_EQ(fields(R"({"firstName": "\u00e9\"\\"})"), "{\"firstName\":\"\xc3\xa9\\\"\\\\\"}");
    EXPECT_EQ(fields(R"({"emailConfirmed": true})"), R"({"emailConfirmed":true})");
    EXPECT_EQ(fields(R"({"emailConfirmed": false})"), R"({"emailConfirmed":false})");
}

TEST(Profile, NullTakesAwayWhatCanBeTakenAway) {
    EXPECT_EQ(
        fields(R"({"firstName": null, "lastName": "", "jobTitle": " ", "phoneNumber": null})"),
        R"({"firstName":null,"lastName":null,"jobTitle":null,"phoneNumber":null})");
    EXPECT_EQ(fields(R"({"email": null, "password": null, "role": null, "kind": null,
                         "userMetadata": null, "appMetadata": null, "emailConfirmed": null})"),
              "{}");
}

TEST(Profile, MetadataIsJudgedAndLeftToTheCaller) {
    EXPECT_EQ(fields(R"({"userMetadata": {"a": [1, {"b": null}]}, "appMetadata": {}})"), "{}");
    for (const char *name : {"userMetadata", "appMetadata"})
        for (const char *value : {"[]", "\"{}\"", "1", "true"})
            EXPECT_EQ(problems("{\"" + std::string(name) + "\":" + value + "}"),
                      std::string(name) + ": must be an object\n");
}

TEST(Profile, RolesAndKindsAreTheseAlone) {
    for (const char *role : {"READ_ONLY", "ANALYST", "AUDITOR", "ADMIN"})
        EXPECT_EQ(fields(text_field("role", role)), text_field("role", role));
    for (const char *role : {"", "admin", "Admin", "ADMIN ", "ROOT", "READ ONLY"})
        EXPECT_EQ(problems(text_field("role", role)),
                  "role: must be READ_ONLY, ANALYST, AUDITOR or ADMIN\n");
    for (const char *kind : {"person", "service_account"})
        EXPECT_EQ(fields(text_field("kind", kind)), text_field("kind", kind));
    for (const char *kind : {"", "human", "Person", "service account"})
        EXPECT_EQ(problems(text_field("kind", kind)), "kind: must be person or service_account\n");
}

TEST(Profile, LengthsCountCharacters) {
    const std::pair<const char *, std::size_t> limits[] = {
        {"firstName", 64}, {"lastName", 64}, {"jobTitle", 128}, {"phoneNumber", 32}};
    for (const auto &[name, most] : limits) {
        std::string narrow(most, 'x'), wide;
        for (std::size_t i = 0; i < most; ++i)
            wide += "\xf0\x9f\x98\x80";
        EXPECT_EQ(fields(text_field(name, narrow)), text_field(name, narrow));
        EXPECT_EQ(fields(text_field(name, wide)), text_field(name, wide));
        EXPECT_EQ(fields(text_field(name, "  " + wide + " ")), text_field(name, wide));
        for (const std::string &text : {narrow + 'x', wide + 'x'})
            EXPECT_TRUE(contains(problems(text_field(name, text)),
                                 "longer than " + std::to_string(most) + " characters"))
                << problems(text_field(name, text));
    }
    for (const char *text : {"a\nb", "a\tb", "\x7f",
                             "a\xc2\x85"
                             "b"})
        EXPECT_TRUE(contains(problems(text_field("firstName", text)), "control character")) << text;
}

TEST(Profile, TypesAreNamed) {
    for (const char *name :
         {"email", "password", "firstName", "lastName", "jobTitle", "phoneNumber", "role", "kind"})
        for (const char *value : {"1", "true", "[]", "{}"})
            EXPECT_EQ(problems("{\"" + std::string(name) + "\":" + value + "}"),
                      std::string(name) + ": must be a string\n");
    for (const char *value : {"1", "\"true\"", "[]", "{}"})
        EXPECT_EQ(problems(std::string("{\"emailConfirmed\":") + value + "}"),
                  "emailConfirmed: must be true or false\n");
    for (const char *value : {"null", "1", "\"x\"", "[]", "[{\"email\": \"a@b\"}]", "true"})
        EXPECT_EQ(problems(value, {"email"}), ": must be an object of fields\n");
}

TEST(Profile, EveryProblemAtOnceAndNoFieldsWorthHaving) {
    EXPECT_EQ(problems(R"({"email": "no-at", "password": "short", "firstName": 1, "role": "root",
                           "isAdmin": true})",
                       {"email", "password", "lastName"}),
              "email: has no @\n"
              "password: must have at least 12 characters\n"
              "password: must have an upper-case letter\n"
              "password: must have a digit\n"
              "password: must have a symbol\n"
              "firstName: must be a string\n"
              "role: must be READ_ONLY, ANALYST, AUDITOR or ADMIN\n"
              "isAdmin: is not a known field\n"
              "lastName: is required\n");
}

TEST(Profile, OnlyWhatIsAllowedIsAField) {
    EXPECT_EQ(problems(R"({"role": "ADMIN"})", {}, {"email", "firstName"}),
              "role: is not a known field\n");
    EXPECT_EQ(problems(R"({"role": null, "Email": "a@b.c", "": 1})", {}, {"email"}),
              "role: is not a known field\nEmail: is not a known field\n: is not a known field\n");
    EXPECT_EQ(problems("{}", {}, {}), "");
    EXPECT_EQ(problems(R"({"nonsense": 1})", {}, {"nonsense"}), "nonsense: is not a known field\n");
}

TEST(Profile, RequiredMeansThereAndNotNull) {
    EXPECT_EQ(problems("{}", {"email", "password"}), "email: is required\npassword: is required\n");
    EXPECT_EQ(problems(R"({"email": null})", {"email"}), "email: is required\n");
    EXPECT_EQ(problems(R"({"email": 1})", {"email"}), "email: must be a string\n"); // once
    EXPECT_EQ(problems(R"({"email": "a@b"})", {"email"}), "");
}

TEST(Profile, ThePolicyIsTheCallers) {
    ProfileRules rules;
    rules.allowed = {"password"};
    rules.password.min_length = 1;
    rules.password.classes = {};
    const json::Document document(R"({"password": "a"})");
    EXPECT_EQ(read_profile(document.root(), rules).fields, R"({"password":"a"})");
    rules.password.classes.digit = true;
    EXPECT_EQ(read_profile(document.root(), rules).problems.at(0).reason, "must have a digit");
}

TEST(Profile, ProblemsAsJson) {
    EXPECT_EQ(problems_json({}), "[]");
    EXPECT_EQ(problems_json({{"email", "has no @"}, {"", "must be an object of fields"}}),
              R"([{"field":"email","message":"email has no @"},)"
              R"({"field":"","message":"the profile must be an object of fields"}])");
    // what somebody else named is shown short and on one line
    const std::string text = problems_json({{"a\n\"" + std::string(100000, 'x'), "is no field"}});
    EXPECT_LT(text.size(), 400u);
    EXPECT_TRUE(contains(text, "a?\\\"xxx")) << text;
    EXPECT_FALSE(contains(text, "\n"));
}

TEST(Profile, Id) {
    EXPECT_EQ(fields(R"({"id": "9C1AB2D0-7a1b-4e5f-8a6b-0123456789ab"})"),
              R"({"id":"9C1AB2D0-7a1b-4e5f-8a6b-0123456789ab"})");
    EXPECT_EQ(fields(R"({"id": null})"), "{}");
    for (const std::string value :
         {"", "7", "9c1ab2d07a1b4e5f8a6b0123456789ab", "{9c1ab2d0-7a1b-4e5f-8a6b-0123456789ab}",
          "9c1ab2d0-7a1b-4e5f-8a6b-0123456789ag", " 9c1ab2d0-7a1b-4e5f-8a6b-0123456789ab",
          "9c1ab2d0-7a1b-4e5f-8a6b-0123456789abc", "9c1ab2d0-7a1b-4e5f-8a6b00123456789ab"})
        EXPECT_EQ(problems(text_field("id", value)), "id: must be a UUID\n") << value;
    for (const char digit : {'0', 'f', 'F'}) {
        std::string value(36, digit);
        for (const std::size_t dash : {8, 13, 18, 23})
            value[dash] = '-';
        EXPECT_EQ(problems(text_field("id", value)), "id: must not be the nil or the max UUID\n");
    }
    EXPECT_EQ(problems(R"({"id": 7})"), "id: must be a string\n");
}

TEST(Profile, PasswordHash) {
    for (const std::string hash : {"$2b$05$9b.1NFrh3pa.pBvEH4uquudxdY2a2bNF.F4liv.Hec1FDs/AYpkmS",
                                   "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
                                   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})
        EXPECT_EQ(fields(text_field("passwordHash", hash)),
                  "{\"passwordHash\":" + json::quote(hash) + "}");
    const std::pair<std::string, std::string> refused[] = {
        {"", "is of an unknown kind, which cannot be verified here"},
        {"plain", "is of an unknown kind, which cannot be verified here"},
        {"$1$abc$def", "is MD5-crypt, which cannot be verified here"},
        {"$2b$31$9b.1NFrh3pa.pBvEH4uquudxdY2a2bNF.F4liv.Hec1FDs/AYpkmS",
         "exceeds the accepted cost: bcrypt of cost 31, at most a cost of 14"}};
    for (const auto &[hash, problem] : refused)
        EXPECT_EQ(problems(text_field("passwordHash", hash)), "passwordHash: " + problem + "\n");
    EXPECT_EQ(problems(R"({"passwordHash": []})"), "passwordHash: must be a string\n");
}

TEST(Profile, BanDuration) {
    EXPECT_EQ(fields(R"({"banDuration": "none"})"), R"({"banDuration":"0 us"})");
    EXPECT_EQ(fields(R"({"banDuration": "1h30m"})"), R"({"banDuration":"5400000000 us"})");
    EXPECT_EQ(fields(R"({"banDuration": "876000h"})"), R"({"banDuration":"3153600000000000 us"})");
    EXPECT_EQ(fields(R"({"banDuration": "8784000h"})"),
              R"({"banDuration":"31622400000000000 us"})");
    EXPECT_EQ(fields(R"({"banDuration": null})"), "{}");
    for (const std::string value :
         {"", "None", "1d", "-1h", "forever", "8784001h", "99999999999999999999h"})
        EXPECT_EQ(problems(text_field("banDuration", value)),
                  "banDuration: must be none or a duration such as 24h30m, of at most 1000 years\n")
            << value;
    EXPECT_EQ(problems(R"({"banDuration": 3600})"), "banDuration: must be a string\n");
}

} // namespace
} // namespace pg_principal
