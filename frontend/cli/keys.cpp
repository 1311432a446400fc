#include "cli/app.hpp"

#include <memory>

#include "cli/arguments.hpp"
#include "cli/read_file.hpp"
#include "core/base/utf8.hpp"
#include "core/json/document.hpp"

namespace pg_principal::cli {

namespace {

struct Options {
    std::string kid, algorithm = "HS256";
    std::string variable, secret_file, jwk_file;
    bool standby = false;
};

void list(const Session &session) {
    const db::Result rows =
        session.ask("SELECT kid, alg, state, pg_catalog.to_json(sealed), " +
                    utc_time_sql("created_at") + ", " + utc_time_sql("activated_at") +
                    ", CASE WHEN sealed THEN 'yes' ELSE 'no' END FROM auth.list_signing_keys()");
    print_rows(
        session.streams, session.output, rows,
        {{"kid", "alg", "state", "sealed", "createdAt", "activatedAt"},
         {{"KID", 0}, {"ALG", 1}, {"STATE", 2}, {"SEALED", 6}, {"CREATED", 4}, {"ACTIVATED", 5}}});
}

void print_new_key(const Session &session, const char *done, std::string_view kid, bool standby) {
    const char *const state = standby ? "standby" : "in_use";
    if (session.wants("json"))
        print_object(session.streams.out, {{"kid", kid}, {"state", state}});
    else if (session.wants("token"))
        session.streams.out << kid << '\n';
    else
        session.streams.out << done << ' ' << kid << " (" << state << ")\n";
}

void create(const Session &session, const Options &options) {
    const db::Result rows =
        session.ask("SELECT auth.create_signing_key($1::pg_catalog.text, $2::pg_catalog.bool)",
                    {options.algorithm, options.standby ? "false" : "true"});
    print_new_key(session, "created", rows.text(0, 0), options.standby);
}

// No message here may repeat anything of what was read.
bool holds_keys(std::string_view text) {
    json::Document document;
    return json::try_parse(document, without_byte_order_mark(text)) &&
           (document.root().is_object() || document.root().is_array());
}

std::string key_material(const Options &options) {
    const std::string &file = options.secret_file.empty() ? options.jwk_file : options.secret_file;
    std::string material = read_secret(options.variable, file);
    if (!options.jwk_file.empty() && !holds_keys(material))
        throw Failure(printable(file) + " is neither a JSON object nor an array of one");
    return material;
}

void import_key(const Session &session, const Options &options) {
    const int sources =
        !options.variable.empty() + !options.secret_file.empty() + !options.jwk_file.empty();
    if (sources != 1)
        throw UsageError("one of --secret-env, --secret-file, --jwk-file is required");
    const db::Result rows =
        session.ask("SELECT auth.import_signing_key($1::pg_catalog.text, $2::pg_catalog.bool)",
                    {key_material(options), options.standby ? "false" : "true"});
    print_new_key(session, "imported", rows.text(0, 0), options.standby);
    if (options.jwk_file.empty() && session.wants("text"))
        session.streams.out
            << "It signs and verifies here. What it signed elsewhere stays refused: no\n"
               "session stands for it. An anon or service_role key in use goes on once it\n"
               "is adopted: pg_principal auth adopt-key; users sign in again.\n";
}

void add_standby(Command verb, Options &options) {
    verb.flag("--standby", options.standby, "Publish it, but do not sign with it yet");
}

void add_import(Command group, Session &session, const std::shared_ptr<Options> &options) {
    const Command verb =
        add_verb(group, session, "import", "Import a signing key from a file or the environment",
                 "  pg_principal keys import --secret-env SUPABASE_JWT_SECRET\n"
                 "  pg_principal keys import --jwk-file key.json --standby",
                 [&session, options] { import_key(session, *options); }, {"text", "json", "token"});
    verb.option("--secret-env", options->variable,
                "The environment variable that holds an HS256 secret")
        .type("VAR");
    verb.option("--secret-file", options->secret_file, "The file that holds an HS256 secret")
        .type("FILE");
    verb.option(
            "--jwk-file", options->jwk_file,
            "The file that holds a private JWK, or an array of one as Supabase's signing_keys.json")
        .type("FILE");
    add_standby(verb, *options);
}

} // namespace

void add_keys_commands(Command root, Session &session) {
    const Command group = add_family(root, session, "keys", "Signing keys",
                                     "  pg_principal keys create\n"
                                     "  pg_principal keys import --secret-env SUPABASE_JWT_SECRET\n"
                                     "  pg_principal keys list");
    const auto options = std::make_shared<Options>();
    add_verb(group, session, "list", "List the signing keys and their states",
             "  pg_principal keys list\n"
             "  pg_principal keys list --output json",
             [&session] { list(session); });

    const Command verb =
        add_verb(group, session, "create", "Create a signing key inside the database",
                 "  pg_principal keys create\n"
                 "  pg_principal keys create --alg ES256 --standby",
                 [&session, options] { create(session, *options); }, {"text", "json", "token"});
    verb.option("--alg", options->algorithm, "Signature algorithm (default HS256)")
        .one_of({"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
                 "ES256", "ES384", "ES512", "EdDSA", "Ed25519", "Ed448"})
        .type("ALG");
    add_standby(verb, *options);

    add_import(group, session, options);

    const auto add_transition = [&](const std::string &name, const char *description,
                                    const char *sql, const char *done) {
        add_verb(group, session, name, description,
                 "  pg_principal keys " + name + " nR2Bv4Qk3T1yq0m5w8Zr7uXcJ6sLhE9aPdGfVtYbKiM",
                 [&session, options, sql, done] {
                     session.ask(sql, {options->kid});
                     print_done(session, done, options->kid);
                 })
            .option("KID", options->kid, "The key's id, as keys list shows it")
            .required()
            .type("");
    };
    add_transition("activate", "Sign with this key from now on",
                   "SELECT auth.activate_signing_key($1::pg_catalog.text)", "activated");
    add_transition("retire", "Stop signing with it; tokens it signed stay valid",
                   "SELECT auth.retire_signing_key($1::pg_catalog.text)", "retired");
    add_transition("revoke", "Revoke it: every token it signed is refused",
                   "SELECT auth.revoke_signing_key($1::pg_catalog.text)", "revoked");
}

} // namespace pg_principal::cli
