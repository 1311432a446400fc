#include "core/jose/jwk_internal.hpp"

namespace pg_principal {

namespace {

// Writes one JSON object of strings into memory that is reserved before: a secret must not be left
// behind in a block that grew.
class ObjectWriter {
  public:
    explicit ObjectWriter(std::size_t reserve) { text_.reserve(reserve); }
    ~ObjectWriter() { wipe(text_); }
    ObjectWriter(const ObjectWriter &) = delete;
    ObjectWriter &operator=(const ObjectWriter &) = delete;

    void text(std::string_view name, std::string_view value) {
        start(name);
        json::append_quoted(text_, value);
    }
    void bytes(std::string_view name, std::string_view value) {
        start(name);
        text_ += '"';
        base64url_append(text_, value);
        text_ += '"';
    }
    std::string_view finish() { return text_ += '}'; }

  private:
    void start(std::string_view name) {
        text_ += text_.empty() ? "{\"" : ",\"";
        text_.append(name).append("\":");
    }
    std::string text_;
};

// The required public members in lexicographic order: what RFC 7638 hashes.
void write_public(ObjectWriter &out, const KeyParts &parts, Alg alg) {
    if (parts.kty == Kty::AKP) { // RFC 9964 section 6
        out.text("alg", alg_name(alg));
        out.text("kty", kty_name(parts.kty));
        out.bytes("pub", parts.x);
        return;
    }
    if (parts.kty == Kty::RSA) {
        out.bytes("e", parts.e);
        out.text("kty", "RSA");
        out.bytes("n", parts.n);
        return;
    }
    out.text("crv", curve_name(parts.curve));
    out.text("kty", kty_name(parts.kty));
    out.bytes("x", parts.x);
    if (parts.kty == Kty::EC)
        out.bytes("y", parts.y);
}

void write_declared(ObjectWriter &out, const Key &key) {
    if (key.kty() != Kty::AKP && (key.alg() || key.is_pss_only()))
        out.text("alg", alg_name(key.default_alg()));
    if (!key.kid().empty())
        out.text("kid", key.kid());
    out.text("use", "sig");
}

std::size_t room(const Key &key, std::size_t material) {
    return material * 4 / 3 + key.kid().size() * 6 + 512;
}

std::size_t size_of(const KeyParts &parts) {
    return parts.n.size() + parts.e.size() + parts.x.size() + parts.y.size() + parts.d.size() +
           parts.p.size() + parts.q.size() + parts.dp.size() + parts.dq.size() + parts.qi.size();
}

const PKey &pkey_of(const Key &key, const char *why) {
    if (key.is_symmetric())
        throw Error(Errc::key_refused, {why});
    return *KeyBuilder::state(key).pkey;
}

constexpr const char *no_public_part = "a secret has no public part";

} // namespace

std::string thumbprint(const Key &key) {
    const KeyBuilder::State &state = KeyBuilder::state(key);
    if (state.secret) {
        const std::string_view secret = state.secret->secret();
        ObjectWriter out(room(key, secret.size()));
        out.bytes("k", secret);
        out.text("kty", "oct");
        return base64url_encode(sha256(out.finish()));
    }
    const KeyParts parts = state.pkey->parts();
    ObjectWriter out(room(key, size_of(parts)));
    write_public(out, parts, key.default_alg());
    return base64url_encode(sha256(out.finish()));
}

std::string public_jwk(const Key &key) {
    const KeyParts parts = pkey_of(key, no_public_part).parts();
    ObjectWriter out(room(key, size_of(parts)));
    write_public(out, parts, key.default_alg());
    write_declared(out, key);
    return std::string(out.finish());
}

Secret private_jwk(const Key &key) {
    if (!key.is_private())
        throw Error(Errc::key_refused, {"a public key has no private part"});
    const KeyBuilder::State &state = KeyBuilder::state(key);
    if (state.secret) {
        const std::string_view secret = state.secret->secret();
        ObjectWriter out(room(key, secret.size()));
        out.bytes("k", secret);
        out.text("kty", "oct");
        write_declared(out, key);
        return Secret(out.finish());
    }
    const KeyParts parts = state.pkey->parts();
    ObjectWriter out(room(key, size_of(parts)));
    write_public(out, parts, key.default_alg());
    out.bytes("d", parts.d.view());
    if (!parts.p.empty()) {
        out.bytes("p", parts.p.view());
        out.bytes("q", parts.q.view());
        out.bytes("dp", parts.dp.view());
        out.bytes("dq", parts.dq.view());
        out.bytes("qi", parts.qi.view());
    }
    write_declared(out, key);
    return Secret(out.finish());
}

std::string public_pem(const Key &key) { return pkey_of(key, no_public_part).public_pem(); }

Secret private_pem(const Key &key) {
    const PKey &pkey = pkey_of(key, "a secret has no PEM form");
    if (!pkey.is_private())
        throw Error(Errc::key_refused, {"a public key has no private part"});
    return pkey.private_pem();
}

} // namespace pg_principal
