#include "core/principals/password.hpp"

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"
#include "core/principals/password_hash.hpp"

#include <argon2.h>
#include <crypt.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <new>

namespace pg_principal {

namespace {

constexpr std::uint32_t our_kib = 19456, our_passes = 2, our_lanes = 1;
constexpr std::size_t our_tag_size = 32;

bool is_ours(const Argon2Hash &hash) noexcept {
    return hash.type == Argon2Hash::Type::id && hash.version == ARGON2_VERSION_13 &&
           hash.memory_kib == our_kib && hash.passes == our_passes && hash.lanes == our_lanes &&
           hash.salt.size() == password_salt_size && hash.tag.size() == our_tag_size;
}

unsigned char *bytes(const char *data) noexcept {
    return reinterpret_cast<unsigned char *>(const_cast<char *>(data));
}

Secret argon2(const Argon2Hash &hash, std::size_t tag_size, std::string_view password) {
    if (password.size() > ARGON2_MAX_PWD_LENGTH)
        throw Error(Errc::crypto_failed, {"password hashing"});
    Secret tag = Secret::of_size(tag_size);
    argon2_context context{};
    context.out = bytes(tag.data());
    context.outlen = static_cast<std::uint32_t>(tag_size);
    context.pwd = bytes(password.data()); // not written to without ARGON2_FLAG_CLEAR_PASSWORD
    context.pwdlen = static_cast<std::uint32_t>(password.size());
    context.salt = bytes(hash.salt.data());
    context.saltlen = static_cast<std::uint32_t>(hash.salt.size());
    context.t_cost = hash.passes;
    context.m_cost = hash.memory_kib;
    context.lanes = hash.lanes;
    context.threads = 1; // a server process must not start any; the tag is the same
    context.version = hash.version;
    context.flags = ARGON2_DEFAULT_FLAGS;
    const int result = argon2_ctx(&context, hash.type == Argon2Hash::Type::id  ? Argon2_id
                                            : hash.type == Argon2Hash::Type::i ? Argon2_i
                                                                               : Argon2_d);
    if (result == ARGON2_MEMORY_ALLOCATION_ERROR)
        throw std::bad_alloc();
    if (result != ARGON2_OK)
        throw Error(Errc::crypto_failed, {"password hashing"});
    return tag;
}

Argon2Hash our_parameters(std::string_view salt) {
    Argon2Hash hash;
    hash.memory_kib = our_kib;
    hash.passes = our_passes;
    hash.lanes = our_lanes;
    hash.salt = salt;
    return hash;
}

// PHC strings use standard base64 without its padding.
void append_unpadded(std::string &out, std::string_view data) {
    const std::string encoded = base64_encode(data);
    out.append(encoded, 0, encoded.find('='));
}

// The hash of crypt(3), or nothing where it does not take the setting.
std::optional<Secret> crypted(const std::string &setting, const char *password) {
    Secret workspace = Secret::of_size(sizeof(crypt_data));
    errno = 0;
    const char *hash =
        crypt_rn(password, setting.c_str(), workspace.data(), static_cast<int>(workspace.size()));
    if (!hash && errno == ENOMEM)
        throw std::bad_alloc();
    return hash ? std::optional<Secret>(std::in_place, hash) : std::nullopt;
}

constexpr std::size_t bcrypt_setting_size = 29, bcrypt_reads = 72;

// What bcrypt hashes: at most 72 bytes without a NUL.
Secret bcrypt_input(const BcryptHash &hash, std::string_view password) {
    switch (hash.of) {
    case BcryptHash::Of::password:
        return Secret(password.substr(0, bcrypt_reads));
    case BcryptHash::Of::sha256_hex:
        return Secret(hex_encode(sha256(password)));
    case BcryptHash::Of::sha256_base64:
        return Secret(base64_encode(sha256(password)));
    case BcryptHash::Of::hmac_sha256_base64:
        break;
    }
    return Secret(
        base64_encode(hmac_sha256(std::string_view(hash.stored).substr(7, 22), password)));
}

std::string scheme(const Argon2Hash &hash) {
    return hash.type == Argon2Hash::Type::id  ? "argon2id"
           : hash.type == Argon2Hash::Type::i ? "argon2i"
                                              : "argon2d";
}
std::string scheme(const BcryptHash &hash) {
    return hash.of == BcryptHash::Of::password ? hash.stored.substr(1, 2) : "bcrypt-sha256";
}
std::string scheme(const Pbkdf2Stored &) { return "pbkdf2"; }
std::string scheme(const ScryptHash &hash) {
    return hash.signer_key.empty() ? "scrypt" : "fbscrypt";
}
std::string scheme(const CryptHash &hash) {
    return hash.stored.substr(1, hash.stored.find('$', 1) - 1);
}

bool fits(const Argon2Hash &hash, std::string_view password) {
    return constant_time_equal(argon2(hash, hash.tag.size(), password).view(), hash.tag);
}

bool fits(const BcryptHash &hash, std::string_view password) {
    if (hash.of == BcryptHash::Of::password && password.find('\0') != password.npos)
        return false;
    std::string key;
    const WipeOnExit guard(key);
    key.reserve(bcrypt_reads);
    key = bcrypt_input(hash, password).view();
    const auto result = crypted(hash.stored, key.c_str());
    if (!result) // the format was checked: it is the library that lacks bcrypt
        throw Error(Errc::crypto_failed, {"bcrypt"});
    // without the setting: crypt clears bits of the salt that other implementations leave set
    return constant_time_equal(result->view().substr(bcrypt_setting_size),
                               std::string_view(hash.stored).substr(bcrypt_setting_size));
}

bool fits(const Pbkdf2Stored &hash, std::string_view password) {
    return constant_time_equal(
        pbkdf2(hash.hash, password, hash.salt, hash.iterations, hash.tag.size()).view(), hash.tag);
}

bool fits(const ScryptHash &hash, std::string_view password) {
    if (hash.signer_key.empty())
        return constant_time_equal(
            scrypt(password, hash.salt, hash.log_n, hash.r, hash.p, hash.tag.size()).view(),
            hash.tag);
    const Secret key = scrypt(password, hash.salt, hash.log_n, hash.r, hash.p, 32);
    return constant_time_equal(aes256_ctr(key.view(), hash.signer_key), hash.tag);
}

bool fits(const CryptHash &hash, std::string_view password) {
    if (password.size() >= CRYPT_MAX_PASSPHRASE_SIZE || password.find('\0') != password.npos)
        return false;
    std::string key;
    const WipeOnExit guard(key);
    key.reserve(password.size() + 1);
    key = password;
    const auto result = crypted(hash.stored, key.c_str());
    if (!result)
        return false;
    const auto tag = [](std::string_view text) { return text.substr(text.rfind('$') + 1); };
    return constant_time_equal(tag(result->view()), tag(hash.stored));
}

} // namespace

std::string hash_password(std::string_view password, std::string_view salt) {
    if (salt.size() != password_salt_size)
        throw Error(Errc::crypto_failed, {"salt size"});
    const Secret tag = argon2(our_parameters(salt), our_tag_size, password);
    std::string out = "$argon2id$v=19$m=" + std::to_string(our_kib) +
                      ",t=" + std::to_string(our_passes) + ",p=" + std::to_string(our_lanes) + '$';
    append_unpadded(out, salt);
    append_unpadded(out += '$', tag.view());
    return out;
}

std::string password_hash_problem(std::string_view stored) {
    return read_password_hash(stored).problem;
}

std::string password_scheme(std::string_view stored) {
    const ReadPasswordHash read = read_password_hash(stored);
    if (read.hash)
        return std::visit([](const auto &hash) { return scheme(hash); }, *read.hash);
    // nobody signs in by it: what it calls itself
    const std::string_view name = stored.substr(std::min(stored.find('$'), stored.size()));
    return name.size() < 2 ? "unknown" : printable(name.substr(1, name.find('$', 1) - 1));
}

PasswordCheck verify_password(std::string_view stored, std::string_view password) {
    PasswordCheck check;
    const ReadPasswordHash read = read_password_hash(stored);
    const auto *argon2_hash = read.hash ? std::get_if<Argon2Hash>(&*read.hash) : nullptr;
    if (read.hash)
        check.ok = std::visit([&](const auto &hash) { return fits(hash, password); }, *read.hash);
    // Of what others hashed ours is done too, whatever the answer: none is told by being quicker.
    if (!argon2_hash || std::uint64_t{argon2_hash->memory_kib} * argon2_hash->passes <
                            std::uint64_t{our_kib} * our_passes)
        verify_password_decoy(password);
    check.needs_upgrade = check.ok && !(argon2_hash && is_ours(*argon2_hash));
    if (const auto *bcrypt = read.hash ? std::get_if<BcryptHash>(&*read.hash) : nullptr)
        check.needs_upgrade = check.needs_upgrade && (bcrypt->of != BcryptHash::Of::password ||
                                                      password.size() <= bcrypt_reads);
    return check;
}

void verify_password_decoy(std::string_view password) {
    argon2(our_parameters(std::string(password_salt_size, '\0')), our_tag_size, password);
}

PasswordClasses parse_password_classes(std::string_view text) {
    constexpr std::string_view space = " \t\r\n";
    PasswordClasses classes;
    if (text.find_first_not_of(space) == text.npos)
        return classes;
    for (bool more = true; more;) {
        const std::size_t comma = text.find(',');
        std::string_view name = text.substr(0, comma);
        more = comma != text.npos;
        text.remove_prefix(more ? comma + 1 : text.size());
        name.remove_prefix(std::min(name.find_first_not_of(space), name.size()));
        name = name.substr(0, name.find_last_not_of(space) + 1);
        if (name == "lower")
            classes.lower = true;
        else if (name == "upper")
            classes.upper = true;
        else if (name == "digit")
            classes.digit = true;
        else if (name == "symbol")
            classes.symbol = true;
        else
            throw Error(Errc::password_class_unknown, {printable(name)});
    }
    return classes;
}

} // namespace pg_principal
