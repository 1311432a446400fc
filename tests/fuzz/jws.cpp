// Tokens from a stranger, and tokens of our own after a change: only what was signed verifies.
#include "fuzz.hpp"

#include "../unit/rfc_vectors.hpp"
#include "core/jose/jwt.hpp"

#include <algorithm>
#include <vector>

using namespace pg_principal;

namespace {

constexpr std::string_view p384_key =
    "{\"crv\":\"P-384\",\"kty\":\"EC\","
    "\"x\":\"-TD8cjdTI9z-TvycGqTLxPbZu45IxLQLDVl4nm_M3mr9EU0D_3wefeK3id8H7pz9\","
    "\"y\":\"V1Sv70WTlyf4ndJDIrS_7EpfuEkfzTTmn0RnIiFup5L4HhFeCPEbUEbpJUstbaJ8\","
    "\"d\":\"R1oDXQRDFlNRmAqw7YNc3i229c1SCASYDmAxhuklXve7YUqvp66kuWyfmr-16lok\"}";

constexpr std::string_view ed448_key =
    "-----BEGIN PRIVATE KEY-----\n"
    "MEcCAQAwBQYDK2VxBDsEOQhmyjQfJU9Eh9S2dHtsO12rkte2YbPGURfx+iW11p1a\n"
    "LBk6egjKV0q8cV+8TM1E83EywsMbQQYNrg==\n"
    "-----END PRIVATE KEY-----\n";

struct Pair {
    Key sign, verify;
};

// One of each type; each serves every algorithm that it is long enough for.
const std::vector<Pair> &keys() {
    static const std::vector<Pair> made = [] {
        std::vector<Pair> pairs;
        for (const std::string_view jwk :
             {rfc::a1_key, rfc::a2_key, rfc::a3_key, p384_key, rfc::a4_key, rfc::rfc8037_a4_key}) {
            const Key key = parse_jwk(jwk);
            pairs.push_back({key, key.is_symmetric() ? key : parse_jwk(public_jwk(key))});
        }
        const Key key = parse_pem(ed448_key);
        pairs.push_back({key, parse_pem(public_pem(key))});
        return pairs;
    }();
    return made;
}

// ES and PS sign with chance: what else than the published examples verifies would be a forgery.
bool is_published(std::string_view signing_input) {
    for (const std::string_view token : {rfc::a3_token, rfc::a4_token})
        if (token.substr(0, token.rfind('.')) == signing_input)
            return true;
    return false;
}

bool is_deterministic(Alg alg) {
    return alg_kty(alg) == Kty::oct || alg_kty(alg) == Kty::OKP ||
           alg_name(alg).substr(0, 2) == "RS";
}

void check_fields(const CompactJws &jws, std::string_view token) {
    const std::string dot = ".";
    fuzz::check(jws.signing_input ==
                        std::string(jws.header_b64) + dot + std::string(jws.payload_b64) &&
                    token == std::string(jws.signing_input) + dot + std::string(jws.signature_b64),
                "a token is its three parts");
    fuzz::check(base64url_encode(jws.header) == jws.header_b64 &&
                    base64url_encode(jws.payload) == jws.payload_b64 &&
                    base64url_encode(jws.signature) == jws.signature_b64,
                "each part has one spelling");
    const json::Document header(jws.header);
    fuzz::check(header.root().find("alg").as_string() == alg_name(jws.alg), "alg is the header's");
    for (const std::string_view name : {"crit", "jwk", "jku", "x5u", "x5c", "b64"})
        fuzz::check(!header.root().find(name), "no header that must be refused");
    const json::Value kid = header.root().find("kid");
    fuzz::check(jws.kid == (kid ? std::optional(kid.as_string()) : std::nullopt), "kid");
}

void check_verdict(const CompactJws &jws, const Pair &pair) {
    if (verify(jws, pair.verify) != TokenFault::none)
        return;
    if (is_deterministic(jws.alg))
        fuzz::check(pair.sign.sign(jws.alg, jws.signing_input) == jws.signature,
                    "only the signature that the key makes verifies");
    else
        fuzz::check(is_published(jws.signing_input), "nobody signed this");
}

void check_foreign(std::string_view token) {
    static CompactJws reused; // with the last token's header in it
    CompactJws jws;
    const TokenFault fault = jws.parse(token);
    fuzz::check(reused.parse(token) == fault, "a reused parser sees no other token");
    if (fault != TokenFault::none)
        return;
    fuzz::check(token.size() <= max_token_bytes, "a token has at most 16 KiB");
    fuzz::check(reused.alg == jws.alg && reused.kid == jws.kid && reused.typ == jws.typ &&
                    reused.header == jws.header && reused.payload == jws.payload &&
                    reused.signature == jws.signature,
                "a reused parser sees the same token");
    check_fields(jws, token);
    for (const Pair &pair : keys())
        check_verdict(jws, pair);
}

// The last four bytes choose the key and what is done to its token; texts, which end otherwise, are
// spared the cost.
void check_own(std::string_view text) {
    if (text.size() < 4 || static_cast<unsigned char>(text.back()) < 0x80)
        return;
    const auto at = [&](std::size_t from_end) {
        return static_cast<std::size_t>(static_cast<unsigned char>(text[text.size() - from_end]));
    };
    // secrets and Ed25519 more often than what is slow
    constexpr std::size_t often[] = {0, 5, 0, 5, 0, 5, 0, 5, 0, 5, 0, 1, 2, 3, 4, 6};
    const Pair &pair = keys()[often[at(1) % std::size(often)]];
    const std::string payload(text.substr(0, std::min(text.size() - 4, std::size_t{2048})));
    std::vector<Alg> algs;
    for (std::size_t i = 0; i < alg_count; ++i)
        if (pair.sign.allows(static_cast<Alg>(i), KeyOperation::sign))
            algs.push_back(static_cast<Alg>(i));
    const Alg alg = algs[at(1) / std::size(often) % algs.size()];
    const std::string token = jws_sign(payload, pair.sign, alg);
    CompactJws jws;
    fuzz::check(jws.parse(std::string_view(token)) == TokenFault::none && jws.payload == payload &&
                    jws.alg == alg && verify(jws, pair.verify) == TokenFault::none,
                "what was signed verifies");
    for (const Pair &other : keys())
        fuzz::check(&other == &pair || verify(jws, other.verify) != TokenFault::none,
                    "another key does not verify it");

    std::string changed = token;
    const std::size_t place = (at(2) << 8 | at(3)) % token.size();
    const auto byte = static_cast<char>(at(4));
    switch (at(4) % 4) {
    case 0:
        changed[place] = byte;
        break;
    case 1:
        changed.insert(place, 1, byte);
        break;
    case 2:
        changed.erase(place, 1);
        break;
    default:
        std::swap(changed[place], changed[(place + 1 + at(4)) % token.size()]);
    }
    if (changed != token && jws.parse(std::string_view(changed)) == TokenFault::none)
        fuzz::check(verify(jws, pair.verify) != TokenFault::none,
                    "a changed token does not verify");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    const std::string text = fuzz::text_of(data, size);
    check_foreign(text);
    check_own(text);
    return 0;
}
