#include "cli/app.hpp"

#include "cli/values.hpp"
#include "core/base/utf8.hpp"
#include "core/json/document.hpp"

namespace pg_principal::cli {

namespace {

// No message here may repeat anything of what was read.
bool holds_keys(std::string_view text) {
    json::Document document;
    return json::try_parse(document, without_byte_order_mark(text)) &&
           (document.root().is_object() || document.root().is_array());
}

void import_key(const Session &session, const Given &given) {
    const std::string &variable = given["--secret-env"], &secret_file = given["--secret-file"],
                      &jwk_file = given["--jwk-file"];
    if (!variable.empty() + !secret_file.empty() + !jwk_file.empty() != 1)
        throw UsageError("exactly one of --secret-env, --secret-file, --jwk-file is required");
    const std::string material = read_secret(variable, secret_file + jwk_file);
    if (!jwk_file.empty() && !holds_keys(material))
        throw Failure(printable(jwk_file) + " is neither a JSON object nor an array of one");
    const db::Result rows = session.ask(
        "SELECT auth.import_signing_key($1::pg_catalog.text, NOT $2::pg_catalog.bool) AS kid, CASE "
        "WHEN $2::pg_catalog.bool THEN 'standby' ELSE 'in_use' END AS state",
        {material, given.has("--standby") ? "true" : "false"});
    print_row(session, rows, "imported {kid} ({state})\n", "kid");
    if (jwk_file.empty() && session.wants("text"))
        session.streams.out
            << "It signs and verifies here. What it signed elsewhere stays refused: no\n"
               "session stands for it. An anon or service_role key in use goes on once it\n"
               "is adopted: pg_principal auth adopt-key; users sign in again.\n";
}

const Option standby{"--standby", "Publish it, but do not sign with it yet", flag};
const Option kid{"KID", "The key's id, as keys list shows it", needed};

const std::vector<Verb> verbs = {
    {"list",
     "List the signing keys and their states",
     "\n--output json",
     {},
     lists("SELECT kid, alg, state, json(sealed), utc(created_at), utc(activated_at), CASE WHEN "
           "sealed THEN 'yes' ELSE 'no' END AS \"SEALED\" FROM auth.list_signing_keys()",
           {"KID, ALG, STATE, SEALED, CREATED created_at, ACTIVATED activated_at"})},
    {"create",
     "Create a signing key inside the database",
     "\n--alg ES256 --standby",
     {{"--alg", "Signature algorithm (default HS256)", maybe, "ALG", "HS256",
       one_of({"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
               "ES256", "ES384", "ES512", "EdDSA", "Ed25519", "Ed448"})},
      standby},
     tells("SELECT auth.create_signing_key($1::pg_catalog.text, NOT $2::pg_catalog.bool) AS kid, "
           "CASE WHEN $2::pg_catalog.bool THEN 'standby' ELSE 'in_use' END AS state",
           "created {kid} ({state})\n", "kid"),
     {"text", "json", "token"}},
    {"import",
     "Import a signing key from a file or the environment",
     "--secret-env SUPABASE_JWT_SECRET\n--jwk-file key.json --standby",
     {{"--secret-env", "The environment variable that holds an HS256 secret", maybe, "VAR"},
      {"--secret-file", "The file that holds an HS256 secret", maybe, "FILE"},
      {"--jwk-file",
       "The file that holds a private JWK, or an array of one as Supabase's signing_keys.json",
       maybe, "FILE"},
      standby},
     import_key,
     {"text", "json", "token"}},
    {"activate",
     "Sign with this key from now on",
     "nR2Bv4Qk3T1yq0m5w8Zr7uXcJ6sLhE9aPdGfVtYbKiM",
     {kid},
     does("SELECT auth.activate_signing_key($1::pg_catalog.text)", "activated")},
    {"retire",
     "Stop signing with it; tokens it signed stay valid",
     "nR2Bv4Qk3T1yq0m5w8Zr7uXcJ6sLhE9aPdGfVtYbKiM",
     {kid},
     does("SELECT auth.retire_signing_key($1::pg_catalog.text)", "retired")},
    {"revoke",
     "Revoke it: every token it signed is refused",
     "nR2Bv4Qk3T1yq0m5w8Zr7uXcJ6sLhE9aPdGfVtYbKiM",
     {kid},
     does("SELECT auth.revoke_signing_key($1::pg_catalog.text)", "revoked")},
};

} // namespace

const Family keys_family{"keys", "Signing keys",
                         "create\nimport --secret-env SUPABASE_JWT_SECRET\nlist", verbs};

} // namespace pg_principal::cli
