#include "cli/app.hpp"

#include <algorithm>
#include <map>

#include "cli/progress.hpp"
#include "cli/read_file.hpp"
#include "core/base/text.hpp"
#include "core/principals/email.hpp"
#include "roster/file.hpp"
#include "roster/write.hpp"

namespace pg_principal::cli {

namespace {

const std::map<std::string, RosterFormat> formats = {{"yaml", RosterFormat::yaml},
                                                     {"csv", RosterFormat::csv},
                                                     {"json", RosterFormat::json},
                                                     {"terrain", RosterFormat::terrain}};

std::vector<std::string> format_names() {
    std::vector<std::string> names;
    for (const auto &format : formats)
        names.push_back(format.first);
    return names;
}

struct InputOptions {
    std::string file, format, output;
    std::vector<std::string> maps;
    RosterOptions roster;
    std::string label() const { return file == "-" ? "standard input" : printable(file); }
};

std::string counted(std::size_t count, const char *one, const char *many) {
    return std::to_string(count) + ' ' + (count == 1 ? one : many);
}

RosterFormat choose_format(const InputOptions &options) {
    if (!options.format.empty())
        return formats.at(options.format);
    if (options.file == "-")
        throw UsageError("standard input needs --format yaml, csv, json or terrain");
    const auto format = roster_format_of(options.file);
    if (!format)
        throw UsageError("the name " + options.label() + " does not tell its format",
                         "Add --format yaml, csv, json or terrain.");
    return *format;
}

// Every bad row is reported, each on its own line, up to a screenful.
void refuse_problems(std::ostream &err, const InputOptions &options, const Roster &roster) {
    constexpr std::size_t shown = 20;
    const std::string label = options.label();
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

Roster load(const Session &session, const InputOptions &options) {
    const RosterFormat format = choose_format(options);
    RosterOptions how = options.roster;
    for (const std::string &text : options.maps) {
        auto map = parse_field_map(text);
        if (!map)
            throw UsageError("--map " + quote_for_message(text) + " is not FIELD=ROSTER_FIELD",
                             "For example: --map mail=email --map givenName+surname=name.");
        how.maps.push_back(std::move(*map));
    }
    if (!how.maps.empty() && format == RosterFormat::terrain)
        throw UsageError("--map is for rows of YAML, CSV and JSON, not for a Terrain story");
    const std::string text = options.file == "-" ? read_stream(session.streams.in, max_roster_bytes)
                                                 : read_file(options.file, max_roster_bytes);
    try {
        Roster roster = parse_roster(text, format, how);
        if (!roster.problems.empty())
            refuse_problems(session.streams.err, options, roster);
        return roster;
    } catch (const RosterFileError &e) {
        throw Failure(options.label() + ": " +
                          (e.line == 0 ? "" : "line " + std::to_string(e.line) + ": ") + e.what(),
                      {}, e.hint);
    }
}

void add_input(Verb &verb, InputOptions &options) {
    verb.option("FILE", options.file,
                "Roster (.yaml, .yml, .csv, .json) or Terrain story (.terrain, .dsl); - is "
                "standard input")
        .required()
        .type("");
    verb.option("--format", options.format, "yaml, csv, json or terrain")
        .one_of(format_names())
        .type("FORMAT");
    verb.option("--map", options.maps,
                "A field of the file that is one of a roster, repeatable; several are joined: "
                "--map mail=email --map givenName+surname=name")
        .type("FIELD=ROSTER_FIELD")
        .one_each();
    verb.flag("--ignore-unknown-fields", options.roster.ignore_unknown_fields,
              "Drop fields that a roster does not have instead of refusing them");
}

void add_validate(Verb &group, Session &session) {
    const auto options = std::make_shared<InputOptions>();
    Verb verb = add_command(
        group, session, "validate", "Check a roster without touching the database",
        "  pg_principal people validate roster.csv\n"
        "  pg_principal people validate --format yaml - < people",
        [&session, options] {
            const Roster roster = load(session, *options);
            const auto accounts = static_cast<std::size_t>(
                std::count_if(roster.rows.begin(), roster.rows.end(),
                              [](const RosterRow &row) { return row.kind == "service_account"; }));
            const std::size_t persons = roster.rows.size() - accounts;
            if (options->output == "json")
                print_json(session.streams.out, {{"rows", roster.rows.size()},
                                                 {"persons", persons},
                                                 {"serviceAccounts", accounts}});
            else
                session.streams.out
                    << options->label() << ": " << counted(roster.rows.size(), "row", "rows")
                    << ", all valid (" << counted(persons, "person", "persons") << ", "
                    << counted(accounts, "service account", "service accounts") << ")\n";
        });
    add_input(verb, *options);
    verb.output(options->output, {"text", "json"});
}

void add_push(Verb &group, Session &session) {
    const auto options = std::make_shared<InputOptions>();
    Verb verb = add_command(
        group, session, "push", "Add or update the rows of a roster, all or none; removes nobody",
        "  pg_principal people push roster.yaml\n"
        "  pg_principal people push story.terrain\n"
        "  pg_principal people push entra.csv --map mail=email --map givenName+surname=name "
        "--ignore-unknown-fields\n"
        "  export-people | pg_principal people push --format csv -",
        [&session, options] {
            const std::string rows = write_push_roster(load(session, *options).rows);
            Database database = session.connect();
            const auto push = [&](Observer *observer) {
                return database.run("SELECT auth.push_people($1::pg_catalog.jsonb)", {rows},
                                    observer);
            };
            Rows result(nullptr);
            if (session.streams.err_is_terminal) {
                Progress progress(session.streams.err, "people push");
                result = push(&progress);
            } else {
                result = push(nullptr);
            }
            if (options->output == "json")
                print_json(session.streams.out, {{"imported", std::stoll(result.text(0, 0))}});
            else
                session.streams.out << "imported " << result.text(0, 0) << '\n';
        });
    add_input(verb, *options);
    verb.output(options->output, {"text", "json"});
}

void add_render(Verb &group, Session &session) {
    const auto options = std::make_shared<InputOptions>();
    Verb verb = add_command(
        group, session, "render", "Print the roster that a story or another roster describes",
        "  pg_principal people render story.terrain > roster.yaml\n"
        "  pg_principal people render story.terrain --output csv",
        [&session, options] {
            const Roster roster = load(session, *options);
            session.streams.out << (options->output == "yaml"  ? write_yaml_roster(roster.rows)
                                    : options->output == "csv" ? write_csv_roster(roster.rows)
                                                               : write_json_roster(roster.rows));
        });
    add_input(verb, *options);
    verb.output(options->output, {"yaml", "csv", "json"});
}

void add_provision(Verb &group, Session &session) {
    struct Options {
        bool dry_run = false;
        std::string output;
    };
    const auto options = std::make_shared<Options>();
    Verb verb = add_command(
        group, session, "provision",
        "Bring the accounts in line with the roster: create, restore, decommission",
        "  pg_principal people provision --dry-run\n"
        "  pg_principal people provision",
        [&session, options] {
            const Rows rows =
                session.connect().run("SELECT created, restored, decommissioned, unchanged "
                                      "FROM auth.provision($1::pg_catalog.bool)",
                                      {options->dry_run ? "true" : "false"});
            const char *const names[] = {"created", "restored", "decommissioned", "unchanged"};
            Json json;
            for (int column = 0; column < 4; ++column) {
                json[names[column]] = std::stoll(rows.text(0, column));
                if (options->output == "text")
                    session.streams.out << names[column] << ' ' << rows.text(0, column) << '\n';
            }
            json["dryRun"] = options->dry_run;
            if (options->output == "json")
                print_json(session.streams.out, json);
        });
    verb.flag("--dry-run", options->dry_run, "Count, change nothing");
    verb.output(options->output, {"text", "json"});
}

void add_remove(Verb &group, Session &session) {
    struct Options {
        std::string email, output;
    };
    const auto options = std::make_shared<Options>();
    Verb verb = add_command(
        group, session, "remove", "Take one row out of the roster; provision then bans the account",
        "  pg_principal people remove --email ada@example.com && pg_principal people provision",
        [&session, options] {
            const Rows rows = session.connect().run(
                "SELECT auth.remove_person($1::pg_catalog.text)", {options->email});
            const std::string email = printable(normalise_email(options->email));
            if (rows.text(0, 0) != "t")
                throw Failure("no organization_people row for " + email);
            if (options->output == "json")
                print_json(session.streams.out, {{"removed", email}});
            else
                session.streams.out << "removed " << email << '\n';
        });
    verb.option("--email", options->email, "Whose row").required();
    verb.output(options->output, {"text", "json"});
}

void add_rename(Verb &group, Session &session) {
    struct Options {
        std::string from, to, output;
    };
    const auto options = std::make_shared<Options>();
    Verb verb = add_command(
        group, session, "rename",
        "Give somebody another address; account, tokens and reports stay theirs",
        "  pg_principal people rename --from ada@old.example --to ada@new.example",
        [&session, options] {
            const Rows rows = session.connect().run(
                "SELECT auth.rename_person($1::pg_catalog.text, $2::pg_catalog.text)",
                {options->from, options->to});
            const std::string from = printable(normalise_email(options->from)),
                              to = printable(normalise_email(options->to));
            const auto id = rows.get(0, 0); // none before the first provision
            if (options->output == "json")
                print_json(session.streams.out,
                           {{"renamed", from}, {"to", to}, {"id", id ? Json(*id) : Json()}});
            else
                session.streams.out << "renamed " << from << " to " << to << '\n';
        });
    verb.option("--from", options->from, "The address of now").required();
    verb.option("--to", options->to, "The new one, which nobody else has").required();
    verb.output(options->output, {"text", "json"});
}

} // namespace

void add_people_commands(Verb &root, Session &session) {
    Verb group = add_command(root, session, "people", "The roster and the accounts made from it",
                             "  pg_principal people validate roster.yaml\n"
                             "  pg_principal people push roster.yaml\n"
                             "  pg_principal people provision");
    add_validate(group, session);
    add_push(group, session);
    add_render(group, session);
    add_provision(group, session);
    add_remove(group, session);
    add_rename(group, session);
}

} // namespace pg_principal::cli
