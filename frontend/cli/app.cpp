#include "cli/app.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <sstream>
#include <type_traits>

#include <CLI/CLI.hpp>

#include "base/text.hpp"
#include "cli/command_line.hpp"

namespace pg_principal::cli {

namespace {

constexpr int is_done = 0, has_failed = 1, wrong_usage = 2; // exit codes

std::string examples_of(const std::string &command, std::string_view examples) {
    std::string text = "Examples:";
    for (const std::string_view line : split(examples, '\n'))
        if (line.substr(0, 2) == "  ")
            text.append("\n").append(line);
        else
            text.append("\n  ").append(command).append(line.empty() ? "" : " ").append(line);
    return text;
}

bool holds_list(const Option &option) {
    return option.taken == several || option.taken == each || option.taken == listed;
}

// A verb or a family of them. The program itself has its --dsn.
template <class Row>
CLI::App &add_command(CLI::App &above, Session &session, const std::string &path, const Row &row) {
    CLI::App &command = *above.add_subcommand(row.name, row.description);
    command.require_subcommand(0, 1);
    command.footer(examples_of(path + ' ' + row.name, row.examples));
    command.add_option("--dsn", session.dsn, "Database (see pg_principal --help)")
        ->type_name("DSN");
    return command;
}

void add_verb(CLI::App &above, Session &session, const std::string &path, const Verb &verb) {
    CLI::App &command = add_command(above, session, path, verb);
    const std::vector<std::string> &outputs = verb.outputs;
    if (!outputs.empty())
        command
            .add_option("--output", session.output,
                        "What to print (default " + outputs.front() + ")")
            ->check(CLI::IsMember(outputs))
            ->type_name("FORMAT");
    command.footer(command.get_footer() + verb.note);
    const auto given = std::make_shared<Given>();
    for (const Option &option : verb.options)
        given->declare(command, option, variable_of(verb, option));
    command.callback(
        [&session, given, act = verb.act, otherwise = outputs.empty() ? "" : outputs.front()] {
            given->read_variables();
            session.action = [&session, given, act] {
                try {
                    act(session, *given);
                } catch (const UsageError &e) {
                    throw UsageError(given->by_variables(e.what()), e.hint);
                }
            };
            if (session.output.empty())
                session.output = otherwise;
        });
}

void build(CLI::App &root, Session &session, const Verb *more) {
    root.require_subcommand(0, 1);
#if CLI11_VERSION_MAJOR > 2 || CLI11_VERSION_MINOR > 5
    root.get_formatter()->enable_footer_formatting(false); // which would lose its indentation
#endif
    root.set_version_flag("--version", root.get_name() + " " + version);
    root.add_option("--dsn", session.dsn,
                    "Database, as key=value pairs or a URL without a password (default: PGHOST, "
                    "PGPORT, PGUSER, PGDATABASE, ...)")
        ->type_name("DSN");
    root.footer("Examples:\n"
                "  pg_principal people push roster.yaml\n"
                "  pg_principal people provision\n"
                "  pg_principal auth issue --email kata-agent-team@example.com --ttl 90d\n"
                "  pg_principal auth ban --email kata-agent-team@example.com\n\n"
                "Exit codes: 0 done, 1 refused or failed, 2 wrong usage.");
    for (const Family *family :
         {&auth_family, &people_family, &keys_family, &clients_family, &issuers_family,
          &delegations_family, &health_family, &audit_family}) {
        CLI::App &command = add_command(root, session, root.get_name(), *family);
        for (const Verb &verb : family->verbs)
            add_verb(command, session, root.get_name() + ' ' + family->name, verb);
    }
    for (const Verb *verb : {&doctor_verb, &whoami_verb, more})
        if (verb)
            add_verb(root, session, root.get_name(), *verb);
}

// False when the arguments asked for no more than what was printed: --help, --version.
bool parse(CLI::App &root, int argc, const char *const *argv, const Verb *more, std::ostream &out) {
    try {
        root.parse(arguments_of(argc, argv));
        return true;
    } catch (const CLI::ExtrasError &) {
        throw UsageError(describe_extra(root.remaining(true))); // with any --
    } catch (const CLI::Success &e) {
        if (more)
            name_variables(root, *more);
        root.exit(e, out, out);
        return false;
    } catch (const CLI::ParseError &e) {
        throw UsageError(e.what());
    }
}

// The verb as typed: "pg_principal auth issue".
std::string chosen(const CLI::App &root) {
    std::string path = root.get_name();
    for (const CLI::App *app = &root; !app->get_subcommands().empty();) {
        app = app->get_subcommands().front();
        path += ' ' + app->get_name();
    }
    return path;
}

int carry_out(CLI::App &root, Session &session, int argc, const char *const *argv,
              const Verb *more) {
    Streams &streams = session.streams;
    try {
        if (parse(root, argc, argv, more, streams.out)) {
            if (!session.action)
                throw UsageError("a verb is missing");
            db::check_dsn(session.dsn);
            session.action();
        }
        streams.out.flush();
        if (!streams.out)
            throw Failure("could not write the result");
        return is_done;
    } catch (const UsageError &e) {
        print_error(streams.err, e.what(), {},
                    e.hint.empty() ? "See " + chosen(root) + " --help." : e.hint);
        return wrong_usage;
    }
}

} // namespace

template <class T>
Check between(T least, T most) {
    std::ostringstream bounds;
    bounds.precision(10); // digits, no exponent
    bounds << " not in range " << least << " to " << most;
    const CLI::Range range(least, most);
    const auto check = [range, refusal = bounds.str()](std::string &value) {
        const bool is_nan = std::isnan(std::strtod(value.c_str(), nullptr)); // in every range
        if (!range(value).empty() || is_nan)
            return "Value " + value + refusal;
        T number{};
        if (std::is_integral_v<T> && CLI::detail::lexical_cast(value, number))
            value = std::to_string(number);
        return std::string();
    };
    return std::make_shared<const CLI::Validator>(check, range.get_description());
}

template Check between(int, int);
template Check between(unsigned, unsigned);
template Check between(double, double);

Check one_of(const std::vector<std::string> &choices) {
    return std::make_shared<const CLI::Validator>(CLI::IsMember(choices));
}

Check read_as(std::string (*meant)(const std::string &given)) {
    const auto read = [meant](std::string &value) {
        value = value.empty() ? value : meant(value);
        return std::string();
    };
    return std::make_shared<const CLI::Validator>(read, "");
}

void Given::declare(CLI::App &verb, const Option &option, const std::string &variable) {
    const bool is_list = holds_list(option);
    Value &value = values_.emplace_back(
        Value{option, is_list ? "" : option.otherwise, {}, false, variable, nullptr});
    for (const std::string_view item : split(option.otherwise, ','))
        if (is_list && !item.empty())
            value.items.emplace_back(item);
    CLI::Option *const argument = value.argument =
        option.taken == flag ? verb.add_flag(option.name, value.is_set, option.text)
        : is_list            ? verb.add_option(option.name, value.items, option.text)
                             : verb.add_option(option.name, value.text, option.text);
    if (option.taken == needed)
        argument->required();
    if (option.taken == each || option.taken == listed)
        argument->allow_extra_args(false);
    if (option.taken == listed)
        argument->delimiter(',');
    const bool by_place = option.name[0] != '-';
    if (by_place || option.type)
        argument->type_name(by_place ? "" : option.type);
    if (option.check)
        argument->transform(*option.check);
    if (!variable.empty() && option.taken != flag)
        argument->capture_default_str();
}

// Whoever sets one that cannot be must hear of it, by its name.
void Given::read_variables() {
    for (Value &value : values_) {
        const char *const text = std::getenv(value.variable.c_str());
        value.is_read = text && *text && value.argument->count() == 0;
        if (!value.is_read)
            continue;
        try {
            value.argument->add_result(text);
            value.argument->run_callback();
        } catch (const CLI::ParseError &e) {
            throw UsageError(by_variables(e.what()));
        }
    }
}

std::string Given::by_variables(std::string problem) const {
    for (const Value &value : values_) {
        if (!value.is_read)
            continue;
        const std::string name = value.option.name;
        const auto at = problem.find(name), end = at + name.size();
        if (at != problem.npos &&
            problem.find_first_of("abcdefghijklmnopqrstuvwxyz-", end) != end) // nor a longer one
            problem.replace(at, name.size(), value.variable);
    }
    return problem;
}

const Given::Value &Given::find(std::string_view name) const {
    const auto found = std::find_if(values_.begin(), values_.end(),
                                    [&](const Value &value) { return value.option.name == name; });
    if (found == values_.end())
        throw std::logic_error("the verb has no such option");
    return *found;
}

bool Given::is_given(std::string_view name) const {
    const Value &value = find(name);
    return value.is_set || !value.text.empty() || !value.items.empty();
}

std::vector<db::Param> Given::parameters() const {
    std::vector<db::Param> parameters;
    for (const Value &value : values_) {
        const Option &option = value.option;
        if (option.taken == flag)
            parameters.emplace_back(value.is_set ? "true" : "false");
        else if (holds_list(option))
            parameters.emplace_back(db::array_param(value.items));
        else if (value.text.empty() && option.taken == maybe && !*option.otherwise)
            parameters.emplace_back();
        else
            parameters.emplace_back(option.read ? option.read(value.text) : value.text);
    }
    return parameters;
}

Act asks(std::string sql, std::function<void(const Session &, const db::Result &)> tell) {
    return [=](const Session &session, const Given &given) {
        tell(session, session.ask(sql, given.parameters()));
    };
}

Act lists(std::string sql, Listing listing) {
    return asks(std::move(sql), [=](const Session &session, const db::Result &rows) {
        print_rows(session, rows, listing);
    });
}

Act tells(std::string sql, std::string text, const char *token) {
    return asks(std::move(sql), [=](const Session &session, const db::Result &rows) {
        print_row(session, rows, text, token);
    });
}

Act mints(std::string sql, std::string text, const char *token) {
    return [=](const Session &session, const Given &given) {
        session.ask_and_tell(sql, given.parameters(), [&](const db::Result &rows) {
            if (rows.rows() != 1)
                throw Failure("the server issued nothing");
            print_row(session, rows, text, token);
        });
    };
}

Act makes(std::string sql, const char *done) {
    return asks(std::move(sql), [done](const Session &session, const db::Result &rows) {
        print_done(session, done, std::string(rows.text(0, 0)));
    });
}

Act does(std::string sql, const char *done, const char *none, const char *hint) {
    return [=](const Session &session, const Given &given) {
        const db::Result rows = session.ask(sql, given.parameters());
        const std::string what = rows.columns() > 1 ? std::string(rows.text(0, 1)) : given.first();
        if (none && !rows.boolean(0, 0)) {
            std::string message = none;
            throw Failure(message.replace(message.find("{}"), 2, for_terminal(what)), {}, hint);
        }
        print_done(session, done, what);
    };
}

Act with(Count how_many, std::vector<const char *> names, Act act) {
    std::string rule = how_many == exactly_one    ? "exactly one of "
                       : how_many == at_least_one ? "at least one of "
                                                  : "only one of ";
    for (const char *name : names)
        rule.append(name == names.front() ? "" : ", ").append(name);
    rule += how_many == at_most_one ? " may be given" : " is required";
    return [=](const Session &session, const Given &given) {
        const auto count = std::count_if(names.begin(), names.end(),
                                         [&](const char *name) { return given.is_given(name); });
        if ((count == 0 && how_many != at_most_one) || (count > 1 && how_many != at_least_one))
            throw UsageError(rule);
        act(session, given);
    };
}

int run(int argc, const char *const *argv, Streams &streams, const Verb *more) {
    CLI::App root("Identities for people and service accounts that live in PostgreSQL.",
                  "pg_principal");
    Session session{streams};
    build(root, session, more);
    try {
        return carry_out(root, session, argc, argv, more);
    } catch (const Failure &e) {
        streams.out.flush();
        print_error(streams.err, e.what(), e.detail, e.hint);
    } catch (const std::bad_alloc &) {
        print_error(streams.err, "out of memory");
    } catch (const std::exception &) { // its text may quote what it was working on
        print_error(streams.err, "internal error");
    }
    return has_failed;
}

} // namespace pg_principal::cli
