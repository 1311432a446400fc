#include "roster/file.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "core/base/text.hpp"
#include "core/base/utf8.hpp"

namespace pg_principal::cli {

namespace {

std::size_t line_of(std::string_view text, std::size_t at) {
    return 1 + static_cast<std::size_t>(std::count(text.begin(), text.begin() + at, '\n'));
}

std::string how_to_convert(const char *encoding) {
    return std::string("Save it as UTF-8 (\"CSV UTF-8\" in Excel), or convert it: iconv -f ") +
           encoding + " -t UTF-8 FILE > NEW.";
}

// A byte order mark, or every other byte a zero.
const char *wide_encoding(std::string_view text) {
    using namespace std::string_view_literals;
    if (text.substr(0, 4) == "\xff\xfe\0\0"sv || text.substr(0, 4) == "\0\0\xfe\xff"sv)
        return "UTF-32";
    if (text.substr(0, 2) == "\xff\xfe" || text.substr(0, 2) == "\xfe\xff")
        return "UTF-16";
    if (text.size() < 4)
        return nullptr;
    const auto zero = [&](std::size_t at) { return text[at] == '\0'; };
    if (zero(1) && zero(3) && !zero(0) && !zero(2))
        return "UTF-16LE";
    return zero(0) && zero(2) && !zero(1) && !zero(3) ? "UTF-16BE" : nullptr;
}

// Before any parser: a NUL ends a C string early, and broken UTF-8 would only be refused by the
// server.
void check_encoding(std::string_view text) {
    if (const char *encoding = wide_encoding(text))
        throw RosterFileError(0, std::string("the file is ") + encoding + ", not UTF-8",
                              how_to_convert(encoding));
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t start = at;
        const std::optional<char32_t> c = next_character(text, at);
        if (!c)
            throw RosterFileError(
                line_of(text, start),
                "not valid UTF-8; possibly Windows-1252, which Excel uses for plain CSV",
                how_to_convert("WINDOWS-1252"));
        if (*c == 0)
            throw RosterFileError(line_of(text, start), "a NUL byte");
    }
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

std::optional<FieldMap> parse_field_map(std::string_view text) {
    const std::size_t equals = text.rfind('=');
    if (equals == std::string_view::npos)
        return std::nullopt;
    FieldMap map;
    map.target = find_roster_field(trim_ascii(text.substr(equals + 1)));
    for (const std::string_view source : split(text.substr(0, equals), '+')) {
        map.sources.push_back(lower_ascii(trim_ascii(source)));
        if (map.sources.back().empty())
            return std::nullopt;
    }
    return map.target ? std::optional(map) : std::nullopt;
}

bool is_mapped(const RosterOptions &options, std::string_view field) {
    const std::string name = lower_ascii(trim_ascii(field));
    return std::any_of(options.maps.begin(), options.maps.end(), [&](const FieldMap &map) {
        return std::find(map.sources.begin(), map.sources.end(), name) != map.sources.end();
    });
}

std::optional<std::string> misspelt_field_problem(std::string_view field) {
    std::string letters;
    for (const char c : lower_ascii(field))
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || static_cast<signed char>(c) < 0)
            letters += c;
    for (const RosterField &known : roster_fields) {
        std::string name(known.name);
        name.erase(std::remove(name.begin(), name.end(), '_'), name.end());
        if (letters == name)
            return unknown_field_problem(field) + ", did you mean \"" + std::string(known.name) +
                   '"';
    }
    return std::nullopt;
}

std::string roster_field_names() {
    std::string names = "a FIELD is ";
    for (const RosterField &field : roster_fields)
        names += (&field == &roster_fields.front()  ? ""
                  : &field == &roster_fields.back() ? " or "
                                                    : ", ") +
                 std::string(field.name);
    return names;
}

void RosterBuilder::begin_row(std::size_t line) {
    end_row();
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
    else if (const auto misspelt = misspelt_field_problem(field))
        problem(*misspelt);
    else if (!options_.ignore_unknown_fields)
        problem(unknown_field_problem(field));
    return known;
}

bool RosterBuilder::keep(std::string_view field, std::string_view value) {
    if (!is_mapped(options_, field))
        return false;
    const std::string name = lower_ascii(trim_ascii(field));
    if (!kept_.emplace(name, trim_ascii(value)).second)
        problem("field " + quote_for_message(field) + " is given twice");
    ever_kept_.insert(name);
    return true;
}

void RosterBuilder::end_row() {
    for (const FieldMap &map : options_.maps) {
        std::string value;
        bool any = false;
        for (const std::string &source : map.sources) {
            const auto found = kept_.find(source);
            any |= found != kept_.end();
            if (found != kept_.end() && !found->second.empty())
                value += (value.empty() ? "" : " ") + found->second;
        }
        if (any && claim(map.target->name) && !value.empty())
            roster_.rows.back().*map.target->member = std::move(value);
    }
    kept_.clear();
}

Roster RosterBuilder::finish() {
    end_row();
    if (!roster_.rows.empty())
        for (const FieldMap &map : options_.maps)
            for (const std::string &source : map.sources)
                if (ever_kept_.count(source) == 0)
                    throw RosterFileError(0, "--map names the field " + quote_for_message(source) +
                                                 ", which the file does not have");
    return std::move(roster_);
}

void RosterBuilder::field(std::string_view name, const std::optional<std::string> &value,
                          const char *found) {
    const bool is_kept = keep(name, value.value_or(""));
    const RosterField *const known = is_kept ? nullptr : claim(name);
    if (found && (is_kept || known))
        problem(wrong_type_problem(name, found));
    else if (known)
        roster_.rows.back().*known->member = value;
}

void RosterBuilder::problem(std::string reason) {
    roster_.problems.push_back({roster_.rows.size(), std::move(reason)});
}

std::optional<RosterFormat> roster_format_of(std::string_view path) {
    const std::size_t dot = path.rfind('.');
    if (dot == std::string_view::npos || path.find('/', dot) != std::string_view::npos)
        return std::nullopt;
    constexpr std::pair<std::string_view, RosterFormat> formats[] = {
        {"yaml", RosterFormat::yaml},       {"yml", RosterFormat::yaml},
        {"csv", RosterFormat::csv},         {"json", RosterFormat::json},
        {"terrain", RosterFormat::terrain}, {"dsl", RosterFormat::terrain}};
    for (const auto &[extension, format] : formats)
        if (extension == lower_ascii(path.substr(dot + 1)))
            return format;
    return std::nullopt;
}

Roster parse_roster(std::string_view text, RosterFormat format, RosterOptions options) {
    if (text.size() > max_roster_bytes)
        throw RosterFileError(0, "larger than " + std::to_string(max_roster_bytes >> 20) + " MiB");
    text = without_byte_order_mark(text);
    check_encoding(text);
    if (trim_ascii(text).empty())
        throw RosterFileError(0, "the file is empty");
    const auto parse = format == RosterFormat::yaml  ? parse_yaml_roster
                       : format == RosterFormat::csv ? parse_csv_roster
                                                     : parse_json_roster;
    Roster roster = format == RosterFormat::terrain ? parse_terrain_roster(text)
                                                    : parse(text, std::move(options));
    for (RosterRow &row : roster.rows)
        normalise(row);
    add_rule_problems(roster);
    return roster;
}

} // namespace pg_principal::cli
