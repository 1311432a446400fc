#include "serve/routes.hpp"

#include <nlohmann/json.hpp>

namespace pg_principal::cli {

using namespace http;

namespace {

using Json = nlohmann::ordered_json;

// "/api/users/:id/role" is "/api/users/{id}/role" there.
std::string templated(std::string pattern, const std::vector<std::string_view> &names) {
    for (const std::string_view name : names) {
        const std::string part(name);
        pattern.replace(pattern.find(':' + part), part.size() + 1, '{' + part + '}');
    }
    return pattern;
}

bool is_schema(const Json &text) {
    return text.empty() || text.contains("type") || text.contains("$ref") ||
           text.contains("enum") || text.contains("const");
}

Json named_schema(std::string name) {
    if (name[0] >= 'A' && name[0] <= 'Z')
        return {{"$ref", "#/components/schemas/" + name}};
    if (name == "uuid" || name == "uri" || name == "date-time")
        return {{"type", "string"}, {"format", name}};
    if (name.back() != '?')
        return {{"type", name}};
    name.pop_back();
    return {{"type", {name, "null"}}};
}

// JSON Schema, of what routes.hpp says.
Json schema_of(const Json &text, bool is_closed = false) {
    if (text.is_string())
        return named_schema(text);
    if (text.is_array())
        return {{"type", "array"}, {"items", schema_of(text[0])}};
    Json schema, properties, required = Json::array();
    if (is_schema(text)) {
        schema = text;
        for (const char *nested : {"items", "additionalProperties"})
            if (schema.contains(nested))
                schema[nested] = schema_of(schema[nested]);
        if (schema.contains("properties"))
            for (Json &property : schema["properties"])
                property = schema_of(property);
        return schema;
    }
    for (const auto &[key, value] : text.items()) {
        const bool needed = key.back() == '!';
        const std::string name = key.substr(0, key.size() - needed);
        if (needed)
            required.push_back(name);
        if (name == "additionalProperties")
            is_closed = true;
        else
            properties[name] = schema_of(value);
    }
    schema["type"] = "object";
    if (!required.empty())
        schema["required"] = required;
    if (is_closed)
        schema["additionalProperties"] = false;
    schema["properties"] = properties;
    return schema;
}

Json content(Json schema, const char *type = "application/json") {
    return {{type, {{"schema", std::move(schema)}}}};
}

bool takes_json(const Route &route) {
    return std::string_view(route.request_type) == "application/json";
}

Json responses(const Route &route, bool has_path_parameter) {
    const bool is_json = std::string_view(route.response_type) == "application/json";
    const auto refusal = [&](const char *description) -> Json {
        if (!is_json)
            return {{"description", description},
                    {"content", content({{"type", "string"}}, route.response_type)}};
        const std::string schema = std::string("#/components/schemas/") + route.error_schema;
        return {{"description", description}, {"content", content({{"$ref", schema}})}};
    };
    const bool needs_token = route.caller != Caller::anybody;
    const bool takes_input =
        has_path_parameter || !route.request_schema.empty() || !route.query.empty();
    Json out;
    Json &good = out[std::to_string(route.success)];
    good["description"] = "Done";
    if (!route.response_schema.empty())
        good["content"] = content(schema_of(Json::parse(route.response_schema)));
    else if (!is_json)
        good["content"] = content({{"type", "string"}}, route.response_type);
    if (takes_input)
        out["400"] = refusal("The request is malformed, or a field of it was refused");
    if (needs_token || route.budget == Budget::costly || route.budget == Budget::refresh)
        out["401"] = refusal("No token, an invalid token, or wrong credentials");
    if (needs_token)
        out["403"] = refusal("The caller's role is not sufficient");
    if (has_path_parameter)
        out["404"] = refusal("Not found");
    for (const int status : route.refusals)
        out[std::to_string(status)] = refusal(status == 409   ? "Conflict with the current state"
                                              : status == 401 ? "No client, or wrong credentials"
                                                              : "Not found");
    if (!route.request_schema.empty()) {
        out["413"] = refusal("The body is too long");
        if (takes_json(route))
            out["415"] = refusal("The body must be sent as application/json");
    }
    if (route.asks_database)
        out["503"] = refusal("Not now; Retry-After gives the seconds");
    if (route.budget)
        out["429"] = refusal("Too many requests; Retry-After gives the seconds");
    out["default"] = refusal("Anything else");
    return out;
}

// What generators name a function by: patchApiUsersByIdRole.
std::string operation_id(std::string method, const std::string &pattern) {
    bool begins_word = true;
    for (const char c : pattern) {
        const bool is_lower = c >= 'a' && c <= 'z';
        if (c == ':')
            method += "By";
        if (is_lower || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
            method += begins_word && is_lower ? static_cast<char>(c - 32) : c;
        begins_word = !is_lower;
    }
    return pattern.back() == '/' ? method + "Index" : method;
}

Json operation(const Route &route, const std::vector<std::string_view> &names,
               const std::string &method) {
    Json out = {{"operationId", operation_id(method, route.pattern)},
                {"summary", route.summary},
                {"x-caller", caller_name(route.caller)}};
    if (route.budget)
        out["x-rate-limit"] = budget_name(*route.budget);
    Json parameters = Json::array();
    for (const std::string_view name : names)
        parameters.push_back(
            {{"name", name}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}});
    const Json query = route.query.empty() ? Json::object() : Json::parse(route.query);
    for (const auto &[name, schema] : query.items())
        parameters.push_back(
            {{"name", name}, {"in", "query"}, {"required", false}, {"schema", schema_of(schema)}});
    if (!parameters.empty())
        out["parameters"] = parameters;
    if (!route.request_schema.empty()) {
        Json schema = schema_of(Json::parse(route.request_schema), route.is_closed);
        const bool needed = schema.contains("$ref") || schema.contains("required");
        out["requestBody"] = {{"required", needed},
                              {"content", content(std::move(schema), route.request_type)}};
    }
    out["responses"] = responses(route, !names.empty());
    out["security"] = Json::array();
    if (route.caller != Caller::anybody)
        out["security"].push_back({{"bearer", Json::array()}});
    return out;
}

} // namespace

std::string openapi_document(const RouteTable &routes, const char *version, const char *schemas) {
    Json document = {{"openapi", "3.1.0"},
                     {"info", {{"title", "pg_principal"}, {"version", version}}}};
    Json &paths = document["paths"] = Json::object();
    for (const Route &route : routes.routes()) {
        const std::vector<std::string_view> names = parameter_names(route.pattern);
        const std::string path = templated(route.pattern, names);
        std::string method = route.method;
        for (char &c : method)
            c = static_cast<char>(c + 32);
        paths[path][method] = operation(route, names, method);
    }
    Json components = Json::parse(schemas);
    for (Json &component : components)
        component = schema_of(component);
    document["components"] = {
        {"schemas", components},
        {"securitySchemes",
         {{"bearer", {{"type", "http"}, {"scheme", "bearer"}, {"bearerFormat", "JWT"}}}}}};
    return document.dump();
}

} // namespace pg_principal::cli
