#include "api/fields.hpp"
#include "api/routes.hpp"
#include "http/dispatcher.hpp"
#include "serve/routes.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace pg_principal::api {
namespace {

using namespace db;
using namespace http;
using Json = nlohmann::json;

Request request(std::string_view body, std::string_view type = "application/json") {
    Request made;
    made.body = body;
    if (!type.empty())
        made.headers.push_back({"content-type", type});
    return made;
}

// What the request is answered when its fields are read: 0 when they are good.
template <class F>
Response refusal(F &&read) {
    try {
        read();
    } catch (Answer &answer) {
        return std::move(answer.response);
    }
    return Response::empty(0);
}

int status_of(const Request &request, Need need = Need::required) {
    return refusal([&] { Fields(request, "Refused", need); }).status;
}

TEST(ApiFields, OnlyObjectsOfBoundedDepth) {
    for (const char *good : {"{}", " {\"a\":1} ", "{\"a\":[{\"b\":null}]}", "{\"a\":1e308}"})
        EXPECT_EQ(status_of(request(good)), 0) << good;
    for (const char *bad : {"", "[]", "1", "{", "{} {}", "{\"a\":1,\"a\":2}", "{\"a\":1e309}",
                            "{\"a\":[-1e400]}", "{\"a\":\"\\u0000\"}", "{\"a\":\"\xff\"}"})
        EXPECT_EQ(status_of(request(bad)), 400) << bad;
    const auto nested = [](int depth) {
        return "{\"a\":" + std::string(static_cast<std::size_t>(depth), '[') +
               std::string(static_cast<std::size_t>(depth), ']') + '}';
    };
    const std::string shallow = nested(15), deep = nested(16);
    EXPECT_EQ(status_of(request(shallow)), 0);
    EXPECT_EQ(status_of(request(deep)), 400);
}

TEST(ApiFields, TypesThatAreJson) {
    for (const char *good : {"", "application/json", "Application/JSON ; charset=utf-8",
                             "application/merge-patch+json"})
        EXPECT_EQ(status_of(request("{}", good)), 0) << good;
    for (const char *bad : {"text/json", "application/jsonp", "+json", "text/plain", ";"})
        EXPECT_EQ(status_of(request("{}", bad)), *bad == ';' ? 0 : 415) << bad;
    EXPECT_EQ(status_of(request("", "text/plain"), Need::optional), 0);
}

TEST(ApiFields, EveryBadFieldIsNamedAtOnce) {
    const Request given = request(R"({"id":"x","scope":"some","list":[1],"more":1,"text":2})");
    const Response answer = refusal([&] {
        Fields fields(given, "Refused");
        EXPECT_FALSE(fields.read({"missing"}));
        fields.read({"id", Part::uuid});
        fields.read({"text"});
        fields.read({"scope", Part::text, Need::optional, {}, {"one", "two"}});
        fields.read({"list", Part::texts, Need::optional});
        fields.check();
    });
    EXPECT_EQ(answer.status, 400);
    const Json told = Json::parse(answer.body);
    EXPECT_EQ(told["message"], "Refused");
    std::vector<std::string> names;
    for (const Json &problem : told["errors"])
        names.push_back(problem["field"]);
    EXPECT_EQ(names, (std::vector<std::string>{"missing", "id", "text", "scope", "list", "more"}));
}

TEST(ApiFields, Values) {
    const Request given = request(
        R"({"id":"00000000-0000-4000-8000-00000000000A","none":null,"list":["a\"b","\\{,}",""]})");
    Fields fields(given, "Refused");
    EXPECT_EQ(fields.read({"id", Part::uuid}), "00000000-0000-4000-8000-00000000000A");
    EXPECT_EQ(fields.read({"none", Part::text, Need::optional}), std::nullopt);
    EXPECT_EQ(fields.read({"other", Part::text, Need::optional, "a", {"a"}}), "a");
    EXPECT_EQ(fields.read({"list", Part::texts}), R"({"a\"b","\\{,}",""})");
    fields.check();
}

TEST(ApiQuery, ReadStrictly) {
    Request given;
    given.query = "limit=7&cursor=a%20b&id=x&limit2=07&big=1000000000&twice=1&twice=1&sign=-1";
    const Query query(given);
    const auto number = [&](const char *name) {
        return query.read({name, Part::number, Need::optional, "20"});
    };
    EXPECT_EQ(number("limit"), "7");
    EXPECT_EQ(number("none"), "20");
    for (const char *bad : {"cursor", "sign", "big"})
        EXPECT_EQ(number(bad), std::nullopt) << bad;
    EXPECT_EQ(query.text("cursor"), "a b");
    EXPECT_EQ(refusal([&] { query.text("twice"); }).status, 400);
    EXPECT_EQ(refusal([&] { query.read({"id", Part::uuid}); }).status, 400);
    EXPECT_EQ(query.read({"none", Part::uuid}), std::nullopt);
    given.query = "a=%ff";
    EXPECT_EQ(refusal([&] { Query{given}; }).status, 400);
}

