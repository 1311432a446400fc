#include "cli/app.hpp"

namespace pg_principal::cli {

namespace {

constexpr int done = 0, failed = 1, wrong_usage = 2;

void build(Verb root, Session &session, AddCommands add_more) {
    root.option("--dsn", session.dsn,
                "Database, as key=value pairs or a URL without a password (default: PGHOST, "
                "PGPORT, PGUSER, PGDATABASE, ...)")
        .type("DSN");
    root.epilogue("Examples:\n"
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
    if (add_more)
        add_more(root, session);
}

int carry_out(CommandLine &line, Session &session, int argc, const char *const *argv) {
    Streams &streams = session.streams;
    try {
        if (!line.parse(argc, argv, streams.out))
            return done;
        if (!session.action)
            throw UsageError("a verb is missing");
        check_dsn(session.dsn);
        session.action();
        streams.out.flush();
        if (!streams.out)
            throw Failure("could not write the result");
        return done;
    } catch (const UsageError &e) {
        print_error(streams.err, e.what(), {},
                    e.hint.empty() ? "See " + line.chosen() + " --help." : e.hint);
        return wrong_usage;
    }
}

} // namespace

Verb add_command(Verb &parent, Session &session, const std::string &name,
                 const std::string &description, const std::string &examples,
                 std::function<void()> action) {
    Verb command = parent.verb(name, description);
    command.epilogue("Examples:\n" + examples);
    command.option("--dsn", session.dsn, "Database (see pg_principal --help)").type("DSN");
    if (action)
        command.when_given([&session, run_it = std::move(action)] { session.action = run_it; });
    return command;
}

int run(int argc, const char *const *argv, Streams &streams, AddCommands add_more) {
    CommandLine line("pg_principal",
                     "Identities for people and service accounts that live in PostgreSQL.",
                     version);
    Session session{streams};
    build(line.root(), session, add_more);
    try {
        return carry_out(line, session, argc, argv);
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
