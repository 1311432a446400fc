#include "app.hpp"

#include "read_file.hpp"

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

} // namespace

void add_audit_commands(Verb &root, Session &session) {
    Verb group = add_command(root, session, "audit", "The audit: one hash chain for each principal",
                             "  pg_principal audit verify\n"
                             "  pg_principal audit seal > seal.jws");
    add_verify(group, session);
    add_seal(group, session);
}

} // namespace pg_principal::cli