TEST(ApiContext, WhoAsksFromWhere) {
    PoolOptions nowhere;
    nowhere.dsn = "host=/nonexistent";
    Pool pool(nowhere);
    Request given;
    given.client = *Address::parse("192.0.2.7");
    given.began = Clock::now() - milliseconds(5000);
    Json plain = Json::parse(Backend(pool, {}).context(given));
    EXPECT_GE(plain["waitedMs"], 5000);
    plain.erase("waitedMs");
    EXPECT_EQ(plain, (Json{{"ip", "192.0.2.7"}}));
    // cut between characters, and before what is none
    const std::string agent = std::string(511, 'x') + "\xc3\xa9";
    given.headers.push_back({"User-Agent", agent});
    Json told = Json::parse(Backend(pool, {60, 3600}).context(given));
    told.erase("waitedMs");
    EXPECT_EQ(told, (Json{{"ip", "192.0.2.7"},
                          {"userAgent", std::string(511, 'x')},
                          {"accessTokenTtl", 60},
                          {"refreshTokenTtl", 3600}}));
    given.headers[0].value = "a \"b\"\xff c";
    EXPECT_EQ(Json::parse(Backend(pool, {}).context(given))["userAgent"], "a \"b\"");
    given.headers[0].value = "\xff";
    EXPECT_FALSE(Json::parse(Backend(pool, {}).context(given)).contains("userAgent"));
}

TEST(ApiProblem, InTheWordsOfWhoeverWasAsked) {
    Request asked;
    asked.path = "/api/x";
    EXPECT_EQ(problem_body({404, "not_found", "no such \"thing\"", asked}).body,
              R"({"message":"No such \"thing\""})");
    asked.path = "/apix";
    EXPECT_EQ(problem_body({404, "not_found", "no such thing", asked}).body,
              R"({"error":"not_found","message":"no such thing"})");
    EXPECT_EQ(problem_body({400, "bad_request", "", {}}).status, 400);
}

Route route(const char *method, const char *pattern, Caller caller = Caller::anybody) {
    Route made;
    made.method = method;
    made.pattern = pattern;
    made.caller = caller;
    made.summary = "A summary";
    made.handler = [](const Request &) { return Response::empty(); };
    return made;
}

TEST(ApiDocument, SaysWhatARouteIs) {
    RouteTable routes;
    Route made = route("POST", "/a/:id/b/:other", Caller::admin);
    made.request_schema = R"({"type":"object","required":["x"]})";
    made.response_schema = R"({"$ref":"#/components/schemas/Thing"})";
    made.query = R"({"limit":{"type":"integer"}})";
    made.success = 201;
    made.budget = Budget::costly;
    routes.add(std::move(made)).add(route("GET", "/a/:id/b/:other")).add(route("GET", "/plain"));
    const Json document =
        Json::parse(cli::openapi_document(routes, "1.2.3", R"({"Thing":{},"Error":{}})"));
    EXPECT_EQ(document["info"]["version"], "1.2.3");
    EXPECT_EQ(document["paths"].size(), 2u);
    const Json &path = document["paths"]["/a/{id}/b/{other}"];
    EXPECT_EQ(path.size(), 2u);
    const Json &post = path["post"];
    EXPECT_EQ(post["x-caller"], "admin");
    EXPECT_EQ(post["security"].size(), 1u);
    EXPECT_EQ(post["parameters"].size(), 3u);
    EXPECT_EQ(post["requestBody"]["required"], true);
    for (const char *status : {"201", "400", "401", "403", "404", "429", "default"})
        EXPECT_TRUE(post["responses"].contains(status)) << status;
    EXPECT_FALSE(post["responses"].contains("200"));
    const Json &plain = document["paths"]["/plain"]["get"];
    EXPECT_EQ(plain["security"].size(), 0u);
    EXPECT_FALSE(plain.contains("parameters") || plain.contains("requestBody"));
    EXPECT_EQ(plain["responses"].size(), 3u);
    EXPECT_TRUE(plain["responses"].contains("503"));
}

} // namespace
} // namespace pg_principal::api
