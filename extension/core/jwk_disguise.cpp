#include "core/jwk.hpp"

namespace pg_principal {

namespace {

// The size of an ASN.1 element's header when its content ends exactly where the data ends or
// before; 0 when there is no element of this tag here.
std::size_t der_header(std::string_view der, unsigned char tag, std::size_t &content) noexcept {
    if (der.size() < 2 || static_cast<unsigned char>(der[0]) != tag)
        return 0;
    const auto first = static_cast<unsigned char>(der[1]);
    std::size_t header = 2;
    content = first;
    if (first >= 0x80) {
        const std::size_t octets = first & 0x7f;
        if (octets == 0 || octets > 3 || der.size() < 2 + octets)
            return 0;
        content = 0;
        for (std::size_t i = 0; i < octets; ++i)
            content = content << 8 | static_cast<unsigned char>(der[2 + i]);
        header += octets;
    }
    return content <= der.size() - header ? header : 0;
}

// A key, public or private, or a certificate: SEQUENCE { SEQUENCE or INTEGER ... } that fills the
// data. Random bytes pass for one with a chance of less than 2^-32.
bool is_der_key(std::string_view data) noexcept {
    constexpr unsigned char sequence = 0x30, integer = 0x02;
    std::size_t content = 0, inner = 0;
    const std::size_t header = der_header(data, sequence, content);
    if (header == 0 || header + content != data.size())
        return false;
    const std::string_view body = data.substr(header);
    const std::size_t first = der_header(body, sequence, inner);
    if (first != 0) { // SPKI: AlgorithmIdentifier, BIT STRING; a certificate: more SEQUENCEs
        const std::string_view next = body.substr(first + inner);
        std::size_t rest = 0;
        const bool bits = der_header(next, 0x03, rest) != 0;
        const bool more = der_header(next, sequence, rest) != 0;
        return bits || more;
    }
    const std::size_t number = der_header(body, integer, inner);
    if (number == 0)
        return false;
    const std::string_view next = body.substr(number + inner);
    std::size_t rest = 0; // PKCS#1: more INTEGERs; PKCS#8: a SEQUENCE; SEC1: an OCTET STRING
    return der_header(next, integer, rest) != 0 || der_header(next, sequence, rest) != 0 ||
           der_header(next, 0x04, rest) != 0;
}

std::string without_space(std::string_view text) {
    std::string out;
    out.reserve(text.size()); // a secret must not be left behind in a block that grew
    for (const char c : text)
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
            out += c;
    return out;
}

bool is_encoded_der_key(std::string_view secret) {
    std::string text = without_space(secret), der;
    const WipeOnExit wipe_text(text), wipe_der(der);
    der.reserve(text.size());
    if (hex_decode(text, der) && is_der_key(der))
        return true;
    while (!text.empty() && text.back() == '=')
        text.pop_back();
    for (char &c : text) // both alphabets at once
        c = c == '+' ? '-' : c == '/' ? '_' : c;
    return base64url_decode(text, der) && is_der_key(der);
}

bool is_json_key(std::string_view text) {
    json::Document doc;
    return json::try_parse(doc, text) && (doc.root().find("kty") || doc.root().find("keys"));
}

} // namespace

bool looks_like_public_key(std::string_view secret) {
    for (const std::string_view mark :
         {"-----BEGIN ", "ssh-rsa ", "ssh-ed25519 ", "ssh-dss ", "ecdsa-sha2-nistp"})
        if (secret.find(mark) != secret.npos)
            return true;
    return is_der_key(secret) || is_encoded_der_key(secret) || is_json_key(secret);
}

} // namespace pg_principal
