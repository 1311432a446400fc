// Bytes that are a key, a certificate or an archive.
#include "core/crypto/crypto.hpp"
#include "core/base/error.hpp"
#include "core/secret_text/internal.hpp"

namespace pg_principal::secret_text {

namespace {

using namespace std::string_view_literals;

constexpr unsigned char sequence = 0x30, integer = 0x02, object_id = 0x06;

unsigned char byte_at(std::string_view bytes, std::size_t i) noexcept {
    return static_cast<unsigned char>(bytes[i]);
}

// The size of an ASN.1 element's header when its content ends where the data ends or before,
// otherwise 0.
std::size_t der_header(std::string_view der, std::size_t &content) noexcept {
    if (der.size() < 2)
        return 0;
    std::size_t header = 2;
    content = byte_at(der, 1);
    if (content >= 0x80) {
        const std::size_t octets = content & 0x7f;
        if (octets == 0 || octets > 3 || der.size() < 2 + octets)
            return 0;
        content = 0;
        for (std::size_t i = 0; i < octets; ++i)
            content = content << 8 | byte_at(der, 2 + i);
        header += octets;
    }
    return content <= der.size() - header ? header : 0;
}

// A key, a certificate, a request, an envelope: a SEQUENCE that fills the data and begins with a
// SEQUENCE, INTEGER or OBJECT IDENTIFIER, two elements or more one behind the other.
bool is_der(std::string_view data) noexcept {
    if (data.empty() || byte_at(data, 0) != sequence)
        return false;
    std::size_t content = 0;
    const std::size_t header = der_header(data, content);
    if (header == 0 || header + content != data.size())
        return false;
    std::string_view body = data.substr(header);
    if (body.empty() || (byte_at(body, 0) != sequence && byte_at(body, 0) != integer &&
                         byte_at(body, 0) != object_id))
        return false;
    std::size_t elements = 0;
    for (; !body.empty(); ++elements) {
        const std::size_t inner = der_header(body, content);
        if (inner == 0)
            return false;
        body.remove_prefix(inner + content);
    }
    return elements >= 2;
}

// What `ssh-rsa AAAA...` holds: names and numbers with their lengths before them.
bool is_ssh_key(std::string_view data) noexcept {
    if (data.substr(0, 15) == "openssh-key-v1\0"sv)
        return true;
    if (data.size() < 12 || data.substr(0, 3) != "\0\0\0"sv)
        return false;
    const std::string_view name = data.substr(4, byte_at(data, 3));
    return name.substr(0, 4) == "ssh-" || name.substr(0, 11) == "ecdsa-sha2-" ||
           name.substr(0, 7) == "sk-ssh-" || name.substr(0, 9) == "sk-ecdsa-";
}

// A packet of a public or secret key of version 4 or 6 (RFC 9580 sections 4.2 and 5.5), which fills
// the data or has another packet behind it.
bool is_openpgp_key(std::string_view data) noexcept {
    if (data.size() < 16)
        return false;
    const unsigned char tag = byte_at(data, 0), first = byte_at(data, 1);
    std::size_t at = 0, length = 0;
    if (tag == 0x98 || tag == 0x94 || ((tag == 0xc6 || tag == 0xc5) && first < 192)) {
        at = 2;
        length = first;
    } else if (tag == 0x99 || tag == 0x95) {
        at = 3;
        length = std::size_t{first} << 8 | byte_at(data, 2);
    } else if ((tag == 0xc6 || tag == 0xc5) && first < 224) {
        at = 3;
        length = (std::size_t{first} - 192) * 256 + byte_at(data, 2) + 192;
    } else {
        return false;
    }
    const std::size_t end = at + length;
    constexpr std::string_view algorithms = "\1\2\3\20\21\22\23\26\31\32\33\34";
    return (data[at] == 4 || data[at] == 6) && byte_at(data, at + 1) >= 0x38 &&
           byte_at(data, at + 1) < 0x90 && algorithms.find(data[at + 5]) != algorithms.npos &&
           (end == data.size() || (end < data.size() && byte_at(data, end) >= 0x80));
}

// A public key's bare point: that random bytes lie on a curve does not happen.
bool is_point(std::string_view data) {
    for (const Curve curve : {Curve::P256, Curve::P384, Curve::P521}) {
        const std::size_t size = field_size(curve);
        std::string_view point = data;
        if (point.size() == 2 * size + 1 && point[0] == 4)
            point.remove_prefix(1);
        if (point.size() != 2 * size)
            continue;
        KeyParts parts;
        parts.kty = Kty::EC;
        parts.curve = curve;
        parts.x = point.substr(0, size);
        parts.y = point.substr(size);
        try {
            PKey::build(parts);
            return true;
        } catch (const Error &error) {
            if (error.code() != Errc::key_refused)
                throw;
        }
    }
    return false;
}

} // namespace

std::string_view binary_kind(std::string_view bytes) {
    if (is_der(bytes))
        return "a key or certificate (DER)";
    if (is_ssh_key(bytes))
        return "an SSH key";
    if (is_openpgp_key(bytes))
        return "an OpenPGP key";
    if (is_point(bytes))
        return "a public key's point";
    if (bytes.substr(0, 4) == "\xfe\xed\xfe\xed" || bytes.substr(0, 4) == "\xce\xce\xce\xce")
        return "a Java keystore";
    if (bytes.substr(0, 3) == "\x1f\x8b\x08" || bytes.substr(0, 4) == "PK\3\4" ||
        bytes.substr(0, 4) == "\x28\xb5\x2f\xfd" || bytes.substr(0, 6) == "\xfd\x37zXZ\0"sv)
        return "a compressed file";
    return {};
}

} // namespace pg_principal::secret_text
