#include "pg/identity/verification.hpp"

#include "core/crypto/crypto.hpp"
#include "core/base/error.hpp"
#include "core/json/writer.hpp"
#include "core/jose/jwt.hpp"
#include "pg/keys/keyring.hpp"
#include "pg/settings.hpp"
#include "pg/tables/store.hpp"
#include "pg/bridge/time.hpp"

#include <cstring>

namespace pg_principal {

namespace {

std::optional<pg_uuid_t> parse_uuid(std::string_view text) noexcept {
    pg_uuid_t uuid{};
    int digits = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i] != '-')
                return std::nullopt;
            continue;
        }
        const char c = text[i];
        const int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (value < 0 || digits >= 2 * UUID_LEN)
            return std::nullopt;
        unsigned char &byte = uuid.data[digits++ / 2];
        byte = static_cast<unsigned char>(byte << 4 | value);
    }
    if (digits != 2 * UUID_LEN || text.size() != 36)
        return std::nullopt;
    return uuid;
}

bool same(const pg_uuid_t &a, const pg_uuid_t &b) noexcept {
    return std::string_view(reinterpret_cast<const char *>(a.data), UUID_LEN) ==
           std::string_view(reinterpret_cast<const char *>(b.data), UUID_LEN);
}

std::string_view string_claim(json::Value claims, std::string_view name) {
    const json::Value value = claims.find(name);
    return value.is_string() ? value.as_string() : std::string_view();
}

// As auth.is_agent().
bool is_agent(std::string_view kind, std::string_view email) noexcept {
    return kind == "service_account" || email.find("-agent@") != std::string_view::npos;
}

void judge_principal(Identity &identity, const pg_uuid_t &id, std::optional<int> generation,
                     TimestampTz now) {
    const PrincipalRow principal = read_principal(id, now);
    if (!principal.found)
        refuse_token("unknown principal");
    if (principal.banned)
        refuse_token("banned");
    if (generation && *generation != principal.generation)
        refuse_token("session revoked"); // by a ban that was lifted since
    identity.has_principal = true;
    identity.uid = id;
    identity.email = to_utf8(principal.email);
    identity.kind = principal.kind;
    identity.app_role = principal.app_role;
    identity.is_agent = identity.has_session && is_agent(identity.kind, identity.email);
}

void judge_session(Identity &identity, const pg_uuid_t &id, std::string_view subject,
                   TimestampTz now) {
    const SessionRow session = read_session(id);
    if (!session.found) { // deleting a principal deletes its sessions
        const std::optional<pg_uuid_t> uid = parse_uuid(subject);
        refuse_token(uid && !read_principal(*uid, now).found ? "unknown principal"
                                                             : "unknown session");
    }
    if (session.revoked)
        refuse_token("session revoked");
    const TimestampTz ends = TIMESTAMP_NOT_FINITE(session.expires_at)
                                 ? session.expires_at
                                 : session.expires_at + settings::clock_skew() * us_per_s;
    if (ends <= now)
        refuse_token("expired");
    identity.dies_at = std::min(identity.dies_at, ends);
    if (identity.role != session.role)
        refuse_token("wrong role");
    identity.has_session = true;
    identity.session_id = id;
    if (!session.has_user) {
        if (!subject.empty())
            refuse_token("wrong subject");
        return;
    }
    const std::optional<pg_uuid_t> uid = parse_uuid(subject);
    if (!uid || !same(*uid, session.user_id))
        refuse_token("wrong subject");
    judge_principal(identity, *uid, session.generation, now);
}

TimestampTz expiry_of(json::Value claims) {
    const std::optional<std::int64_t> expiry = numeric_date_us(claims.find("exp"));
    return expiry && *expiry < std::int64_t{1} << 61
               ? *expiry - epoch_distance_us + settings::clock_skew() * us_per_s
               : DT_NOEND;
}

// Issuer and audience are the other system's; they were judged when the key was adopted.
void judge_adopted(Identity &identity, json::Value claims, const ClaimRules &rules,
                   const pg_uuid_t &session, TimestampTz now) {
    if (const TokenFault fault = check_claims(claims, rules); fault != TokenFault::none)
        refuse_token(describe(fault));
    identity.dies_at = expiry_of(claims);
    identity.role = string_claim(claims, "role");
    judge_session(identity, session, string_claim(claims, "sub"), now);
}

// Times and names of the claims, then what they stand for.
void judge_claims(Identity &identity, json::Value claims, const ClaimRules &rules, TimestampTz now,
                  bool session_required) {
    if (const TokenFault fault = check_claims(claims, rules); fault != TokenFault::none)
        refuse_token(describe(fault));
    identity.dies_at = expiry_of(claims);
    identity.role = string_claim(claims, "role");
    identity.scope = string_claim(claims, "scope");
    const std::string_view subject = string_claim(claims, "sub");
    const json::Value session_claim = claims.find("session_id");
    if (session_claim && !session_claim.is_string())
        refuse_token(describe(TokenFault::session_id_not_a_string));
    const std::string_view session = string_claim(claims, "session_id");
    if (!session.empty() || session_required) {
        const std::optional<pg_uuid_t> id = parse_uuid(session);
        if (!id)
            refuse_token("unknown session");
        judge_session(identity, *id, subject, now);
    } else if (!subject.empty()) {
        const std::optional<pg_uuid_t> uid = parse_uuid(subject);
        if (!uid)
            refuse_token("wrong subject");
        judge_principal(identity, *uid, std::nullopt, now);
    }
}

