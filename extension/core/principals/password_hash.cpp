#include "core/principals/password_hash_parts.hpp"

#include "core/base/bytes.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>

namespace pg_principal {

namespace password_hash {

Fields split(std::string_view text, char separator) {
    Fields fields;
    for (;;) {
        const std::size_t end = text.find(separator);
        fields.push_back(text.substr(0, end));
        if (end == text.npos)
            return fields;
        text.remove_prefix(end + 1);
    }
}

bool take(std::string_view &text, std::string_view expected) noexcept {
    if (text.substr(0, expected.size()) != expected)
        return false;
    text.remove_prefix(expected.size());
    return true;
}

bool read_number(std::string_view text, std::uint32_t &number) noexcept {
    if (text.empty() || (text[0] == '0' && text.size() > 1) ||
        text.find_first_not_of("0123456789") != text.npos)
        return false;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (fault == std::errc::result_out_of_range)
        number = std::numeric_limits<std::uint32_t>::max();
    return true;
}

bool read_parameters(std::string_view text,
                     std::initializer_list<std::pair<std::string_view, std::uint32_t *>> required) {
    const Fields fields = split(text, ',');
    if (fields.size() != required.size())
        return false;
    for (const auto &[name, number] : required) {
        std::size_t found = 0;
        for (std::string_view field : fields)
            if (take(field, name) && take(field, "=") && read_number(field, *number))
                ++found;
        if (found != 1)
            return false;
    }
    return true;
}

bool read_base64(std::string_view text, std::string &out) {
    const std::size_t end = text.find('=');
    if (end != text.npos && (text.size() % 4 != 0 || text.size() - end > 2 ||
                             text.find_first_not_of('=', end) != text.npos))
        return false;
    std::string plain(text.substr(0, end));
    for (char &c : plain)
        c = c == '+' || c == '.' ? '-' : c == '/' ? '_' : c;
    return base64url_decode(plain, out);
}

ReadPasswordHash malformed(std::string_view kind) {
    return {std::nullopt, "is a malformed " + std::string(kind) + " hash"};
}

ReadPasswordHash too_costly(std::string_view what, std::string_view limit) {
    return {std::nullopt,
            "exceeds the accepted cost: " + std::string(what) + ", at most " + std::string(limit)};
}

bool log2_of(std::uint32_t n, std::uint32_t &log) noexcept {
    for (log = 0; log < 31 && n > std::uint32_t{1} << log;)
        ++log;
    return n == std::uint32_t{1} << log;
}

namespace {

constexpr std::size_t min_salt = 8, max_salt = 128, min_tag = 16, max_tag = 128;

bool is_within(const std::string &data, std::size_t least, std::size_t most) noexcept {
    return data.size() >= least && data.size() <= most;
}

std::string_view name_of(Argon2Hash::Type type) noexcept {
    return type == Argon2Hash::Type::id  ? "Argon2id"
           : type == Argon2Hash::Type::i ? "Argon2i"
                                         : "Argon2d";
}

} // namespace

ReadPasswordHash judged(Argon2Hash hash) {
    const std::string_view kind = name_of(hash.type);
    if (hash.passes == 0 || hash.lanes == 0 || !is_within(hash.salt, min_salt, max_salt) ||
        !is_within(hash.tag, min_tag, max_tag))
        return malformed(kind);
    if (std::uint64_t{hash.memory_kib} * hash.passes > password_limits::argon2_kib_passes)
        return too_costly(std::string(kind) + " of " + std::to_string(hash.memory_kib) +
                              " KiB in " + std::to_string(hash.passes) + " passes",
                          std::to_string(password_limits::argon2_kib_passes) + " KiB times passes");
    if (hash.lanes > password_limits::argon2_lanes)
        return too_costly(std::string(kind) + " of " + std::to_string(hash.lanes) + " lanes",
                          std::to_string(password_limits::argon2_lanes) + " lanes");
    if (hash.memory_kib < 8 * hash.lanes)
        return malformed(kind);
    return {std::move(hash), {}};
}

ReadPasswordHash judged(Pbkdf2Stored hash) {
    constexpr std::size_t min_pbkdf2_salt = 4; // of text, in Django
    if (hash.iterations == 0 || !is_within(hash.salt, min_pbkdf2_salt, max_salt) ||
        !is_within(hash.tag, min_tag, max_tag))
        return malformed("PBKDF2");
    const bool is_sha512 = hash.hash == Pbkdf2Hash::sha512;
    const std::size_t block = hash.hash == Pbkdf2Hash::sha1 ? 20 : is_sha512 ? 64 : 32;
    const std::uint64_t most =
        is_sha512 ? password_limits::pbkdf2_sha512_iterations : password_limits::pbkdf2_iterations;
    const std::uint64_t blocks = (hash.tag.size() + block - 1) / block;
    if (hash.iterations * blocks > most)
        return too_costly("PBKDF2 of " + std::to_string(hash.iterations) +
                              " iterations for each of " + std::to_string(blocks) + " blocks",
                          std::to_string(most) + " iterations");
    return {std::move(hash), {}};
}

ReadPasswordHash judged(ScryptHash hash) {
    const std::string_view kind = hash.signer_key.empty() ? "scrypt" : "Firebase scrypt";
    if (hash.log_n == 0 || hash.r == 0 || hash.p == 0 || hash.salt.size() < 4 ||
        hash.salt.size() > max_salt || !is_within(hash.tag, min_tag, max_tag) ||
        (!hash.signer_key.empty() && hash.signer_key.size() != hash.tag.size()))
        return malformed(kind);
    const std::uint64_t most = password_limits::scrypt_nrp;
    if (hash.log_n > 31 || hash.r > most || hash.p > most ||
        (std::uint64_t{1} << hash.log_n) > most / hash.r ||
        (std::uint64_t{hash.r} << hash.log_n) > most / hash.p)
        return too_costly(std::string(kind) + " of N = 2^" + std::to_string(hash.log_n) +
                              ", r = " + std::to_string(hash.r) + ", p = " + std::to_string(hash.p),
                          "N r p = 2^20");
    return {std::move(hash), {}};
}

namespace {

// Wrappers that name the kind in front of a form that tells by itself, compared without case:
// {bcrypt} of Spring Security, {CRYPT} of LDAP, {BLF-CRYPT} of Dovecot, argon2$ of Django.
std::string_view unwrapped(std::string_view text) {
    for (const std::string_view prefix : {"argon2$argon2", "bcrypt$$2"})
        if (text.substr(0, prefix.size()) == prefix)
            return text.substr(prefix.find('$') + (prefix[0] == 'b'));
    const std::size_t end = text.find('}');
    if (text.substr(0, 1) != "{" || end == text.npos || end > 40 || text.substr(1, 1) == "\"")
        return text;
    std::string name(text.substr(1, end - 1));
    name.erase(std::min(name.find('@'), name.size())); // @SpringSecurity_v5_8
    for (char &c : name)
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    for (const std::string_view known : {"bcrypt", "crypt", "blf-crypt", "argon2", "argon2i",
                                         "argon2id", "argon2d", "sha256-crypt", "sha512-crypt"})
        if (name == known)
            return text.substr(end + 1);
    return text;
}

bool is_hex(std::string_view text) noexcept {
    return text.find_first_not_of("0123456789abcdefABCDEF") == text.npos;
}

// By what it looks like, for whoever has to find out which rows these are.
std::string name_of_unknown(std::string_view text) {
    constexpr std::pair<std::string_view, std::string_view> prefixes[] = {
        {"$1$", "MD5-crypt"},
        {"$apr1$", "Apache's MD5-crypt"},
        {"$P$", "phpass"},
        {"$H$", "phpass"},
        {"$3$", "NT-hash"},
        {"$sha1$", "SHA-1-crypt"},
        {"$md5", "Sun MD5-crypt"},
        {"$2x$", "bcrypt $2x$"},
        {"$2$", "bcrypt $2$"},
        {"SCRAM-", "SCRAM"},
        {"md5$", "salted MD5"},
        {"sha1$", "salted SHA-1"},
        {"{noop}", "a password in the clear"}};
    for (const auto &[prefix, name] : prefixes)
        if (text.substr(0, prefix.size()) == prefix)
            return std::string(name);
    if (text.substr(0, 3) == "md5" && text.size() == 35 && is_hex(text.substr(3)))
        return "MD5";
    if (is_hex(text))
        switch (text.size()) {
        case 32:
            return "MD5";
        case 40:
            return "SHA-1";
        case 64:
            return "SHA-256";
        case 128:
            return "SHA-512";
        default:
            break;
        }
    const std::size_t end = text.find('}');
    if (text.substr(0, 1) == "{" && end != text.npos && end > 1 && end <= 40 &&
        std::all_of(text.begin() + 1, text.begin() + static_cast<std::ptrdiff_t>(end), [](char c) {
            return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                   c == '-' || c == '_' || c == '.' || c == '@';
        }))
        return std::string(text.substr(0, end + 1));
    return "of an unknown kind";
}

} // namespace

} // namespace password_hash

ReadPasswordHash read_password_hash(std::string_view stored) {
    using namespace password_hash;
    constexpr std::size_t longest = 4096; // what fits the limits is shorter
    constexpr std::string_view space = " \t\r\n";
    stored.remove_prefix(std::min(stored.find_first_not_of(space), stored.size()));
    stored = stored.substr(0, stored.find_last_not_of(space) + 1);
    if (stored.size() > longest)
        return {std::nullopt, "is longer than any known hash"};
    const std::string_view text = unwrapped(stored);
    for (const auto read : {read_argon2, read_bcrypt, read_crypt, read_pbkdf2, read_scrypt,
                            read_keycloak, read_aspnet})
        if (auto result = read(text))
            return std::move(*result);
    return {std::nullopt, "is " + name_of_unknown(text) + ", which cannot be verified here"};
}

} // namespace pg_principal
