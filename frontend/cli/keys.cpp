#include "cli/app.hpp"

#include "cli/values.hpp"
#include "core/base/utf8.hpp"
#include "core/json/document.hpp"

namespace pg_principal::cli {

namespace {

// No message here may repeat anything of what was read.
std::string read_keys(const std::string &file) {
    std::string text = read_secret(file);
    json::Document document;
    const std::string_view content = without_byte_order_mark(text);
    const bool is_json{json::try_parse(document, content)};
    if (is_json && document.root().is_object() && document.root().find("keys"))
        throw Failure(label_of(file) + " is a JWK Set", {},
                      "Import one key of it: jq '.keys[0]' FILE > KEY.json.");
    if (is_json && (document.root().is_object() || document.root().is_array()))
        return text;
    const bool is_pem = content.find("-----BEGIN ") != content.npos;
    throw Failure(label_of(file) + " is neither a JSON object nor an array of one", {},
                  is_pem ? "A private key in PEM is imported with --secret-file." : "");
}

void import_key(const Session &session, const Given &given) {
    tells("SELECT auth.import_signing_key(coalesce($1, $2, $3), NOT $4::pg_catalog.bool) AS kid, "
          "CASE WHEN $4 THEN 'standby' ELSE 'in_use' END AS state",
          "imported {kid} ({state})\n", "kid")(session, given);
    if (!given.is_given("--jwk-file") && session.wants("text"))
        session.streams.out
            << "It signs and verifies here. What it signed elsewhere stays refused: no\n"
               "session stands for it. An anon or service_role key in use goes on once it\n"
               "is adopted: pg_principal auth adopt-key; users sign in again.\n";
}

const Option standby{"--standby", "Publish it, but do not sign with it yet", flag};
const Option kid{"KID", "The key's id, as keys list shows it", needed};

const std::vector<Verb> keys_verbs = {
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
     tells("SELECT auth.create_signing_key($1, NOT $2) AS kid, "
           "CASE WHEN $2 THEN 'standby' ELSE 'in_use' END AS state",
           "created {kid} ({state})\n", "kid"),
     {"text", "json", "token"}},
    {"import",
     "Import a signing key from a file or the environment",
     "--secret-env SUPABASE_JWT_SECRET\n--jwk-file key.json --standby",
     {from_variable("--secret-env",
                    "The environment variable that holds an HS256 secret, or a private key in PEM"),
      from_file("--secret-file", "The file that holds an HS256 secret, or a private key in PEM"),
      from_file(
          "--jwk-file",
          "The file that holds a private JWK, or an array of one as Supabase's signing_keys.json",
          read_keys),
      standby},
     with(exactly_one, {"--secret-env", "--secret-file", "--jwk-file"}, import_key),
     {"text", "json", "token"}},
    {"activate",
     "Sign with this key from now on",
     "nR2Bv4Qk3T1yq0m5w8Zr7uXcJ6sLhE9aPdGfVtYbKiM",
     {kid},
     does("SELECT auth.activate_signing_key($1)", "activated")},
    {"retire",
     "Stop signing with it; tokens it signed stay valid",
     "nR2Bv4Qk3T1yq0m5w8Zr7uXcJ6sLhE9aPdGfVtYbKiM",
     {kid},
     does("SELECT auth.retire_signing_key($1)", "retired")},
    {"revoke",
     "Revoke it: every token it signed is refused",
     "nR2Bv4Qk3T1yq0m5w8Zr7uXcJ6sLhE9aPdGfVtYbKiM",
     {kid},
     does("SELECT auth.revoke_signing_key($1)", "revoked")},
};

} // namespace

const Family keys_family{"keys", "Signing keys",
                         "create\nimport --secret-env SUPABASE_JWT_SECRET\nlist", keys_verbs};

} // namespace pg_principal::cli
