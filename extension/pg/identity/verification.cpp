#include "pg/identity/verification.hpp"

#include "core/crypto/crypto.hpp"
#include "core/base/error.hpp"
#include "core/json/writer.hpp"
#include "core/jose/jwt.hpp"
#include "core/jose/token_type.hpp"
#include "pg/identity/ties.hpp"
#include "pg/keys/keyring.hpp"
#include "pg/settings.hpp"
#include "pg/tables/store.hpp"
#include "pg/bridge/time.hpp"
#include "pg/bridge/uuid.hpp"

#include <cstdint>
#include <cstring>

namespace pg_principal {

namespace {

bool same(const pg_uuid_t &a, const pg_uuid_t &b) noexcept { return bytes_of(a) == bytes_of(b); }

std::string_view string_claim(json::Value claims, std::string_view name) {
    const json::Value value = claims.find(name);
    return value.is_string() ? value.as_string() : std::string_view();
}

// As auth.is_agent().
bool is_agent(std::string_view kind, std::string_view email) noexcept {
    return kind == "service_account" || email.find("-agent@") != std::string_view::npos;
}

Standing judge_principal(const Claims &claims, const pg_uuid_t &id, std::optional<int> generation,
                         TimestampTz now, const Moment &moment) {
    const PrincipalRow principal = read_principal(id, now, moment);
    if (!principal.found)
        refuse_token("unknown principal");
    if (principal.banned)
        refuse_token("banned");
    if (generation && *generation != principal.generation)
        refuse_token("session revoked"); // by a ban that was lifted since
    Standing standing;
    standing.has_principal = true;
    standing.uid = id;
    standing.email = to_utf8(principal.email);
    standing.kind = principal.kind;
    standing.app_role = principal.app_role;
    standing.is_agent = claims.names_session && is_agent(standing.kind, standing.email);
    return standing;
}

// The claims as they were minted, but for one of them, as JSON.
std::string with_claim(std::string_view minted, std::string_view name, std::string_view value) {
    json::Document claims;
    json::parse_into(claims, minted);
    std::string out;
    json::ObjectWriter writer(out);
    for (const json::Member member : claims.root().members())
        if (member.name != name)
            writer.value(member.name, member.value);
    writer.raw(name, value);
    writer.end();
    return out;
}

Standing judge_session(const Claims &claims, TimestampTz now, const Moment &moment) {
    const SessionRow session = read_session(claims.session_id, moment);
    const std::optional<pg_uuid_t> uid = parse_uuid(claims.subject);
    if (!session.found) // deleting a principal deletes its sessions
        refuse_token(uid && !read_principal(*uid, now, moment).found ? "unknown principal"
                                                                     : "unknown session");
    if (session.revoked)
        refuse_token("session revoked");
    const TimestampTz ends = TIMESTAMP_NOT_FINITE(session.expires_at)
                                 ? session.expires_at
                                 : session.expires_at + settings::clock_skew() * us_per_s;
    if (ends <= now)
        refuse_token("expired");
    if (claims.role != session.role)
        refuse_token("wrong role");
    Standing standing;
    if (session.has_user) {
        if (!uid || !same(*uid, session.user_id))
            refuse_token("wrong subject");
        standing = judge_principal(claims, *uid, session.generation, now, moment);
        if (is_delegated(session) && standing.kind != "person")
            refuse_token("session revoked"); // an agent acts for nobody else
    } else if (!claims.subject.empty()) {
        refuse_token("wrong subject");
    }
    Ties ties = judge_ties(session, now, moment);
    standing.ties = std::move(ties.signals);
    standing.ties_end = ties.end;
    standing.has_session = true;
    standing.dies_at = std::min(claims.expires_at, ends);
    if (session.adopted && ends < claims.expires_at) // who adopted the key gave it an earlier end
        standing.rewritten = with_claim(
            claims.minted, "exp", std::to_string(unix_microseconds(session.expires_at) / us_per_s));
    return standing;
}

TimestampTz expiry_of(json::Value claims) {
    const std::optional<std::int64_t> expiry = numeric_date_us(claims.find("exp"));
    return expiry && *expiry < std::int64_t{1} << 61
               ? *expiry - epoch_distance_us + settings::clock_skew() * us_per_s
               : DT_NOEND;
}

// Times and names of the claims; what they stand for is judged after.
Claims read_claims(json::Value claims, const ClaimRules &rules) {
    if (const TokenFault fault = check_claims(claims, rules); fault != TokenFault::none)
        refuse_token(describe(fault));
    Claims read;
    read.expires_at = expiry_of(claims);
    read.role = string_claim(claims, "role");
    read.subject = string_claim(claims, "sub");
    if (claims.find("email"))
        read.claimed_email = string_claim(claims, "email");
    return read;
}

void read_session_claims(Claims &read, json::Value claims, bool session_required) {
    read.scope = string_claim(claims, "scope");
    if (const json::Value actor = claims.find("act"); actor.is_object())
        read.actor = string_claim(actor, "sub");
    const json::Value session_claim = claims.find("session_id");
    if (session_claim && !session_claim.is_string())
        refuse_token(describe(TokenFault::session_id_not_a_string));
    const std::string_view session = string_claim(claims, "session_id");
    if (session.empty() && !session_required)
        return;
    const std::optional<pg_uuid_t> id = parse_uuid(session);
    if (!id)
        refuse_token("unknown session");
    read.names_session = true;
    read.session_id = *id;
}

// A project key of the system that the database moved from names no session: its own bytes do.
pg_uuid_t session_of_bytes(std::string_view token) {
    const std::string digest = sha256(std::string("pg_principal adopted key\0", 25).append(token));
    pg_uuid_t id{};
    std::memcpy(id.data, digest.data(), UUID_LEN);
    return id;
}

bool is_adopted(const pg_uuid_t &id) {
    const SessionRow session = read_session(id, Moment());
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

Claims prove_token(std::string_view token, TokenPurpose purpose) {
    CompactJws jws;
    if (const TokenFault fault = jws.parse(token); fault != TokenFault::none)
        refuse_token(describe(fault, jws.header_json));
    if (purpose == TokenPurpose::access ? !is_access_token_type(jws.typ)
                                        : !jws.typ || !is_same_type(*jws.typ, may_act_type))
        refuse_token(describe(TokenFault::wrong_type));
    std::string kid;
    if (!jws.kid) { // only what was adopted is worth trying keys
        if (!is_adopted(session_of_bytes(token)))
            refuse_token("no kid");
        const std::optional<std::string> signer = signer_of(jws);
        if (!signer)
            refuse_token(describe(TokenFault::bad_signature));
        kid = *signer;
    } else {
        kid = *jws.kid;
    }
    const VerificationKey found = verification_key(kid);
    if (found.key == nullptr)
        refuse_token(found.standing == KeyStanding::revoked ? "key revoked"
                                                            : describe(TokenFault::unknown_key));
    if (jws.kid)
        if (const TokenFault fault = verify(jws, *found.key); fault != TokenFault::none)
            refuse_token(describe(fault));
    ++work_done.signatures;

    json::Document document;
    if (const json::ParseStatus json = json::try_parse(document, jws.payload); !json)
        refuse_token(describe(TokenFault::payload_not_json, json));
    const json::Value root = document.root();
    ClaimRules rules = rules_at(GetCurrentTimestamp());
    Claims claims;
    if (const bool alone = !root.find("session_id");
        !jws.kid || (alone && is_adopted(session_of_bytes(token)))) {
        // issuer and audience are the other system's; they were judged when the key was adopted
        claims = read_claims(root, rules);
        claims.names_session = true;
        claims.session_id = session_of_bytes(token);
    } else {
        rules.issuer = settings::issuer();
        rules.audience = settings::audience();
        rules.require_expiry = true;
        claims = read_claims(root, rules);
        read_session_claims(claims, root, true);
    }
    claims.source = token;
    claims.minted = std::move(jws.payload);
    claims.kid = std::move(kid);
    claims.key_edition = found.edition;
    claims.key_signal = found.signal;
    return claims;
}

bool key_stands(const Claims &claims) {
    const VerificationKey found = verification_key(claims.kid);
    return found.standing == KeyStanding::verifies && found.edition == claims.key_edition;
}

Standing judge(const Claims &claims) {
    ++work_done.judgements;
    const TimestampTz now = GetCurrentTimestamp();
    Standing standing;
    if (claims.names_session) {
        standing = judge_session(claims, now, Moment());
    } else {
        if (!claims.subject.empty()) {
            const std::optional<pg_uuid_t> uid = parse_uuid(claims.subject);
            if (!uid)
                refuse_token("wrong subject");
            standing = judge_principal(claims, *uid, std::nullopt, now, Moment());
        }
        standing.dies_at = claims.expires_at;
    }
    // A policy that asks the claims for the address must not take whoever was renamed for whoever
    // has the old one now.
    if (standing.has_principal && claims.claimed_email && *claims.claimed_email != standing.email) {
        std::string email;
        json::append_quoted(email, standing.email);
        standing.rewritten = with_claim(claims.minted, "email", email);
    }
    return standing;
}

void tie(Identity &identity) {
    identity.session_signal = signal_id(Subject::session, bytes_of(identity.session_id));
    const std::optional<pg_uuid_t> uid = parse_uuid(identity.subject);
    identity.principal_signal =
        uid ? signal_id(Subject::principal, bytes_of(*uid)) : identity.session_signal;
}

AdoptableKey read_adoptable_key(std::string_view token) {
    const auto refused = [](std::string_view why) { return Error(Errc::key_not_adopted, {why}); };
    CompactJws jws;
    if (token.substr(0, 3) == "sb_")
        throw refused(
            "it is not a JWT but one of Supabase's newer keys, which only its own gateway "
            "knows: issue another with auth.issue_key()");
    if (const TokenFault fault = jws.parse(token); fault != TokenFault::none)
        throw refused("it is not a JWT: " + describe(fault, jws.header_json));
    if (!is_access_token_type(jws.typ))
        throw refused("its header names another kind of token");
    const VerificationKey found = jws.kid ? verification_key(*jws.kid) : VerificationKey{};
    const bool good = jws.kid ? found.key != nullptr && verify(jws, *found.key) == TokenFault::none
                              : signer_of(jws).has_value();
    if (!good)
        throw refused("it was not signed by a key of this database: import its secret first");
    json::Document claims;
    if (!json::try_parse(claims, jws.payload) || !claims.root().is_object())
        throw refused("its claims are not a JSON object");
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
    json::Document document;
    if (const json::ParseStatus json = json::try_parse(document, claims_json); !json)
        refuse_token(describe(TokenFault::payload_not_json, json));
    if (document.root().find("may_act")) // a gateway that does not look at typ verified it
        refuse_token(describe(TokenFault::wrong_type));
    Identity identity;
    Claims &claims = identity;
    claims = read_claims(document.root(), rules_at(GetCurrentTimestamp()));
    read_session_claims(claims, document.root(), false);
    claims.source = claims_json;
    claims.minted = claims_json;
    static_cast<Standing &>(identity) = judge(claims);
    return identity;
}

} // namespace pg_principal
