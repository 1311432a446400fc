#include "roster_file.hpp"

#include <algorithm>

#include "core/email.hpp"

namespace pg_principal::cli {

namespace {

std::size_t line_of(std::string_view text, std::size_t at) {
    return 1 + static_cast<std::size_t>(std::count(text.begin(), text.begin() + at, '\n'));
}

// Before any parser: a NUL ends a C string early, and broken UTF-8 would only be refused by the
// server.
void check_encoding(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t start = at;
        const std::optional<char32_t> c = next_character(text, at);
        if (!c)
            throw RosterFileError(line_of(text, start), "not valid UTF-8");
        if (*c == 0)
            throw RosterFileError(line_of(text, start), "a NUL byte");
    }
}

Roster parse(std::string_view text, RosterFormat format, RosterOptions options) {
    switch (format) {
    case RosterFormat::yaml:
        return parse_yaml_roster(text, options);
    case RosterFormat::csv:
        return parse_csv_roster(text, options);
    case RosterFormat::json:
        return parse_json_roster(text, options);
    case RosterFormat::terrain:
        return parse_terrain_roster(text);
    }
    throw RosterFileError(0, "unknown format");
}

// A field of the wrong type was reported by the parser: that it is also missing says nothing new.
void add_rule_problems(Roster &roster) {
    std::vector<bool> refused(roster.rows.size() + 1);
    for (const RosterProblem &problem : roster.problems)
        refused[problem.row] = true;
    const auto is_echo = [&refused](const RosterProblem &problem) {
        return refused[problem.row] && (problem.reason == missing_field_problem("email") ||
                                        problem.reason == missing_field_problem("name"));
    };
    for (RosterProblem &problem : check_roster(roster.rows))
        if (!is_echo(problem))
            roster.problems.push_back(std::move(problem));
    std::stable_sort(roster.problems.begin(), roster.problems.end(),
                     [](const RosterProblem &a, const RosterProblem &b) { return a.row < b.row; });
}

} // namespace

void RosterBuilder::begin_row(std::size_t line) {
    roster_.rows.emplace_back();
    roster_.lines.push_back(line);
    seen_.clear();
}

const RosterField *RosterBuilder::claim(std::string_view field) {
    if (std::find(seen_.begin(), seen_.end(), field) != seen_.end()) {
        problem("field " + quote_for_message(field) + " is given twice");
        return nullptr;
    }
    const RosterField *known = find_roster_field(field);
    if (known)
        seen_.emplace_back(field);
    else if (!options_.ignore_unknown_fields)
        problem(unknown_field_problem(field));
    return known;
}

void RosterBuilder::set(std::string_view field, std::string_view value) {
    if (const RosterField *known = claim(field))
        roster_.rows.back().*known->member = std::string(value);
}

void RosterBuilder::set_absent(std::string_view field) { claim(field); }

void RosterBuilder::refuse(std::string_view field, std::string_view found) {
    if (claim(field))
        problem(wrong_type_problem(field, found));
}

void RosterBuilder::problem(std::string reason) {
    roster_.problems.push_back({roster_.rows.size(), std::move(reason)});
}

std::optional<RosterFormat> roster_format_of(std::string_view path) {
    const std::size_t dot = path.rfind('.');
    if (dot == std::string_view::npos || path.find('/', dot) != std::string_view::npos)
        return std::nullopt;
    const std::string extension = normalise_email(path.substr(dot + 1)); // lower case
    if (extension == "yaml" || extension == "yml")
        return RosterFormat::yaml;
    if (extension == "csv")
        return RosterFormat::csv;
    if (extension == "json")
        return RosterFormat::json;
    if (extension == "terrain" || extension == "dsl")
        return RosterFormat::terrain;
    return std::nullopt;
}

Roster parse_roster(std::string_view text, RosterFormat format, RosterOptions options) {
    if (text.size() > max_roster_bytes)
        throw RosterFileError(0, "larger than " + std::to_string(max_roster_bytes >> 20) + " MiB");
    if (text.substr(0, 3) == "\xef\xbb\xbf")
        text.remove_prefix(3);
    check_encoding(text);
    if (trim_ascii(text).empty())
        throw RosterFileError(0, "the file is empty");
    Roster roster = parse(text, format, options);
    for (RosterRow &row : roster.rows)
        normalise(row);
    add_rule_problems(roster);
    return roster;
}

} // namespace pg_principal::cli
