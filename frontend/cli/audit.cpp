#include "cli/app.hpp"

#include <nlohmann/json.hpp>

#include "cli/values.hpp"
#include "core/base/duration.hpp"
#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace pg_principal::cli {

namespace {

constexpr std::size_t max_seal_bytes = 16 << 10;

std::string read_seal(const std::string &file) {
    std::string seal = read_file(file, max_seal_bytes);
    while (!seal.empty() && (seal.back() == '\n' || seal.back() == '\r'))
        seal.pop_back();
    if (seal.empty() || seal.size() > max_seal_bytes || seal.find('\0') != std::string::npos)
        throw Failure(label_of(file) + " contains no seal");
    return seal;
}

void print_faults(const Session &session, const db::Result &rows) {
    print_rows(session, rows, {"PRINCIPAL user_id, ENTRY, FAULT", "the audit is intact"});
    if (rows.rows() > 0)
        throw Failure("the audit is broken: " + std::to_string(rows.rows()) +
                      (rows.rows() == 1 ? " fault" : " faults"));
}

// A time, or how long ago (24h, 7d), in seconds.
std::string read_since(const std::string &given) {
    if (const std::optional<std::string> time = utc_time(given))
        return *time;
    try {
        return std::to_string(parse_ttl(given)) + " s";
    } catch (const Error &) {
        throw UsageError("--since: " + quote_for_message(given) + " is not a time",
                         "Write 24h, 7d or 1y, or a time in UTC: 2026-11-01, 2026-11-01T12:00.");
    }
}

// {"role": {"previous": "ANALYST", "current": "ADMIN"}} as role: ANALYST -> ADMIN; and who did it.
constexpr const char *summary_sql =
    ", (SELECT pg_catalog.string_agg(pg_catalog.concat(c.key, ': ', pg_catalog.concat_ws(' -> ', "
    "pg_catalog.jsonb_extract_path_text(c.value, 'previous'), "
    "coalesce(pg_catalog.jsonb_extract_path_text(c.value, 'current'), '-'))), ', ') "
    "FROM pg_catalog.jsonb_each(changes) AS c) AS \"CHANGES\", "
    "coalesce(actor_email, pg_catalog.jsonb_extract_path_text(metadata, 'databaseRole')) AS "
    "\"BY\", "
    "coalesce(subject, user_id::pg_catalog.text) AS \"PRINCIPAL\", next_cursor AS \"NEXT\" ";

void list(const Session &session, const Given &given) {
    const db::Result rows = session.ask(
        "SELECT id, user_id, seq AS entry, subject AS email, actor_id, actor_email, changes, "
        "reason, metadata, ip, user_agent, utc(created_at)" +
            std::string(summary_sql) +
            "FROM auth.list_audit($1, CASE pg_catalog.right($3, 1) WHEN 's' THEN pg_catalog.now() "
            "OPERATOR(pg_catalog.-) $3::pg_catalog.text::pg_catalog.interval ELSE "
            "$3::pg_catalog.text::pg_catalog.timestamptz END, $4, $5, $2)",
        given.parameters());
    const Listing listing = {"TIME created_at, PRINCIPAL, BY, CHANGES, REASON", "no entries"};
    const bool is_full = rows.rows() > 0 && rows.rows() >= std::stoi(given["--limit"]);
    const std::string next(is_full ? rows.text(rows.rows() - 1, rows.column("NEXT")) : "");
    if (session.wants("json"))
        return print_json(
            session.streams.out,
            {{"audits", list_of(rows)}, {"nextCursor", next.empty() ? Json() : Json(next)}});
    print_table(session.streams, rows, listing);
    if (!next.empty())
        session.streams.out << "older entries: --cursor " << next << '\n';
}

const std::vector<Verb> audit_verbs = {
    {"list",
     "Show audit entries, newest first",
     "--email kata-agent-team@example.com --since 7d\n"
     "--since 2026-11-01 --limit 500 --output json",
     {{"--email", "Entries of this principal; if no principal has the email, entries that name it"},
      {"--principal",
       "Entries of the principal with this id; keys, the roster, seals and prunings are under "
       "ffffffff-ffff-ffff-ffff-ffffffffffff",
       maybe, "ID"},
      {"--since", "Entries since then: 24h, 7d, 1y ago, or a time in UTC", maybe, "TIME", "",
       read_as(read_since)},
      {"--limit", "How many entries (default 50)", maybe, "UINT", "50", between(1U, 1000U)},
      {"--cursor", "The next page, by the cursor that the last one ended with"}},
     with(at_most_one, {"--email", "--principal"}, list)},
    {"verify",
     "Check every audit chain and seal; exit 1 when one is broken",
     "\n--seal-file seal-2026-11.jws",
     {from_file("--seal-file",
                "A seal stored elsewhere: also shows whether the seals here were replaced",
                read_seal)},
     asks("SELECT user_id, seq AS entry, fault FROM auth.audit_verify($1)", print_faults)},
    {"seal",
     "Sign a digest over every audit chain and print it",
     "> seal-2026-11.jws",
     {},
     tells("SELECT auth.audit_seal() AS seal", "{seal}\n")},
};

} // namespace

const Family audit_family{"audit", "The audit: one hash chain for each principal",
                          "list --since 7d\nverify\nseal > seal.jws", audit_verbs};

} // namespace pg_principal::cli
