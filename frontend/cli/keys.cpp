#include "cli/app.hpp"

#include "cli/read_file.hpp"
#include "core/json/document.hpp"

namespace pg_principal::cli {

namespace {

void add_list(Verb &group, Session &session) {
    const auto output = std::make_shared<std::string>();
    Verb verb = add_command(
        group, session, "list", "List the signing keys and their states",
        "  pg_principal keys list\n"
        "  pg_principal keys list --output json",
        [&session, output] {
            const Rows rows = session.connect().run(
                "SELECT kid, alg, state, sealed, " + utc_time_sql("created_at") + ", " +
                utc_time_sql("activated_at") + " FROM auth.list_signing_keys()");
            Json list = Json::array();
            Table table({"KID", "ALG", "STATE", "SEALED", "CREATED", "ACTIVATED"});
            for (int row = 0; row < rows.size(); ++row) {
                const bool sealed = rows.text(row, 3) == "t";
                const auto activated = rows.get(row, 5);
                list.push_back({{"kid", rows.text(row, 0)},
                                {"alg", rows.text(row, 1)},
                                {"state", rows.text(row, 2)},
                                {"sealed", sealed},
                                {"createdAt", rows.text(row, 4)},
                                {"activatedAt", activated ? Json(*activated) : Json()}});
                table.add({rows.get(row, 0), rows.get(row, 1), rows.get(row, 2),
                           sealed ? "yes" : "no", rows.get(row, 4), activated});
            }
            if (*output == "json")
                print_json(session.streams.out, list);
            else
                table.print(session.streams);
        });
    verb.output(*output, {"text", "json"});
}

void print_new_key(const Streams &streams, const std::string &verb, const std::string &kid,
                   bool standby, const std::string &output) {
    const char *const state = standby ? "standby" : "in_use";
    if (output == "json")
        print_json(streams.out, {{"kid", kid}, {"state", state}});
    else if (output == "token")
        streams.out << kid << '\n';
    else
        streams.out << verb << ' ' << kid << " (" << state << ")\n";
}

void add_create(Verb &group, Session &session) {
    struct Options {
        std::string algorithm = "HS256", output;
        bool standby = false;
    };
    const auto options = std::make_shared<Options>();
    Verb verb = add_command(group, session, "create", "Create a signing key inside the database",
                            "  pg_principal keys create\n"
                            "  pg_principal keys create --alg ES256 --standby",
                            [&session, options] {
                                const Rows rows = session.connect().run(
                                    "SELECT auth.create_signing_key($1::pg_catalog.text, "
                                    "$2::pg_catalog.bool)",
                                    {options->algorithm, options->standby ? "false" : "true"});
                                print_new_key(session.streams, "created", rows.text(0, 0),
                                              options->standby, options->output);
                            });
    verb.option("--alg", options->algorithm, "Signature algorithm (default HS256)")
        .one_of({"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
                 "ES256", "ES384", "ES512", "EdDSA"})
        .type("ALG");
    verb.flag("--standby", options->standby, "Publish it, but do not sign with it yet");
    verb.output(options->output, {"text", "json", "token"});
}

struct ImportOptions {
    std::string variable, secret_file, jwk_file, output;
    bool standby = false;
};

// No message here may repeat anything of what was read.
bool holds_keys(std::string_view text) {
    constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
    if (text.substr(0, byte_order_mark.size()) == byte_order_mark)
        text.remove_prefix(byte_order_mark.size());
    json::Document document;
    return json::try_parse(document, text) &&
           (document.root().is_object() || document.root().is_array());
}

std::string key_material(const ImportOptions &options) {
    const std::string &file = options.secret_file.empty() ? options.jwk_file : options.secret_file;
    std::string material = read_secret(options.variable, file);
    if (!options.jwk_file.empty() && !holds_keys(material))
        throw Failure(printable(file) + " is neither a JSON object nor an array of one");
    return material;
}

void add_import(Verb &group, Session &session) {
    const auto options = std::make_shared<ImportOptions>();
    Verb verb = add_command(
        group, session, "import", "Import a signing key; it is never an argument",
        "  pg_principal keys import --secret-env SUPABASE_JWT_SECRET\n"
        "  pg_principal keys import --jwk-file key.json --standby",
        [&session, options] {
            const int sources = !options->variable.empty() + !options->secret_file.empty() +
                                !options->jwk_file.empty();
            if (sources != 1)
                throw UsageError("one of --secret-env, --secret-file, --jwk-file is needed");
            const std::string material = key_material(*options);
            const Rows rows = session.connect().run(
                "SELECT auth.import_signing_key($1::pg_catalog.text, $2::pg_catalog.bool)",
                {material, options->standby ? "false" : "true"});
            print_new_key(session.streams, "imported", rows.text(0, 0), options->standby,
                          options->output);
            if (options->jwk_file.empty() && options->output == "text")
                session.streams.out
                    << "It signs and verifies here. What it signed elsewhere stays refused: no\n"
                       "session stands for it. An anon or service_role key in use goes on once it\n"
                       "is adopted: pg_principal auth adopt-key; users sign in again.\n";
        });
    verb.option("--secret-env", options->variable,
                "The environment variable that holds an HS256 secret")
        .type("VAR");
    verb.option("--secret-file", options->secret_file, "The file that holds an HS256 secret")
        .type("FILE");
    verb.option(
            "--jwk-file", options->jwk_file,
            "The file that holds a private JWK, or an array of one as Supabase's signing_keys.json")
        .type("FILE");
    verb.flag("--standby", options->standby, "Publish it, but do not sign with it yet");
    verb.output(options->output, {"text", "json", "token"});
}

void add_transition(Verb &group, Session &session, const std::string &name,
                    const std::string &description, const std::string &sql,
                    const std::string &done_word) {
    struct Options {
        std::string kid, output;
    };
    const auto options = std::make_shared<Options>();
    Verb verb =
        add_command(group, session, name, description,
                    "  pg_principal keys " + name + " nR2Bv4Qk3T1yq0m5w8Zr7uXcJ6sLhE9aPdGfVtYbKiM",
                    [&session, options, sql, done_word] {
                        session.connect().run(sql, {options->kid});
                        if (options->output == "json")
                            print_json(session.streams.out, {{done_word, options->kid}});
                        else
                            session.streams.out << done_word << ' ' << printable(options->kid)
                                                << '\n';
                    });
    verb.option("KID", options->kid, "The key's id, as keys list shows it").required().type("");
    verb.output(options->output, {"text", "json"});
}

} // namespace

void add_keys_commands(Verb &root, Session &session) {
    Verb group =
        add_command(root, session, "keys", "Signing keys: created, rotated and revoked in place",
                    "  pg_principal keys create\n"
                    "  pg_principal keys import --secret-env SUPABASE_JWT_SECRET\n"
                    "  pg_principal keys list");
    add_list(group, session);
    add_create(group, session);
    add_import(group, session);
    add_transition(group, session, "activate", "Sign with this key from now on",
                   "SELECT auth.activate_signing_key($1::pg_catalog.text)", "activated");
    add_transition(group, session, "retire", "Stop signing with it; its tokens live on",
                   "SELECT auth.retire_signing_key($1::pg_catalog.text)", "retired");
    add_transition(group, session, "revoke", "End it: every token it signed dies",
                   "SELECT auth.revoke_signing_key($1::pg_catalog.text)", "revoked");
}

} // namespace pg_principal::cli
