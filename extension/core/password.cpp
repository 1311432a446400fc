#include "core/password.hpp"

#include "core/bytes.hpp"
#include "core/error.hpp"

#include <argon2.h>
#include <crypt.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <new>
#include <optional>

namespace pg_principal {

namespace {

struct Argon2Cost {
    std::uint32_t memory_kib, passes, lanes;
};
constexpr Argon2Cost our_cost{19456, 2, 1};
constexpr Argon2Cost highest_cost{1024 * 1024, 16, 16};
constexpr std::size_t our_tag_size = 32;
constexpr std::size_t min_salt = 8, max_salt = 64, min_tag = 16, max_tag = 64;
constexpr std::string_view argon2_prefix = "$argon2id$v=19$m=";

struct Argon2Hash {
    Argon2Cost cost{};
    std::string salt, tag;

    bool is_ours() const noexcept {
        return cost.memory_kib == our_cost.memory_kib && cost.passes == our_cost.passes &&
               cost.lanes == our_cost.lanes && salt.size() == password_salt_size &&
               tag.size() == our_tag_size;
    }
};

unsigned char *bytes(const char *data) noexcept {
    return reinterpret_cast<unsigned char *>(const_cast<char *>(data));
}

Secret argon2id(const Argon2Cost &cost, std::string_view salt, std::size_t tag_size,
                std::string_view password) {
    if (password.size() > ARGON2_MAX_PWD_LENGTH)
        throw Error(Errc::crypto_failed, {"password hashing"});
    Secret tag = Secret::of_size(tag_size);
    argon2_context context{};
    context.out = bytes(tag.data());
    context.outlen = static_cast<std::uint32_t>(tag_size);
    context.pwd = bytes(password.data()); // not written to without ARGON2_FLAG_CLEAR_PASSWORD
    context.pwdlen = static_cast<std::uint32_t>(password.size());
    context.salt = bytes(salt.data());
    context.saltlen = static_cast<std::uint32_t>(salt.size());
    context.t_cost = cost.passes;
    context.m_cost = cost.memory_kib;
    context.lanes = cost.lanes;
    context.threads = 1; // a server process must not start any; the tag is the same
    context.version = ARGON2_VERSION_13;
    context.flags = ARGON2_DEFAULT_FLAGS;
    const int result = argon2id_ctx(&context);
    if (result == ARGON2_MEMORY_ALLOCATION_ERROR)
        throw std::bad_alloc();
    if (result != ARGON2_OK)
        throw Error(Errc::crypto_failed, {"password hashing"});
    return tag;
}

// PHC strings use standard base64 without its padding.
void append_unpadded(std::string &out, std::string_view data) {
    const std::string encoded = base64_encode(data);
    out.append(encoded, 0, encoded.find('='));
}

bool decode_unpadded(std::string_view text, std::string &out) {
    if (text.find('=') != text.npos)
        return false;
    return base64_decode(std::string(text).append((4 - text.size() % 4) % 4, '='), out);
}

std::string phc_string(std::string_view salt, std::string_view tag) {
    std::string out(argon2_prefix);
    out += std::to_string(our_cost.memory_kib) + ",t=" + std::to_string(our_cost.passes) +
           ",p=" + std::to_string(our_cost.lanes) + '$';
    append_unpadded(out, salt);
    append_unpadded(out += '$', tag);
    return out;
}

bool take(std::string_view &text, std::string_view expected) noexcept {
    if (text.substr(0, expected.size()) != expected)
        return false;
    text.remove_prefix(expected.size());
    return true;
}

// A decimal number in 1..highest with no zero in front.
bool take_number(std::string_view &text, std::uint32_t highest, std::uint32_t &number) noexcept {
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (fault != std::errc() || text[0] == '0' || number > highest)
        return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
}

bool is_within(const std::string &data, std::size_t least, std::size_t most) noexcept {
    return data.size() >= least && data.size() <= most;
}

std::optional<Argon2Hash> parse_argon2id(std::string_view text) {
    constexpr std::size_t longest = 256; // what fits the limits below is shorter
    Argon2Hash hash;
    Argon2Cost &cost = hash.cost;
    if (text.size() > longest || !take(text, argon2_prefix) ||
        !take_number(text, highest_cost.memory_kib, cost.memory_kib) || !take(text, ",t=") ||
        !take_number(text, highest_cost.passes, cost.passes) || !take(text, ",p=") ||
        !take_number(text, highest_cost.lanes, cost.lanes) || !take(text, "$") ||
        cost.memory_kib < 8 * cost.lanes)
        return std::nullopt;
    const std::size_t border = text.find('$');
    if (border == text.npos || !decode_unpadded(text.substr(0, border), hash.salt) ||
        !decode_unpadded(text.substr(border + 1), hash.tag) ||
        !is_within(hash.salt, min_salt, max_salt) || !is_within(hash.tag, min_tag, max_tag))
        return std::nullopt;
    return hash;
}

bool argon2id_fits(const Argon2Hash &hash, std::string_view password) {
    const Secret tag = argon2id(hash.cost, hash.salt, hash.tag.size(), password);
    return constant_time_equal(tag.view(), hash.tag);
}

constexpr std::size_t bcrypt_size = 60, bcrypt_setting_size = 29, bcrypt_reads = 72;

bool is_bcrypt(std::string_view stored) noexcept {
    constexpr std::string_view cost_04 = "04", cost_15 = "15";
    if (stored.size() != bcrypt_size || stored.substr(0, 2) != "$2" ||
        std::string_view("aby").find(stored[2]) == stored.npos || stored[3] != '$' ||
        stored[6] != '$')
        return false;
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    const std::string_view cost = stored.substr(4, 2);
    return is_digit(cost[0]) && is_digit(cost[1]) && cost >= cost_04 && cost <= cost_15 &&
           std::all_of(stored.begin() + 7, stored.end(), [&](char c) {
               return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' ||
                      c == '/';
           });
}

bool bcrypt_fits(std::string_view stored, std::string_view password) {
    if (password.find('\0') != password.npos)
        return false;
    std::string key;
    key.reserve(bcrypt_reads);
    const WipeOnExit guard(key);
    key = password.substr(0, bcrypt_reads);
    Secret workspace = Secret::of_size(sizeof(crypt_data));
    const char *hash = crypt_rn(key.c_str(), std::string(stored).c_str(), workspace.data(),
                                static_cast<int>(workspace.size()));
    if (!hash) // the format was checked: it is the library that lacks bcrypt
        throw Error(Errc::crypto_failed, {"bcrypt"});
    // without the setting: crypt clears bits of the salt that other implementations leave set
    return constant_time_equal(std::string_view(hash).substr(bcrypt_setting_size),
                               stored.substr(bcrypt_setting_size));
}

} // namespace

std::string hash_password(std::string_view password, std::string_view salt) {
    if (salt.size() != password_salt_size)
        throw Error(Errc::crypto_failed, {"salt size"});
    return phc_string(salt, argon2id(our_cost, salt, our_tag_size, password).view());
}

bool is_password_hash(std::string_view stored) {
    return is_bcrypt(stored) || parse_argon2id(stored).has_value();
}

PasswordCheck verify_password(std::string_view stored, std::string_view password) {
    PasswordCheck check;
    if (const auto hash = parse_argon2id(stored)) {
        check.ok = argon2id_fits(*hash, password);
        check.needs_upgrade = check.ok && !hash->is_ours();
    } else if (is_bcrypt(stored)) {
        check.ok = bcrypt_fits(stored, password);
        check.needs_upgrade = check.ok && password.size() <= bcrypt_reads;
    } else {
        verify_password_decoy(password);
    }
    return check;
}

void verify_password_decoy(std::string_view password) {
    const std::string salt(password_salt_size, '\0'), tag(our_tag_size, '\0');
    if (const auto hash = parse_argon2id(phc_string(salt, tag)))
        argon2id_fits(*hash, password);
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
