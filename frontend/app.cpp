#include "app.hpp"

#include <algorithm>

#include "core/email.hpp"

namespace pg_principal::cli {

namespace {

constexpr int done = 0, failed = 1, wrong_usage = 2;

// The verb the user meant to use, as typed: "pg_principal auth issue".
std::string command_path(const CLI::App &root) {
    std::string path = root.get_name();
    for (const CLI::App *app = &root; !app->get_subcommands().empty();) {
        app = app->get_subcommands().front();
        path += ' ' + app->get_name();
    }
    return path;
}

// What was typed in the wrong place may be a secret: only a flag's name or a plain word is
// repeated.
std::string describe_extra(const std::string &argument) {
    if (argument.size() > 2 && argument.substr(0, 2) == "--")
        return "unknown option " +
               quote_for_message(argument.substr(0, std::min(argument.find('='), std::size_t{30})));
    if (argument.size() > 1 && argument[0] == '-')
        return "unknown option " + quote_for_message(argument.substr(0, 2));
    const bool word = argument.size() <= 16 &&
                      std::all_of(argument.begin(), argument.end(),
                                  [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; });
    return word ? "unknown verb or argument " + quote_for_message(argument)
                : "an argument that is not expected";
}

int usage_error(const CLI::App &root, Streams &streams, const std::string &message,
                std::string hint) {
    if (hint.empty())
        hint = "See " + command_path(root) + " --help.";
    print_error(streams.err, message, {}, hint);
    return wrong_usage;
}

void build(CLI::App &root, Session &session) {
    root.require_subcommand(0, 1);
    root.set_version_flag("--version", std::string("pg_principal ") + version);
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
    add_auth_commands(root, session);
    add_people_commands(root, session);
    add_keys_commands(root, session);
    add_health_commands(root, session);
    add_audit_commands(root, session);
    add_whoami_command(root, session);
    add_serve_command(root, session);
}

// CLI11 takes --email= for a flag without a value; it is a value that is empty.
std::vector<std::string> split_empty_values(int argc, const char *const *argv) {
    std::vector<std::string> arguments;
    for (int i = 1; i < argc; ++i) {
        std::string argument = argv[i];
        const bool empty_value = argument.size() > 3 && argument.compare(0, 2, "--") == 0 &&
                                 argument.find('=') == argument.size() - 1;
        if (empty_value)
            argument.pop_back();
        arguments.push_back(std::move(argument));
        if (empty_value)
            arguments.emplace_back();
    }
    return arguments;
}

int parse(CLI::App &root, int argc, const char *const *argv, Streams &streams, bool &parsed) {
    std::vector<std::string> arguments = split_empty_values(argc, argv);
    std::reverse(arguments.begin(), arguments.end()); // CLI11 takes them from the back
    try {
        root.parse(std::move(arguments));
        parsed = true;
        return done;
    } catch (const CLI::ExtrasError &) {
        const std::vector<std::string> extras = root.remaining(true);
        return usage_error(root, streams, describe_extra(extras.empty() ? "" : extras.front()), {});
    } catch (const CLI::Success &e) { // --help, --version
        return root.exit(e, streams.out, streams.err);
    } catch (const CLI::ParseError &e) {
        return usage_error(root, streams, e.what(), {});
    }
}

} // namespace

CLI::App *add_command(CLI::App &parent, Session &session, const std::string &name,
                      const std::string &description, const std::string &examples,
                      std::function<void()> action) {
    CLI::App *command = parent.add_subcommand(name, description);
    command->require_subcommand(0, 1);
    command->footer("Examples:\n" + examples);
    command->add_option("--dsn", session.dsn, "Database (see pg_principal --help)")
        ->type_name("DSN");
    if (action)
        command->callback([&session, run_it = std::move(action)] { session.action = run_it; });
    return command;
}

void add_output(CLI::App *verb, std::string &output, const std::vector<std::string> &choices) {
    output = choices.front();
    verb->add_option("--output", output, "What to print (default " + output + ")")
        ->check(CLI::IsMember(choices))
        ->type_name("FORMAT");
}

int run(int argc, const char *const *argv, Streams &streams) {
    CLI::App root("Identities for people and service accounts that live in PostgreSQL.",
                  "pg_principal");
    Session session{streams};
    build(root, session);
    bool parsed = false;
    const int code = parse(root, argc, argv, streams, parsed);
    if (!parsed)
        return code;
    try {
        if (!session.action)
            throw UsageError("a verb is missing");
        check_dsn(session.dsn);
        session.action();
        streams.out.flush();
        if (!streams.out)
            throw Failure("could not write the result");
        return done;
    } catch (const UsageError &e) {
        return usage_error(root, streams, e.what(), e.hint);
    } catch (const Failure &e) {
        streams.out.flush();
        print_error(streams.err, e.what(), e.detail, e.hint);
    } catch (const std::bad_alloc &) {
        print_error(streams.err, "out of memory");
    } catch (const std::exception &) { // its text may quote what it was working on
        print_error(streams.err, "internal error");
    }
    return failed;
}

} // namespace pg_principal::cli