// The claims as they were minted, but for the address: a policy that asks the claims for it must
// not take whoever was renamed for whoever has the old address now.
std::string current_claims(std::string_view minted, json::Value claims, const Identity &identity) {
    const json::Value address = claims.find("email");
    const std::string_view email = identity.email;
    if (!identity.has_principal || !address ||
        (address.is_string() && address.as_string() == email))
        return std::string(minted);
    std::string out;
    json::ObjectWriter writer(out);
    for (const json::Member member : claims.members())
        if (member.name == "email")
            writer.text("email", email);
        else
            writer.value(member.name, member.value);
    writer.end();
    return out;
}

// A project key of the system that the database moved from names no session: its own bytes do.
pg_uuid_t session_of_bytes(std::string_view token) {
    const std::string digest = sha256(std::string("pg_principal adopted key\0", 25).append(token));
    pg_uuid_t id{};
    std::memcpy(id.data, digest.data(), UUID_LEN);
    return id;
}

bool is_adopted(const pg_uuid_t &id) {
    const SessionRow session = read_session(id);
    return session.found && session.adopted;
}

ClaimRules rules_at(TimestampTz now) {
    ClaimRules rules;
    rules.time = {unix_microseconds(now), settings::clock_skew()};
    return rules;
}

} // namespace

void refuse_token(std::string_view reason) {
    throw Error(Errc::token_refused, {}, std::string(reason));
}

Identity prove_token(std::string_view token) {
    CompactJws jws;
    if (const TokenFault fault = jws.parse(token); fault != TokenFault::none)
        refuse_token(describe(fault, jws.header_json));
    if (!jws.kid) { // only what was adopted is worth trying keys
        if (!is_adopted(session_of_bytes(token)))
            refuse_token("no kid");
        if (!any_key_verifies(jws))
            refuse_token(describe(TokenFault::bad_signature));
    } else if (const VerificationKey found = verification_key(*jws.kid); found.key == nullptr)
        refuse_token(found.standing == KeyStanding::revoked ? "key revoked"
                                                            : describe(TokenFault::unknown_key));
    else if (const TokenFault fault = verify(jws, *found.key); fault != TokenFault::none)
        refuse_token(describe(fault));

    json::Document claims;
    if (const json::ParseStatus json = json::try_parse(claims, jws.payload); !json)
        refuse_token(describe(TokenFault::payload_not_json, json));
    const TimestampTz now = GetCurrentTimestamp();
    ClaimRules rules = rules_at(now);
    Identity identity;
    if (const bool alone = !claims.root().find("session_id");
        !jws.kid || (alone && is_adopted(session_of_bytes(token)))) {
        judge_adopted(identity, claims.root(), rules, session_of_bytes(token), now);
        identity.source = token;
        identity.payload = jws.payload;
        return identity;
    }
    rules.issuer = settings::issuer();
    rules.audience = settings::audience();
    rules.require_expiry = true;
    judge_claims(identity, claims.root(), rules, now, true);
    identity.source = token;
    identity.payload = current_claims(jws.payload, claims.root(), identity);
    return identity;
}

AdoptableKey read_adoptable_key(std::string_view token) {
    const auto refused = [](std::string_view why) { return Error(Errc::key_not_adopted, {why}); };
    CompactJws jws;
    if (token.substr(0, 3) == "sb_")
        throw refused("it is no JWT but one of Supabase's newer keys, which only its own gateway "
                      "knows: issue another with auth.issue_key()");
    if (const TokenFault fault = jws.parse(token); fault != TokenFault::none)
        throw refused("it is no JWT: " + describe(fault, jws.header_json));
    const VerificationKey found =
        jws.kid ? verification_key(*jws.kid) : VerificationKey{KeyStanding::unknown, nullptr};
    const bool good = jws.kid ? found.key != nullptr && verify(jws, *found.key) == TokenFault::none
                              : any_key_verifies(jws);
    if (!good)
        throw refused("no key of this database has signed it: import its secret first");
    json::Document claims;
    if (!json::try_parse(claims, jws.payload) || !claims.root().is_object())
        throw refused("its claims are no JSON object");
    const json::Value root = claims.root();
    const TimestampTz now = GetCurrentTimestamp();
    if (const TokenFault fault = check_claims(root, rules_at(now)); fault != TokenFault::none)
        throw refused(describe(fault));
    if (root.find("sub") || root.find("session_id"))
        throw refused("it is the token of a user or of a session, not a project key");
    AdoptableKey key;
    key.role = string_claim(root, "role");
    if (key.role != "anon" && key.role != "service_role")
        throw refused("its role is neither anon nor service_role");
    key.session_id = session_of_bytes(token);
    key.expires_at = DT_NOEND;
    if (const TimestampTz end = expiry_of(root); !TIMESTAMP_IS_NOEND(end))
        key.expires_at = end - settings::clock_skew() * us_per_s;
    return key;
}

Identity prove_claims(std::string_view claims_json) {
    json::Document claims;
    if (const json::ParseStatus json = json::try_parse(claims, claims_json); !json)
        refuse_token(describe(TokenFault::payload_not_json, json));
    const TimestampTz now = GetCurrentTimestamp();
    Identity identity;
    judge_claims(identity, claims.root(), rules_at(now), now, false);
    identity.source = claims_json;
    identity.payload = current_claims(claims_json, claims.root(), identity);
    return identity;
}

} // namespace pg_principal
