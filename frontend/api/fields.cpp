#include "api/fields.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/text.hpp"
#include "core/base/bytes.hpp"
#include "core/base/uuid.hpp"

namespace pg_principal::api {

using namespace http;

namespace {

// How long a body may be is the server's to say: --max-body.
constexpr json::Limits limits{16, std::numeric_limits<std::size_t>::max()};

// Nothing, application/json or a type that ends in +json; parameters do not count.
bool is_json(std::string_view type) {
    type = trimmed(type.substr(0, type.find(';')));
    constexpr std::string_view suffix = "+json";
    return type.empty() || same_name(type, "application/json") ||
           (type.size() > suffix.size() &&
            same_name(type.substr(type.size() - suffix.size()), suffix));
}

// 1e131000 has 8 bytes here and 131,001 digits in the database.
bool numbers_fit_jsonb(json::Value value) {
    if (value.is_number()) {
        const std::optional<double> number = value.as_double();
        return number && std::isfinite(*number);
    }
    if (value.is_array())
        for (const json::Value element : value.elements())
            if (!numbers_fit_jsonb(element))
                return false;
    if (value.is_object())
        for (const json::Member member : value.members())
            if (!numbers_fit_jsonb(member.value))
                return false;
    return true;
}

std::string body_text(const Request &request, Need need) {
    if (request.body.empty() && need == Need::optional)
        return "{}";
    if (!is_json(request.header("Content-Type")))
        throw Answer{message(415, "The body must be sent as application/json")};
    return std::string(request.body);
}

} // namespace

Param path_uuid(const Request &request) {
    const std::string &id = request.param("id");
    if (!is_uuid(id))
        throw Answer{refused_fields("The request was refused", {{"id", "must be a UUID"}})};
    return id;
}

Fields::Fields(const Request &request, const char *refusal, Need body)
    : text_(body_text(request, body)), refusal_(refusal) {
    if (const json::ParseStatus status = json::try_parse(document_, text_, limits); !status)
        throw Answer{message(400, "The body is not valid JSON: " + std::string(status.fault) +
                                      " at offset " + std::to_string(status.offset))};
    if (!document_.root().is_object())
        throw Answer{message(400, "The body must be a JSON object")};
    if (!numbers_fit_jsonb(document_.root()))
        throw Answer{message(400, "The body has a number that is too large")};
    if (text_.find("\\u") != text_.npos) // a database in SQL_ASCII takes no \u00e9
        json::append_value(plain_, document_.root());
}

void Fields::refuse(std::string_view name, std::string_view reason) {
    problems_.push_back({std::string(name), std::string(reason)});
}

Param Fields::read(const Part &part) {
    known_.push_back(part.name);
    const json::Value value = document_.root().find(part.name);
    if (!value || value.is_null()) {
        if (part.need == Need::required)
            refuse(part.name, "is required");
        return part.otherwise;
    }
    if (part.kind == Part::texts) {
        std::vector<std::string> items;
        if (value.is_array())
            for (const json::Value element : value.elements())
                if (element.is_string())
                    items.emplace_back(element.as_string());
        if (!value.is_array() || items.size() != value.size())
            refuse(part.name, "must be an array of strings");
        return db::array_param(items);
    }
    if (!value.is_string()) {
        refuse(part.name, "must be a string");
        return std::nullopt;
    }
    std::string text(value.as_string());
    if (part.kind == Part::uuid && !is_uuid(text))
        refuse(part.name, "must be a UUID");
    const std::vector<std::string> &all = part.choices;
    if (!all.empty() && std::find(all.begin(), all.end(), text) == all.end()) {
        std::string list;
        for (const std::string &choice : all)
            list.append(list.empty() ? "" : ", ").append(choice);
        refuse(part.name, "must be one of " + list);
    }
    return text;
}

void Fields::check() {
    for (const json::Member member : document_.root().members())
        if (std::find(known_.begin(), known_.end(), member.name) == known_.end())
            refuse(member.name, "is not a known field");
    if (!problems_.empty())
        throw Answer{refused_fields(refusal_, problems_)};
}

void Query::check(const std::vector<std::string> &known) const {
    std::vector<ProfileProblem> problems;
    for (const auto &[name, value] : form_.fields())
        if (std::find(known.begin(), known.end(), name) == known.end())
            problems.push_back({name, "is not a known parameter"});
        else if (form_.repeats(name) && (problems.empty() || problems.back().field != name))
            problems.push_back({name, "is given more than once"});
    if (!problems.empty())
        throw Answer{refused_fields("The request was refused", problems)};
}

Query::Query(const Request &request) {
    std::optional<Form> form = Form::parse(request.query);
    if (!form)
        throw Answer{message(400, "The query cannot be decoded")};
    form_ = std::move(*form);
}

Param Query::text(std::string_view name) const {
    if (form_.repeats(name))
        throw Answer{refused_fields("The request was refused",
                                    {{std::string(name), "is given more than once"}})};
    return form_.get(name);
}

Param Query::read(const Part &part) const {
    Param value = text(part.name);
    if (!value)
        return part.otherwise;
    if (part.kind == Part::uuid && !is_uuid(*value))
        throw Answer{refused_fields("The request was refused", {{part.name, "must be a UUID"}})};
    std::uint64_t number = 0;
    if (part.kind == Part::number && (!read_digits(*value, number) || number >= 1'000'000'000))
        return std::nullopt;
    return value;
}

} // namespace pg_principal::api
