#include "core/jose/jws.hpp"

#include "core/base/error.hpp"

#include <algorithm>
#include <array>

namespace pg_principal {

namespace {

constexpr std::array fault_texts = {
#define TOKEN_FAULT(id, text) std::string_view(text),
#include "core/jose/token_faults.inc"
#undef TOKEN_FAULT
};

bool is_blank(char c) noexcept {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

// Why a text cannot be a token at all, as far as its looks tell; otherwise what is given.
TokenFault look_at(std::string_view token, TokenFault otherwise) noexcept {
    if (token.empty())
        return TokenFault::empty;
    constexpr std::string_view scheme = "bearer ";
    if (token.size() >= scheme.size() &&
        std::equal(scheme.begin(), scheme.end(), token.begin(),
                   [](char wanted, char c) { return wanted == (c == ' ' ? c : char(c | 0x20)); }))
        return TokenFault::has_scheme;
    if (std::any_of(token.begin(), token.end(), is_blank))
        return TokenFault::has_white_space;
    if (token.front() == '"' || token.front() == '\'')
        return TokenFault::has_quotes;
    switch (std::count(token.begin(), token.end(), '.')) {
    case 0:
        return TokenFault::one_part;
    case 1:
        return TokenFault::two_parts;
    case 2:
        return otherwise;
    case 4:
        return TokenFault::five_parts;
    default:
        return TokenFault::too_many_parts;
    }
}

TokenFault not_a_string(std::string_view member) noexcept {
    return member == "alg"   ? TokenFault::alg_not_a_string
           : member == "kid" ? TokenFault::kid_not_a_string
           : member == "typ" ? TokenFault::typ_not_a_string
                             : TokenFault::cty_not_a_string;
}

} // namespace

std::string_view describe(TokenFault fault) noexcept {
    return fault_texts[static_cast<std::size_t>(fault)];
}

std::string describe(TokenFault fault, const json::ParseStatus &json) {
    std::string text(describe(fault));
    const bool is_json =
        fault == TokenFault::header_not_json || fault == TokenFault::payload_not_json;
    if (is_json && json.fault != nullptr)
        text.append(": ")
            .append(json.fault)
            .append(" at byte ")
            .append(std::to_string(json.offset));
    return text;
}

TokenFault CompactJws::parse(std::string_view token, KeysInHeader keys) {
    header_json = {};
    if (token.size() > max_token_bytes)
        return TokenFault::too_long;
    const std::size_t first = token.find('.');
    const std::size_t second = first == token.npos ? first : token.find('.', first + 1);
    if (second == token.npos)
        return look_at(token, TokenFault::malformed);
    header_b64 = token.substr(0, first);
    payload_b64 = token.substr(first + 1, second - first - 1);
    signature_b64 = token.substr(second + 1); // a third dot is not base64url
    signing_input = token.substr(0, second);
    // all tokens of one key have the same header
    if (known_header_b64_.empty() || header_b64 != known_header_b64_) {
        known_header_b64_.clear();
        if (const TokenFault fault = parse_header(keys); fault == TokenFault::header_not_base64url)
            return look_at(token, fault);
        else if (fault != TokenFault::none)
            return fault;
        known_header_b64_ = header_b64;
    } else if (has_keys_ && keys == KeysInHeader::refused) {
        return TokenFault::header_refused;
    }
    if (!base64url_decode(signature_b64, signature))
        return look_at(token, TokenFault::signature_not_base64url);
    if (!base64url_decode(payload_b64, payload))
        return look_at(token, TokenFault::payload_not_base64url);
    return TokenFault::none;
}

TokenFault CompactJws::parse_header(KeysInHeader keys) {
    kid.reset();
    typ.reset();
    has_keys_ = false;
    if (header_b64.empty())
        return TokenFault::header_empty;
    if (!base64url_decode(header_b64, header))
        return TokenFault::header_not_base64url;
    header_json = json::try_parse(header_doc_, header);
    if (!header_json)
        return TokenFault::header_not_json;
    if (!header_doc_.root().is_object())
        return TokenFault::header_not_an_object;
    std::optional<std::string_view> alg_text;
    bool refused = false;
    for (const auto &[name, value] : header_doc_.root().members()) {
        if (name == "alg" || name == "kid" || name == "typ" || name == "cty") {
            if (!value.is_string())
                return not_a_string(name);
            if (name == "alg")
                alg_text = value.as_string();
            else if (name == "kid")
                kid = value.as_string();
            else if (name == "typ")
                typ = value.as_string();
        }
        refused |= name == "crit" || name == "b64"; // extensions that must be understood
        has_keys_ |= name == "jwk" || name == "jku" || name == "x5u" || name == "x5c";
    }
    if (!alg_text)
        return TokenFault::alg_missing;
    if (refused || (has_keys_ && keys == KeysInHeader::refused))
        return TokenFault::header_refused;
    const auto known = alg_from_name(*alg_text);
    if (!known)
        return TokenFault::algorithm_refused;
    alg = *known;
    return TokenFault::none;
}

bool verify_signature(Alg alg, const Key &key, std::string_view message, std::string_view signature,
                      Checkpoint checkpoint) {
    return key.allows(alg, KeyOperation::verify) && key.verify(alg, message, signature, checkpoint);
}

TokenFault verify(const CompactJws &jws, const Key &key) {
    if (jws.kid && !key.kid().empty() && *jws.kid != key.kid())
        return TokenFault::unknown_key;
    if (!key.allows(jws.alg, KeyOperation::verify))
        return TokenFault::algorithm_refused;
    return key.verify(jws.alg, jws.signing_input, jws.signature) ? TokenFault::none
                                                                 : TokenFault::bad_signature;
}

TokenFault verify(const CompactJws &jws, const KeySet &keys, const Key **used, std::string *reason,
                  Checkpoint checkpoint) {
    KeySet::Candidates found = keys.candidates(jws.alg, jws.kid, checkpoint);
    for (std::size_t i = 0; i < found.count; ++i) {
        checkpoint();
        if (found.keys[i]->verify(jws.alg, jws.signing_input, jws.signature)) {
            if (used)
                *used = found.keys[i];
            return TokenFault::none;
        }
    }
    switch (found.lack) {
    case KeySet::Lack::nothing:
        return TokenFault::bad_signature;
    case KeySet::Lack::kid_unknown:
        return TokenFault::unknown_key;
    case KeySet::Lack::not_for_algorithm:
        return TokenFault::algorithm_refused;
    case KeySet::Lack::ambiguous:
        if (reason)
            *reason =
                "two secrets of the set have this kid and serve " + std::string(alg_name(jws.alg));
        return TokenFault::ambiguous_key;
    case KeySet::Lack::unusable:
        break;
    }
    if (reason)
        *reason = std::move(found.reason);
    return TokenFault::unusable_key;
}

std::string jws_sign(std::string_view payload, const Key &key, std::optional<Alg> alg,
                     const JwsHeader &header, Checkpoint checkpoint) {
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
    return jws_sign_raw(text, payload, key, chosen, checkpoint);
}

std::string jws_sign_raw(std::string_view header_json, std::string_view payload, const Key &key,
                         Alg alg, Checkpoint checkpoint) {
    if (const std::string_view why = key.refusal(alg, KeyOperation::sign); !why.empty())
        throw Error(Errc::algorithm_mismatch, {alg_name(alg), why});
    constexpr std::size_t longest_signature = (max_stored_rsa_bits / 8 + 2) / 3 * 4;
    const std::size_t size =
        (header_json.size() + 2) / 3 * 4 + (payload.size() + 2) / 3 * 4 + longest_signature + 2;
    if (size > max_value_bytes)
        throw Error(Errc::value_too_long,
                    {"the token", std::to_string(size), std::to_string(max_value_bytes)});
    std::string token;
    token.reserve(size);
    base64url_append(token, header_json);
    token += '.';
    constexpr std::size_t piece = std::size_t{6} << 20; // of whole groups of three bytes
    for (; payload.size() > piece; payload.remove_prefix(piece)) {
        base64url_append(token, payload.substr(0, piece));
        checkpoint();
    }
    base64url_append(token, payload);
    const std::string signature = key.sign(alg, token, checkpoint);
    token += '.';
    base64url_append(token, signature);
    return token;
}

} // namespace pg_principal
