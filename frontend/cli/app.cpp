#include "cli/app.hpp"

#include <memory>

#include <CLI/CLI.hpp>

#include "cli/command_line.hpp"

namespace pg_principal::cli {

namespace {

constexpr int done = 0, failed = 1, wrong_usage = 2;

void build(CLI::App &root, Session &session, AddCommands add_more) {
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
    const Group group(root, session);
    for (const AddCommands add :
         {add_auth_commands, add_people_commands, add_keys_commands, add_clients_commands,
          add_issuers_commands, add_delegations_commands, add_health_commands, add_audit_commands,
          add_doctor_command, add_whoami_command, add_more})
        if (add)
            add(group);
}

// False when the arguments asked for no more than what was printed: --help, --version.
bool parse(CLI::App &root, int argc, const char *const *argv, std::ostream &out) {
    try {
        root.parse(arguments_of(argc, argv));
        insist_on_variables(root);
        return true;
    } catch (const CLI::ExtrasError &) {
        throw UsageError(describe_extra(root.remaining(true))); // with any --
    } catch (const CLI::Success &e) {
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

int carry_out(CLI::App &root, Session &session, int argc, const char *const *argv) {
    Streams &streams = session.streams;
    try {
        if (parse(root, argc, argv, streams.out)) {
            if (!session.action)
                throw UsageError("a verb is missing");
            db::check_dsn(session.dsn);
            session.action();
        }
        streams.out.flush();
        if (!streams.out)
            throw Failure("could not write the result");
        return done;
    } catch (const UsageError &e) {
        print_error(streams.err, e.what(), {},
                    e.hint.empty() ? "See " + chosen(root) + " --help." : e.hint);
        return wrong_usage;
    }
}

} // namespace

Group Group::family(const char *name, const char *description, const char *examples,
                    const std::vector<Verb> &verbs) const {
    CLI::App &family = *command_.add_subcommand(name, description);
    family.require_subcommand(0, 1);
    family.footer(std::string("Examples:\n") + examples);
    family.add_option("--dsn", session_.dsn, "Database (see pg_principal --help)")
        ->type_name("DSN");
    const Group group(family, session_);
    group.add_all(verbs);
    return group;
}

void Group::add_all(const std::vector<Verb> &verbs) const {
    for (const Verb &verb : verbs)
        add(verb);
}

CLI::App &Group::add(const Verb &verb) const {
    CLI::App &command = family(verb.name, verb.description, verb.examples).command_;
    const std::vector<std::string> &outputs = verb.outputs;
    if (!outputs.empty())
        command
            .add_option("--output", session_.output,
                        "What to print (default " + outputs.front() + ")")
            ->check(CLI::IsMember(outputs))
            ->type_name("FORMAT");
    const auto given = std::make_shared<Given>();
    for (const Option &option : verb.options)
        given->declare(command, option);
    command.callback([&session = session_, given, act = verb.act,
                      otherwise = outputs.empty() ? "" : outputs.front()] {
        session.action = [&session, given, act] { act(session, *given); };
        if (session.output.empty())
            session.output = otherwise;
    });
    return command;
}

int run(int argc, const char *const *argv, Streams &streams, AddCommands add_more) {
    CLI::App root("Identities for people and service accounts that live in PostgreSQL.",
                  "pg_principal");
    Session session{streams};
    build(root, session, add_more);
    try {
        return carry_out(root, session, argc, argv);
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
