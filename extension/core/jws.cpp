#include "core/jws.hpp"

#include "core/error.hpp"

namespace pg_principal {

std::string_view describe(TokenFault fault) noexcept {
    switch (fault) {
    case TokenFault::none:
        return "valid";
    case TokenFault::malformed:
        return "malformed";
    case TokenFault::too_long:
        return "too long";
    case TokenFault::algorithm_refused:
        return "algorithm refused";
    case TokenFault::header_refused:
        return "header refused";
    case TokenFault::unknown_key:
        return "unknown key";
    case TokenFault::bad_signature:
        return "bad signature";
    case TokenFault::expired:
        return "expired";
    case TokenFault::not_yet_valid:
        return "not yet valid";
    case TokenFault::wrong_issuer:
        return "wrong issuer";
    case TokenFault::wrong_audience:
        return "wrong audience";
    }
    return "malformed";
}

TokenFault CompactJws::parse(std::string_view token) {
    if (token.size() > max_token_bytes)
        return TokenFault::too_long;
    const std::size_t first = token.find('.');
    const std::size_t second = first == token.npos ? first : token.find('.', first + 1);
    if (second == token.npos)
        return TokenFault::malformed;
    header_b64 = token.substr(0, first);
    payload_b64 = token.substr(first + 1, second - first - 1);
    signature_b64 = token.substr(second + 1); // a third dot is no base64url
    signing_input = token.substr(0, second);
    // all tokens of one key have the same header
    if (known_header_b64_.empty() || header_b64 != known_header_b64_) {
        known_header_b64_.clear();
        if (const TokenFault fault = parse_header(); fault != TokenFault::none)
            return fault;
        known_header_b64_ = header_b64;
    }
    if (!base64url_decode(signature_b64, signature) || !base64url_decode(payload_b64, payload))
        return TokenFault::malformed;
    return TokenFault::none;
}

TokenFault CompactJws::parse_header() {
    kid.reset();
    typ.reset();
    if (!base64url_decode(header_b64, header) || !json::try_parse(header_doc_, header) ||
        !header_doc_.root().is_object())
        return TokenFault::malformed;
    std::optional<std::string_view> alg_text;
    bool refused = false;
    for (const auto &[name, value] : header_doc_.root().members()) {
        if (name == "alg" || name == "kid" || name == "typ" || name == "cty") {
            if (!value.is_string())
                return TokenFault::malformed;
            if (name == "alg")
                alg_text = value.as_string();
            else if (name == "kid")
                kid = value.as_string();
            else if (name == "typ")
                typ = value.as_string();
        }
        // extensions that must be understood, and keys that come with the token
        refused |= name == "crit" || name == "jwk" || name == "jku" || name == "x5u" ||
                   name == "x5c" || name == "b64";
    }
    if (!alg_text)
        return TokenFault::malformed;
    if (refused)
        return TokenFault::header_refused;
    const auto known = alg_from_name(*alg_text);
    if (!known)
        return TokenFault::algorithm_refused;
    alg = *known;
    return TokenFault::none;
}

bool verify_signature(Alg alg, const Key &key, std::string_view message,
                      std::string_view signature) {
    return key.allows(alg, KeyOperation::verify) && key.verify(alg, message, signature);
}

TokenFault verify(const CompactJws &jws, const Key &key) {
    if (jws.kid && !key.kid().empty() && *jws.kid != key.kid())
        return TokenFault::unknown_key;
    if (!key.allows(jws.alg, KeyOperation::verify))
        return TokenFault::algorithm_refused;
    return key.verify(jws.alg, jws.signing_input, jws.signature) ? TokenFault::none
                                                                 : TokenFault::bad_signature;
}

TokenFault verify(const CompactJws &jws, const KeySet &keys, const Key **used) {
    const KeySet::Candidates found = keys.candidates(jws.alg, jws.kid);
    for (std::size_t i = 0; i < found.count; ++i)
        if (found.keys[i]->verify(jws.alg, jws.signing_input, jws.signature)) {
            if (used)
                *used = found.keys[i];
            return TokenFault::none;
        }
    if (found.count > 0)
        return TokenFault::bad_signature;
    return keys.empty() || !found.kid_known ? TokenFault::unknown_key
                                            : TokenFault::algorithm_refused;
}

std::string jws_sign(std::string_view payload, const Key &key, std::optional<Alg> alg,
                     const JwsHeader &header) {
    const Alg chosen = alg.value_or(key.default_alg());
    std::string text = "{\"alg\":";
    json::append_quoted(text, alg_name(chosen));
    const auto add = [&text](std::string_view name, std::string_view value) {
        if (value.empty())
            return;
        text.append(",\"").append(name).append("\":");
        json::append_quoted(text, value);
    };
    add("typ", header.typ);
    add("cty", header.cty);
    if (header.with_kid)
        add("kid", key.kid());
    text += '}';
    return jws_sign_raw(text, payload, key, chosen);
}

std::string jws_sign_raw(std::string_view header_json, std::string_view payload, const Key &key,
                         Alg alg) {
    if (const std::string_view why = key.refusal(alg, KeyOperation::sign); !why.empty())
        throw Error(Errc::algorithm_mismatch, {alg_name(alg), why});
    std::string token;
    token.reserve((header_json.size() + payload.size()) * 4 / 3 + 128);
    base64url_append(token, header_json);
    token += '.';
    base64url_append(token, payload);
    const std::string signature = key.sign(alg, token);
    token += '.';
    base64url_append(token, signature);
    return token;
}

} // namespace pg_principal
