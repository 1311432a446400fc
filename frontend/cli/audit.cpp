#include "cli/app.hpp"

#include <regex>

#include "cli/read_file.hpp"
#include "core/base/duration.hpp"
#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace pg_principal::cli {

namespace {

constexpr std::size_t max_seal_bytes = 16 << 10;

Param read_seal(const std::string &file) {
    if (file.empty())
        return std::nullopt;
    std::string seal = read_file(file, max_seal_bytes);
    while (!seal.empty() && (seal.back() == '\n' || seal.back() == '\r'))
        seal.pop_back();
    if (seal.empty() || seal.size() > max_seal_bytes || seal.find('\0') != std::string::npos)
        throw Failure(printable(file) + " holds no seal");
    return seal;
}

void add_verify(Verb &group, Session &session) {
    struct Options {
        std::string seal_file, output;
    };
    const auto options = std::make_shared<Options>();
    Verb verb = add_command(
        group, session, "verify", "Check every audit chain and seal; exit 1 when one is broken",
        "  pg_principal audit verify\n"
        "  pg_principal audit verify --seal-file seal-2026-11.jws",
        [&session, options] {
            const Rows rows = session.connect().run("SELECT user_id, seq, fault FROM "
                                                    "auth.audit_verify($1::pg_catalog.text)",
                                                    {read_seal(options->seal_file)});
            Json list = Json::array();
            Table table({"PRINCIPAL", "ENTRY", "FAULT"});
            for (int row = 0; row < rows.size(); ++row) {
                const auto principal = rows.get(row, 0), entry = rows.get(row, 1);
                list.push_back({{"userId", principal ? Json(*principal) : Json()},
                                {"entry", entry ? Json::parse(*entry) : Json()},
                                {"fault", rows.text(row, 2)}});
                table.add({principal, entry, rows.get(row, 2)});
            }
            if (options->output == "json")
                print_json(session.streams.out, list);
            else if (rows.size() > 0)
                table.print(session.streams);
            else
                session.streams.out << "the audit holds\n";
            if (rows.size() > 0)
                throw Failure("the audit does not hold: " + std::to_string(rows.size()) +
                              (rows.size() == 1 ? " fault" : " faults"));
        });
    verb.option("--seal-file", options->seal_file,
                "A seal kept elsewhere: shows also that the seals here were replaced")
        .type("FILE");
    verb.output(options->output, {"text", "json"});
}

void add_seal(Verb &group, Session &session) {
    const auto output = std::make_shared<std::string>();
    Verb verb =
        add_command(group, session, "seal", "Sign a digest over every audit chain and print it",
                    "  pg_principal audit seal > seal-2026-11.jws", [&session, output] {
                        const Rows rows = session.connect().run("SELECT auth.audit_seal()");
                        if (*output == "json")
                            print_json(session.streams.out, {{"seal", rows.text(0, 0)}});
                        else
                            session.streams.out << rows.text(0, 0) << '\n';
                    });
    verb.output(*output, {"text", "json"});
}

// A duration back from now (24h, 7d), or a time as RFC 3339 has it: it means the same whatever the
// connection's settings are.
bool is_rfc_3339(const std::string &given) {
    static const std::regex time("\\d{4}-\\d\\d-\\d\\d([T ]\\d\\d:\\d\\d(:\\d\\d(\\.\\d{1,6})?)?"
                                 "(Z|[+-]\\d\\d:\\d\\d)?)?");
    return std::regex_match(given, time);
}

std::string since_sql(const std::string &given) {
    if (given.empty() || is_rfc_3339(given))
        return "$2::pg_catalog.timestamptz";
    return "pg_catalog.now() OPERATOR(pg_catalog.-) "
           "pg_catalog.make_interval(secs => $2::pg_catalog.float8)";
}

Param since_value(const std::string &given) {
    if (given.empty())
        return std::nullopt;
    if (!is_rfc_3339(given)) {
        try {
            return std::to_string(parse_ttl(given));
        } catch (const Error &) {
            throw UsageError(
                "--since: " + quote_for_message(given) + " is no time to begin at",
                "Write 24h, 7d or 1y, or a time in UTC: 2026-11-01, 2026-11-01T12:00.");
        }
    }
    const bool has_time = given.size() > 10;
    const bool has_zone = has_time &&
                          (given.back() == 'Z' || given.rfind(':') == given.size() - 3) &&
                          given.find_first_of("Z+-", 11) != std::string::npos;
    return given + (has_time ? "" : " 00:00:00") + (has_zone ? "" : "Z");
}

Param given_or_null(const std::string &text) { return text.empty() ? std::nullopt : Param(text); }

// {"role": {"previous": "ANALYST", "current": "ADMIN"}} as role: ANALYST -> ADMIN; and who did it.
constexpr const char *summary_sql =
    ", (SELECT pg_catalog.string_agg(pg_catalog.concat(c.key, ': ', pg_catalog.concat_ws(' -> ', "
    "pg_catalog.jsonb_extract_path_text(c.value, 'previous'), "
    "coalesce(pg_catalog.jsonb_extract_path_text(c.value, 'current'), '-'))), ', ') "
    "FROM pg_catalog.jsonb_each(changes) AS c), "
    "coalesce(actor_email, pg_catalog.jsonb_extract_path_text(metadata, 'databaseRole')), "
    "coalesce(subject, user_id::pg_catalog.text) ";

void add_list(Verb &group, Session &session) {
    struct Options {
        std::string email, principal, since, cursor, output;
        unsigned limit = 50;
    };
    const auto options = std::make_shared<Options>();
    Verb verb = add_command(
        group, session, "list", "Show what was written down, newest first",
        "  pg_principal audit list --email kata-agent-team@example.com --since 7d\n"
        "  pg_principal audit list --since 2026-11-01 --limit 500 --output json",
        [&session, options] {
            const Rows rows = session.connect().run(
                "SELECT id, user_id, seq, subject, actor_id, actor_email, changes, reason, "
                "metadata, ip, user_agent, " +
                    utc_time_sql("created_at") + ", next_cursor" + summary_sql +
                    "FROM auth.list_audit($1::pg_catalog.text, " + since_sql(options->since) +
                    ", $3::pg_catalog.int4, $4::pg_catalog.text, $5::pg_catalog.uuid)",
                {given_or_null(options->email), since_value(options->since),
                 std::to_string(options->limit), given_or_null(options->cursor),
                 given_or_null(options->principal)});
            constexpr const char *names[] = {"id",       "userId",     "entry",     "email",
                                             "actorId",  "actorEmail", "changes",   "reason",
                                             "metadata", "ip",         "userAgent", "createdAt"};
            Json list = Json::array();
            Table table({"TIME", "PRINCIPAL", "BY", "CHANGES", "REASON"});
            std::string next;
            for (int row = 0; row < rows.size(); ++row) {
                Json entry;
                for (int column = 0; column < 12; ++column) {
                    const auto value = rows.get(row, column);
                    const bool is_json = column == 2 || column == 6 || column == 8;
                    entry[names[column]] = !value    ? Json()
                                           : is_json ? Json::parse(*value)
                                                     : Json(*value);
                }
                list.push_back(std::move(entry));
                table.add({rows.get(row, 11), rows.get(row, 15), rows.get(row, 14),
                           rows.get(row, 13), rows.get(row, 7)});
                next = rows.text(row, 12);
            }
            if (rows.size() < static_cast<int>(options->limit))
                next.clear();
            if (options->output == "json")
                print_json(session.streams.out,
                           {{"audits", list}, {"nextCursor", next.empty() ? Json() : Json(next)}});
            else if (rows.size() == 0)
                session.streams.out << "no entry\n";
            else
                table.print(session.streams);
            if (options->output == "text" && !next.empty())
                session.streams.out << "older ones: --cursor " << next << '\n';
        });
    verb.option("--email", options->email,
                "Whose entries; of an address that no principal has, those that name it");
    verb.option("--principal", options->principal,
                "Whose entries, by id; keys, the roster, seals and prunings are those of "
                "ffffffff-ffff-ffff-ffff-ffffffffffff")
        .type("ID");
    verb.option("--since", options->since, "Not older than that: 24h, 7d, 1y, or a time in UTC")
        .type("TIME");
    verb.option("--limit", options->limit, "How many entries (default 50)").between(1U, 1000U);
    verb.option("--cursor", options->cursor, "Go on after a page, with the cursor at its end");
    verb.output(options->output, {"text", "json"});
}

} // namespace

void add_audit_commands(Verb &root, Session &session) {
    Verb group = add_command(root, session, "audit", "The audit: one hash chain for each principal",
                             "  pg_principal audit list --since 7d\n"
                             "  pg_principal audit verify\n"
                             "  pg_principal audit seal > seal.jws");
    add_list(group, session);
    add_verify(group, session);
    add_seal(group, session);
}

} // namespace pg_principal::cli
