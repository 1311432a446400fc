// PBKDF2 and scrypt, each as half a dozen frameworks write it.
#include "core/principals/password_hash_parts.hpp"

#include "core/base/bytes.hpp"
#include "core/json/document.hpp"

#include <algorithm>
#include <cstdint>

namespace pg_principal::password_hash {

namespace {

bool hash_from_name(std::string_view name, Pbkdf2Hash &hash) noexcept {
    constexpr std::pair<std::string_view, Pbkdf2Hash> names[] = {
        {"sha1", Pbkdf2Hash::sha1}, {"sha256", Pbkdf2Hash::sha256}, {"sha512", Pbkdf2Hash::sha512}};
    for (const auto &[known, value] : names)
        if (name == known) {
            hash = value;
            return true;
        }
    return false;
}

// "", "-sha256", "_sha512": SHA-1 where nothing is said.
bool hash_from_suffix(std::string_view suffix, char separator, Pbkdf2Hash &hash) noexcept {
    hash = Pbkdf2Hash::sha1;
    return suffix.empty() || (suffix[0] == separator && hash_from_name(suffix.substr(1), hash));
}

// Django: pbkdf2_sha256$iterations$salt$base64.
ReadPasswordHash read_django_pbkdf2(const Fields &fields) {
    Pbkdf2Stored hash;
    if (fields.size() != 4 || !hash_from_suffix(fields[0], '_', hash.hash) ||
        !read_number(fields[1], hash.iterations) || !read_base64(fields[3], hash.tag))
        return malformed("PBKDF2");
    hash.salt = fields[2];
    return judged(std::move(hash));
}

// passlib and PHC strings: $pbkdf2-sha256$iterations$salt$tag, or i=..,l=.. for the iterations.
ReadPasswordHash read_phc_pbkdf2(Pbkdf2Hash with, const Fields &fields) {
    Pbkdf2Stored hash;
    hash.hash = with;
    std::uint32_t size = 0;
    if (fields.size() != 3 || !read_base64(fields[1], hash.salt) ||
        !read_base64(fields[2], hash.tag) ||
        !(read_number(fields[0], hash.iterations) ||
          read_parameters(fields[0], {{"i", &hash.iterations}}) ||
          (read_parameters(fields[0], {{"i", &hash.iterations}, {"l", &size}}) &&
           size == hash.tag.size())))
        return malformed("PBKDF2");
    return judged(std::move(hash));
}

// Spring Security: hex of salt and tag; how it was made is in the name alone.
ReadPasswordHash read_spring_pbkdf2(bool is_v5_8, std::string_view text) {
    Pbkdf2Stored hash;
    hash.hash = is_v5_8 ? Pbkdf2Hash::sha256 : Pbkdf2Hash::sha1;
    hash.iterations = is_v5_8 ? 310'000 : 185'000;
    std::string all;
    const std::size_t salt_size = is_v5_8 ? 16 : 8;
    if (!hex_decode(text, all) || all.size() != salt_size + 32)
        return malformed("PBKDF2");
    hash.salt = all.substr(0, salt_size);
    hash.tag = all.substr(salt_size);
    return judged(std::move(hash));
}

// Werkzeug: pbkdf2:sha256:iterations$salt$hex.
ReadPasswordHash read_werkzeug_pbkdf2(std::string_view text) {
    Pbkdf2Stored hash;
    const Fields fields = split(text, '$'), method = split(fields[0], ':');
    if (fields.size() != 3 || method.size() != 2 || !hash_from_name(method[0], hash.hash) ||
        !read_number(method[1], hash.iterations) || !hex_decode(fields[2], hash.tag))
        return malformed("PBKDF2");
    hash.salt = fields[1];
    return judged(std::move(hash));
}

// Werkzeug: scrypt:N:r:p$salt$hex; Django: scrypt$N$salt$r$p$base64.
ReadPasswordHash read_framework_scrypt(const Fields &numbers, std::string_view salt, bool has_tag,
                                       std::string tag) {
    ScryptHash hash;
    std::uint32_t n = 0;
    if (!has_tag || !read_number(numbers[0], n) || !read_number(numbers[1], hash.r) ||
        !read_number(numbers[2], hash.p) || !log2_of(n, hash.log_n))
        return malformed("scrypt");
    hash.salt = salt;
    hash.tag = std::move(tag);
    return judged(std::move(hash));
}

// Spring Security: $params$salt$tag, params in hex: log2 N, r and p, 16 and 8 bits each.
ReadPasswordHash read_spring_scrypt(std::string_view text) {
    const Fields fields = split(text, '$');
    ScryptHash hash;
    std::string parameters;
    if (fields.size() != 4 || !fields[0].empty() || fields[1].empty() || fields[1].size() > 8 ||
        !hex_decode(std::string(8 - fields[1].size(), '0').append(fields[1]), parameters) ||
        !read_base64(fields[2], hash.salt) || !read_base64(fields[3], hash.tag))
        return malformed("scrypt");
    const auto byte = [&](int i) {
        return std::uint32_t{static_cast<unsigned char>(parameters[static_cast<std::size_t>(i)])};
    };
    hash.log_n = byte(0) << 8 | byte(1);
    hash.r = byte(2);
    hash.p = byte(3);
    return judged(std::move(hash));
}

// Supabase Auth's form of a Firebase hash: $fbscrypt$v=1,n=14,r=8,p=1,ss=..,sk=..$salt$tag.
ReadPasswordHash read_firebase(std::string_view text) {
    const Fields fields = split(text, '$');
    ScryptHash hash;
    std::string numbers, separator;
    std::uint32_t version = 0;
    if (fields.size() != 3)
        return malformed("Firebase scrypt");
    for (std::string_view parameter : split(fields[0], ',')) {
        if (take(parameter, "ss=")) {
            if (!read_base64(parameter, separator))
                return malformed("Firebase scrypt");
        } else if (take(parameter, "sk=")) {
            if (!read_base64(parameter, hash.signer_key))
                return malformed("Firebase scrypt");
        } else {
            numbers.append(numbers.empty() ? "" : ",").append(parameter);
        }
    }
    if (!read_parameters(numbers,
                         {{"v", &version}, {"n", &hash.log_n}, {"r", &hash.r}, {"p", &hash.p}}) ||
        version != 1 || hash.signer_key.empty() || !read_base64(fields[1], hash.salt) ||
        !read_base64(fields[2], hash.tag))
        return malformed("Firebase scrypt");
    hash.salt += separator;
    return judged(std::move(hash));
}

// better-auth: 16 bytes in hex, which are the salt as a text, and 64 bytes of tag in hex.
std::optional<ReadPasswordHash> read_better_auth(std::string_view text) {
    const std::size_t border = text.find(':');
    ScryptHash hash;
    std::string bytes;
    if (border < 16 || border > 64 || text.size() != border + 1 + 128 ||
        !hex_decode(text.substr(0, border), bytes) ||
        !hex_decode(text.substr(border + 1), hash.tag))
        return std::nullopt;
    hash.salt = text.substr(0, border);
    hash.log_n = 14;
    hash.r = 16;
    hash.p = 1;
    return judged(std::move(hash));
}

// A member that is JSON in a string, as Keycloak's database has it, or JSON itself.
class Nested {
  public:
    explicit Nested(json::Value value) : value_(value) {
        if (!value.is_string())
            return;
        value_ = json::try_parse(document_, value.as_string()) ? document_.root() : json::Value();
    }
    json::Value operator[](std::string_view name) const noexcept { return value_.find(name); }

