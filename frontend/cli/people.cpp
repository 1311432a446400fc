#include "cli/app.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "cli/values.hpp"
#include "core/base/text.hpp"
#include "roster/file.hpp"

namespace pg_principal::cli {

namespace {

std::string counted(std::size_t count, const char *one, const char *many) {
    return std::to_string(count) + ' ' + (count == 1 ? one : many);
}

RosterFormat choose_format(const std::string &file, const std::string &given) {
    if (!given.empty())
        return *roster_format_of('.' + given);
    if (file == "-")
        throw UsageError("standard input needs --format yaml, csv, json or terrain");
    const auto format = roster_format_of(file);
    if (!format)
        throw UsageError("the name " + label_of(file) + " does not show its format",
                         "Add --format yaml, csv, json or terrain.");
    return *format;
}

// Every bad row is reported, each on its own line, up to a screenful.
void refuse_problems(std::ostream &err, const std::string &label, const Roster &roster) {
    constexpr std::size_t shown = 20;
    for (std::size_t i = 0; i < std::min(roster.problems.size(), shown); ++i) {
        const RosterProblem &problem = roster.problems[i];
        const std::size_t line = roster.lines[problem.row - 1];
        print_error(err, label + ": row " + std::to_string(problem.row) + ": " + problem.reason +
                             (line == 0 ? "" : " (line " + std::to_string(line) + ")"));
    }
    if (roster.problems.size() > shown)
        print_error(err,
                    label + ": and " + std::to_string(roster.problems.size() - shown) + " more");
    throw Failure(label + ": " + counted(roster.problems.size(), "problem", "problems") + " in " +
                  counted(roster.rows.size(), "row", "rows") + ", nothing was written");
}

Roster load(const Session &session, const Given &given) {
    const std::string &file = given["FILE"], label = label_of(file);
    const RosterFormat format = choose_format(file, given["--format"]);
    RosterOptions how{given.has("--ignore-unknown-fields")};
    for (const std::string &text : given.list("--map")) {
        auto map = parse_field_map(text);
        if (!map)
            throw UsageError("--map " + quote_for_message(text) + " is not FIELD=ROSTER_FIELD",
                             "For example: --map mail=email --map givenName+surname=name; of a "
                             "roster " +
                                 roster_field_names() + ".");
        how.maps.push_back(std::move(*map));
    }
    if (!how.maps.empty() && format == RosterFormat::terrain)
        throw UsageError("--map is for rows of YAML, CSV and JSON, not for a Terrain story");
    const std::string text = file == "-" ? read_stream(session.streams.in, max_roster_bytes)
                                         : read_file(file, max_roster_bytes);
    try {
        Roster roster = parse_roster(text, format, how);
        if (!roster.problems.empty())
            refuse_problems(session.streams.err, label, roster);
        return roster;
    } catch (const RosterFileError &e) {
        throw Failure(label + ": " + (e.line == 0 ? "" : "line " + std::to_string(e.line) + ": ") +
                          e.what(),
                      {}, e.hint);
    }
}

void validate(const Session &session, const Given &given) {
    const Roster roster = load(session, given);
    const auto accounts = static_cast<std::size_t>(
        std::count_if(roster.rows.begin(), roster.rows.end(),
                      [](const RosterRow &row) { return row.kind == "service_account"; }));
    const std::size_t persons = roster.rows.size() - accounts;
    if (session.wants("json"))
        print_json(
            session.streams.out,
            {{"rows", roster.rows.size()}, {"persons", persons}, {"serviceAccounts", accounts}});
    else
        session.streams.out << label_of(given["FILE"]) << ": "
                            << counted(roster.rows.size(), "row", "rows") << ", all valid ("
                            << counted(persons, "person", "persons") << ", "
                            << counted(accounts, "service account", "service accounts") << ")\n";
}

void push(const Session &session, const Given &given) {
    const db::Result result =
        session.ask("SELECT auth.push_people($1::pg_catalog.jsonb) AS imported",
                    {write_push_roster(load(session, given).rows)}, "people push");
    print_row(session, result, "imported {imported}\n");
}

void render(const Session &session, const Given &given) {
    const Roster roster = load(session, given);
    session.streams.out << (session.wants("yaml")  ? write_yaml_roster(roster.rows)
                            : session.wants("csv") ? write_csv_roster(roster.rows)
                                                   : write_json_roster(roster.rows));
}

// Of a verb that reads a roster.
const std::vector<Option> input = {
    {"FILE",
     "Roster (.yaml, .yml, .csv, .json) or Terrain story (.terrain, .dsl); - is "
     "standard input",
     needed},
    {"--format", "yaml, csv, json or terrain", maybe, "FORMAT", "",
     one_of({"csv", "json", "terrain", "yaml"})},
    {"--map",
     "Which field of the file is which field of a roster; may be repeated; several are "
     "joined: --map mail=email --map givenName+surname=name",
     each, "FIELD=ROSTER_FIELD"},
    {"--ignore-unknown-fields", "Drop fields that a roster does not have instead of refusing them",
     flag}};

const std::vector<Verb> people_verbs = {
    {"validate", "Check a roster without touching the database",
     "roster.csv\n--format yaml - < people", input, validate},
    {"push", "Add or update the rows of a roster, all or none; removes nobody",
     "roster.yaml\n"
     "story.terrain\n"
     "entra.csv --map mail=email --map givenName+surname=name --ignore-unknown-fields\n"
     "  export-people | pg_principal people push --format csv -",
     input, push},
    {"render",
     "Print the roster that a story or another roster describes",
     "story.terrain > roster.yaml\nstory.terrain --output csv",
     input,
     render,
     {"yaml", "csv", "json"}},
    {"provision",
     "Create, restore and ban accounts as the roster says",
     "--dry-run\n",
     {{"--dry-run", "Show the counts without changing anything", flag}},
     tells("SELECT created, restored, decommissioned, unchanged, "
           "pg_catalog.to_json($1::pg_catalog.bool) AS dry_run FROM auth.provision($1)",
           "created {created}\nrestored {restored}\ndecommissioned {decommissioned}\nunchanged "
           "{unchanged}\n")},
    {"remove",
     "Remove a row from the roster; provision then bans the account",
     "--email ada@example.com && pg_principal people provision",
     {{"--email", "The email of the row", needed}},
     does("SELECT auth.remove_person($1), auth.normalise_email($1)", "removed",
          "no organization_people row for {}")},
    {"rename",
     "Change an email; account, tokens and reports stay the same",
     "--from ada@old.example --to ada@new.example",
     {{"--from", "The current email", needed},
      {"--to", "The new email; nobody else may have it", needed}},
     tells("SELECT auth.normalise_email($1) AS renamed, auth.normalise_email($2) AS to, "
           "auth.rename_person($1, $2) AS id", // none before provision
           "renamed {renamed} to {to}\n")},
};

} // namespace

const Family people_family{"people", "The roster and the accounts made from it",
                           "validate roster.yaml\npush roster.yaml\nprovision", people_verbs};

} // namespace pg_principal::cli
