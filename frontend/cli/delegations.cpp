#include "cli/app.hpp"

#include <memory>

#include "cli/arguments.hpp"
#include "db/array.hpp"

namespace pg_principal::cli {

namespace {

struct Options {
    std::string person, agent, ttl = "30d", email, id;
    std::vector<std::string> scopes;
};

void create(const Session &session, const Options &options) {
    const db::Result rows = session.ask(
        "SELECT auth.delegate($1::pg_catalog.text, $2::pg_catalog.text, $3::pg_catalog.text, "
        "$4::pg_catalog.text[])",
        {options.person, options.agent, options.ttl, db::array_param(options.scopes)});
    print_done(session, "granted", std::string(rows.text(0, 0)));
}

void list(const Session &session, const Options &options) {
    const db::Result rows =
        session.ask("SELECT id, person, agent, pg_catalog.to_json(scopes), " +
                        utc_time_sql("created_at") + ", " + utc_time_sql("expires_at") +
                        ", state, granted_by, pg_catalog.array_to_string(scopes, ' ') FROM "
                        "auth.list_delegations($1::pg_catalog.text)",
                    {given_or_null(options.email)});
    print_rows(session.streams, session.output, rows,
               {{{"id"},
                 {"person"},
                 {"agent"},
                 {"scopes", true},
                 {"createdAt"},
                 {"expiresAt"},
                 {"state"},
                 {"grantedBy"}},
                {{"DELEGATION", 0},
                 {"PERSON", 1},
                 {"AGENT", 2},
                 {"STATE", 6},
                 {"EXPIRES", 5},
                 {"SCOPES", 8}},
                "no delegations"});
}

void end(const Session &session, const Options &options) {
    if (!session.ask("SELECT auth.end_delegation($1::pg_catalog.uuid)", {options.id}).boolean(0, 0))
        throw Failure("no delegation " + printable(options.id), {},
                      "List them: pg_principal delegations list.");
    print_done(session, "ended", options.id);
}

} // namespace

void add_delegations_commands(Command root, Session &session) {
    const Command group =
        add_family(root, session, "delegations", "Which agents may act for whom",
                   "  pg_principal delegations create --person ann@example.com --agent "
                   "kata-agent-team@example.com --scope read\n"
                   "  pg_principal delegations list");
    const auto options = std::make_shared<Options>();
    const auto add = [&](const char *name, const char *description, const char *examples,
                         void (*act)(const Session &, const Options &)) {
        return add_verb(group, session, name, description, examples,
                        [&session, options, act] { act(session, *options); });
    };
    const Command verb = add("create", "Let an agent act for a person",
                             "  pg_principal delegations create --person ann@example.com --agent "
                             "kata-agent-team@example.com --ttl 30d --scope read",
                             create);
    verb.option("--person", options->person, "For whom").required();
    verb.option("--agent", options->agent, "The service account that acts").required();
    verb.option("--ttl", options->ttl,
                "Time to live: hours, days or years, as 24h, 90d, 1y (default 30d)");
    verb.option("--scope", options->scopes, "One that it gets; may be repeated");

    add("list", "List the grants",
        "  pg_principal delegations list\n"
        "  pg_principal delegations list --email ann@example.com",
        list)
        .option("--email", options->email, "Of which person or agent; all when not given");

    add("end", "End a grant, and the tokens that were got by it",
        "  pg_principal delegations end 0c6f1c5e-8a2f-4f0e-9d0a-3f0d6a1b2c3d", end)
        .option("DELEGATION", options->id, "Its id, as delegations list shows it")
        .required()
        .type("");
}

} // namespace pg_principal::cli