  private:
    json::Document document_;
    json::Value value_;
};

bool read_text(json::Value value, std::string &out) {
    return value.is_string() && read_base64(value.as_string(), out);
}

bool read_count(json::Value value, std::uint32_t &out) {
    if (value.is_array() && value.size() == 1)
        value = *value.elements().begin();
    if (value.is_string())
        return read_number(value.as_string(), out);
    const auto number = value.as_int64();
    if (!number || *number < 0)
        return false;
    out = static_cast<std::uint32_t>(std::min<std::int64_t>(*number, UINT32_MAX));
    return true;
}

bool read_argon2_parameters(json::Value parameters, Argon2Hash &hash) {
    std::string_view type = "id", version = "1.3";
    for (const auto &[name, text] : {std::pair{"type", &type}, std::pair{"version", &version}}) {
        json::Value value = parameters.find(name);
        if (value.is_array() && value.size() == 1)
            value = *value.elements().begin();
        if (value.is_string())
            *text = value.as_string();
    }
    hash.type = type == "i"   ? Argon2Hash::Type::i
                : type == "d" ? Argon2Hash::Type::d
                              : Argon2Hash::Type::id;
    hash.version = version == "1.3" ? 19 : 16;
    return (type == "i" || type == "d" || type == "id") && (version == "1.3" || version == "1.0") &&
           read_count(parameters.find("memory"), hash.memory_kib) &&
           read_count(parameters.find("parallelism"), hash.lanes);
}

} // namespace

std::optional<ReadPasswordHash> read_pbkdf2(std::string_view text) {
    Pbkdf2Hash hash{};
    const std::string_view stored = text;
    if (take(text, "{pbkdf2}")) {
        if (text.find('$') == text.npos)
            return read_spring_pbkdf2(false, text);
    } else if (take(text, "{pbkdf2@SpringSecurity_v5_8}")) {
        return read_spring_pbkdf2(true, text);
    }
    text = stored;
    if (take(text, "{PBKDF2") || take(text, "{pbkdf2")) { // LDAP, as passlib writes it
        const std::size_t end = text.find('}');
        std::string name(text.substr(0, end));
        for (char &c : name)
            c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
        if (end == text.npos || !hash_from_suffix(name, '-', hash))
            return malformed("PBKDF2");
        return read_phc_pbkdf2(hash, split(text.substr(end + 1), '$'));
    }
    if (take(text, "$pbkdf2")) {
        const std::size_t end = text.find('$');
        if (end == text.npos || !hash_from_suffix(text.substr(0, end), '-', hash))
            return malformed("PBKDF2");
        return read_phc_pbkdf2(hash, split(text.substr(end + 1), '$'));
    }
    if (take(text, "pbkdf2:"))
        return read_werkzeug_pbkdf2(text);
    if (take(text, "pbkdf2"))
        return read_django_pbkdf2(split(text, '$'));
    return std::nullopt;
}

std::optional<ReadPasswordHash> read_scrypt(std::string_view text) {
    std::string tag;
    if (take(text, "$scrypt$")) {
        const Fields fields = split(text, '$');
        ScryptHash hash;
        if (fields.size() != 3 ||
            !read_parameters(fields[0], {{"ln", &hash.log_n}, {"r", &hash.r}, {"p", &hash.p}}) ||
            !read_base64(fields[1], hash.salt) || !read_base64(fields[2], hash.tag))
            return malformed("scrypt");
        return judged(std::move(hash));
    }
    if (take(text, "{scrypt}") || take(text, "{scrypt@SpringSecurity_v5_8}"))
        return read_spring_scrypt(text);
    if (take(text, "$fbscrypt$"))
        return read_firebase(text);
    if (take(text, "scrypt:")) {
        const Fields fields = split(text, '$'), numbers = split(fields[0], ':');
        if (fields.size() != 3 || numbers.size() != 3)
            return malformed("scrypt");
        const bool has_tag = hex_decode(fields[2], tag);
        return read_framework_scrypt(numbers, fields[1], has_tag, tag);
    }
    if (take(text, "scrypt$")) {
        const Fields fields = split(text, '$');
        if (fields.size() != 5)
            return malformed("scrypt");
        const bool has_tag = read_base64(fields[4], tag);
        return read_framework_scrypt({fields[0], fields[2], fields[3]}, fields[1], has_tag, tag);
    }
    return read_better_auth(text);
}

std::optional<ReadPasswordHash> read_keycloak(std::string_view text) {
    json::Document document;
    if ((text.substr(0, 1) != "{" && text.substr(0, 1) != "[") || !json::try_parse(document, text))
        return std::nullopt;
    json::Value credential = document.root();
    if (credential.is_array() && credential.size() == 1)
        credential = *credential.elements().begin();
    const Nested how(credential.find("credentialData")), what(credential.find("secretData"));
    const std::string_view kind = "Keycloak";
    std::string salt, tag;
    std::uint32_t iterations = 0;
    const json::Value algorithm = how["algorithm"];
    if (!read_text(what["salt"], salt) || !read_text(what["value"], tag) ||
        !algorithm.is_string() || !read_count(how["hashIterations"], iterations))
        return malformed(kind);
    std::string_view name = algorithm.as_string();
    if (name == "argon2") {
        Argon2Hash hash;
        if (!read_argon2_parameters(how["additionalParameters"], hash))
            return malformed(kind);
        hash.passes = iterations;
        hash.salt = salt;
        hash.tag = tag;
        return judged(std::move(hash));
    }
    Pbkdf2Stored hash;
    if (!take(name, "pbkdf2") || !hash_from_suffix(name, '-', hash.hash))
        return ReadPasswordHash{std::nullopt, "is of Keycloak's algorithm \"" +
                                                  printable(algorithm.as_string()) +
                                                  "\", which cannot be verified here"};
    hash.iterations = iterations;
    hash.salt = salt;
    hash.tag = tag;
    return judged(std::move(hash));
}

// ASP.NET Identity: base64 of a version, then its fields. Version 3 has numbers of 32 bits, the
// high byte first.
std::optional<ReadPasswordHash> read_aspnet(std::string_view text) {
    constexpr std::size_t v2_size = 1 + 16 + 32, v3_header = 13;
    std::string data;
    if (text.size() < 60 || text.size() > 300 || !read_base64(text, data))
        return std::nullopt;
    Pbkdf2Stored hash;
    if (data.size() == v2_size && data[0] == '\0') {
        hash.hash = Pbkdf2Hash::sha1;
        hash.iterations = 1000;
        hash.salt = data.substr(1, 16);
        hash.tag = data.substr(17);
        return judged(std::move(hash));
    }
    if (data.size() < v3_header || data[0] != '\1')
        return std::nullopt;
    const auto number = [&](std::size_t at) {
        std::uint32_t out = 0;
        for (std::size_t i = at; i < at + 4; ++i)
            out = out << 8 | static_cast<unsigned char>(data[i]);
        return out;
    };
    const std::uint32_t prf = number(1), salt_size = number(9);
    if (prf > 2 || salt_size > data.size() - v3_header)
        return std::nullopt;
    hash.hash = prf == 0 ? Pbkdf2Hash::sha1 : prf == 1 ? Pbkdf2Hash::sha256 : Pbkdf2Hash::sha512;
    hash.iterations = number(5);
    hash.salt = data.substr(v3_header, salt_size);
    hash.tag = data.substr(v3_header + salt_size);
    return judged(std::move(hash));
}

} // namespace pg_principal::password_hash
