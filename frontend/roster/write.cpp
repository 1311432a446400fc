#include "roster/file.hpp"

#include <algorithm>
#include <string_view>

#include <nlohmann/json.hpp>

#include "core/base/text.hpp"

namespace pg_principal::cli {

namespace {

using Json = nlohmann::ordered_json;

bool is_plain_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(" .-_@+").find(c) != std::string_view::npos;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Only what no version of YAML can take for a number, a truth value or nothing goes without quotes.
bool is_plain(const std::string &value) {
    constexpr std::string_view special[] = {"null", "true", "false", "yes", "no",
                                            "on",   "off",  "y",     "n"};
    if (value.empty() || !is_letter(value.front()) ||
        !std::all_of(value.begin(), value.end(), is_plain_character))
        return false;
    return std::find(std::begin(special), std::end(special), lower_ascii(value)) ==
           std::end(special);
}

// A JSON string is also a YAML string.
std::string yaml_text(const std::string &value) {
    return is_plain(value) ? value
                           : Json(value).dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::string csv_text(const std::string &value) {
    if (value.find_first_of(",\"\r\n") == std::string::npos)
        return value;
    std::string out = "\"";
    for (const char c : value) {
        if (c == '"')
            out += '"';
        out += c;
    }
    return out += '"';
}

Json json_rows(const std::vector<RosterRow> &rows) {
    Json list = Json::array();
    for (const RosterRow &row : rows) {
        Json object = Json::object();
        for (const RosterField &field : roster_fields)
            if (const auto &value = row.*field.member)
                object[std::string(field.name)] = *value;
        list.push_back(std::move(object));
    }
    return list;
}

} // namespace

std::string write_yaml_roster(const std::vector<RosterRow> &rows) {
    std::string out = rows.empty() ? "people: []\n" : "people:\n";
    for (const RosterRow &row : rows) {
        const char *lead = "  - ";
        for (const RosterField &field : roster_fields) {
            const auto &value = row.*field.member;
            if (!value)
                continue;
            out += lead;
            out += field.name;
            out += ": " + yaml_text(*value) + '\n';
            lead = "    ";
        }
    }
    return out;
}

std::string write_csv_roster(const std::vector<RosterRow> &rows) {
    std::string out;
    const auto end_field = [&out](const RosterField &field) {
        out += field.name == roster_fields.back().name ? '\n' : ',';
    };
    for (const RosterField &field : roster_fields) {
        out += field.name;
        end_field(field);
    }
    for (const RosterRow &row : rows) {
        for (const RosterField &field : roster_fields) {
            out += csv_text((row.*field.member).value_or(""));
            end_field(field);
        }
    }
    return out;
}

std::string write_json_roster(const std::vector<RosterRow> &rows) {
    Json document;
    document["people"] = json_rows(rows);
    return document.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

std::string write_push_roster(const std::vector<RosterRow> &rows) {
    return json_rows(rows).dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace pg_principal::cli
