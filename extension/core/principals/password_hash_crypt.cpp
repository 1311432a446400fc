// Argon2 in PHC strings; what crypt(3) knows: bcrypt, sha256crypt, sha512crypt, scrypt, yescrypt.
#include "core/principals/password_hash_parts.hpp"

#include <algorithm>
#include <cstdint>

namespace pg_principal::password_hash {

namespace {

// The digits of crypt(3)'s base64, by value.
constexpr std::string_view digits =
    "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

bool are_digits(std::string_view text) noexcept {
    return text.find_first_not_of(digits) == text.npos;
}

constexpr std::size_t bcrypt_size = 60;

bool is_bcrypt(std::string_view stored, std::uint32_t &cost) noexcept {
    if (stored.size() != bcrypt_size || stored.substr(0, 2) != "$2" ||
        std::string_view("aby").find(stored[2]) == stored.npos || stored[3] != '$' ||
        stored[6] != '$' || !are_digits(stored.substr(7)))
        return false;
    const std::string_view two = stored.substr(4, 2);
    return read_number(two[0] == '0' ? two.substr(1) : two, cost) && cost >= 4;
}

ReadPasswordHash judged_bcrypt(std::string stored, BcryptHash::Of of) {
    std::uint32_t cost = 0;
    if (!is_bcrypt(stored, cost))
        return malformed("bcrypt");
    if (cost > password_limits::bcrypt_cost)
        return too_costly("bcrypt of cost " + std::to_string(cost),
                          "a cost of " + std::to_string(password_limits::bcrypt_cost));
    return {BcryptHash{of, std::move(stored)}, {}};
}

// passlib: $bcrypt-sha256$v=2,t=2b,r=12$salt$digest, or before it had versions $2b,12$.
ReadPasswordHash read_passlib_bcrypt(std::string_view text) {
    const Fields fields = split(text, '$');
    if (fields.size() != 3)
        return malformed("bcrypt");
    std::string_view parameters = fields[0];
    const bool keyed = take(parameters, "v=2,t=");
    const std::size_t comma = parameters.find(',');
    std::string_view cost = parameters.substr(std::min(comma, parameters.size()));
    if (!take(cost, keyed ? ",r=" : ",") || cost.empty() || cost.size() > 2)
        return malformed("bcrypt");
    std::string stored = "$";
    stored.append(parameters.substr(0, comma)).append(cost.size() == 1 ? "$0" : "$").append(cost);
    stored.append("$").append(fields[1]).append(fields[2]);
    return judged_bcrypt(std::move(stored), keyed ? BcryptHash::Of::hmac_sha256_base64
                                                  : BcryptHash::Of::sha256_base64);
}

ReadPasswordHash read_sha_crypt(std::string_view stored) {
    const bool is_sha512 = stored[1] == '6';
    const std::string kind = is_sha512 ? "SHA-512-crypt" : "SHA-256-crypt";
    Fields fields = split(stored.substr(3), '$');
    std::uint32_t rounds = 5000;
    std::string_view first = fields[0];
    if (take(first, "rounds=")) {
        if (!read_number(first, rounds) || rounds < 1000)
            return malformed(kind);
        fields.erase(fields.begin());
    }
    if (fields.size() != 2 || fields[0].size() > 16 || !are_digits(fields[1]) ||
        fields[1].size() != (is_sha512 ? 86u : 43u) ||
        !std::all_of(fields[0].begin(), fields[0].end(),
                     [](char c) { return c > ' ' && c < 0x7f && c != ':'; }))
        return malformed(kind);
    if (rounds > password_limits::sha_crypt_rounds)
        return too_costly(kind + " of " + std::to_string(rounds) + " rounds",
                          std::to_string(password_limits::sha_crypt_rounds) + " rounds");
    return {CryptHash{std::string(stored)}, {}};
}

// Of scrypt and yescrypt in crypt(3): a hash behind the last $, and the salt before it.
bool has_salt_and_tag(std::string_view text) noexcept {
    const std::size_t border = text.find('$');
    return border != text.npos && border <= 86 && are_digits(text.substr(0, border)) &&
           are_digits(text.substr(border + 1)) && text.size() - border - 1 == 43;
}

ReadPasswordHash judged_memory(std::string_view kind, std::string_view stored, std::uint64_t log_n,
                               std::uint64_t r, std::uint64_t p) {
    const std::uint64_t most = password_limits::scrypt_nrp;
    if (log_n == 0 || r == 0 || p == 0)
        return malformed(kind);
    if (log_n > 31 || r > most || p > most || (r << log_n) > most / p)
        return too_costly(std::string(kind) + " of N = 2^" + std::to_string(log_n) +
                              ", r = " + std::to_string(r) + ", p = " + std::to_string(p),
                          "N r p = 2^20");
    return {CryptHash{std::string(stored)}, {}};
}

// Settings as crypt_gensalt() makes them: a flavour, log2 N - 1 and r - 1, a digit each.
ReadPasswordHash read_yescrypt(std::string_view stored, std::string_view rest) {
    constexpr std::size_t one_digit = 47; // beyond begin numbers of several
    if (rest.size() < 4 || rest[0] != 'j' || rest[3] != '$' || !has_salt_and_tag(rest.substr(4)))
        return malformed("yescrypt");
    const std::size_t log_n = digits.find(rest[1]), r = digits.find(rest[2]);
    if (log_n > one_digit || r > one_digit)
        return malformed("yescrypt");
    return judged_memory("yescrypt", stored, log_n + 1, r + 1, 1);
}

std::uint64_t thirty_bits(std::string_view five) noexcept {
    std::uint64_t out = 0;
    for (std::size_t i = 0; i < 5; ++i)
        out |= std::uint64_t{digits.find(five[i])} << (6 * i);
    return out;
}

ReadPasswordHash read_crypt_scrypt(std::string_view stored, std::string_view rest) {
    if (rest.size() < 11 || !are_digits(rest.substr(0, 11)) || !has_salt_and_tag(rest.substr(11)))
        return malformed("scrypt");
    return judged_memory("scrypt", stored, digits.find(rest[0]), thirty_bits(rest.substr(1, 5)),
                         thirty_bits(rest.substr(6, 5)));
}

} // namespace

std::optional<ReadPasswordHash> read_argon2(std::string_view text) {
    Argon2Hash hash;
    if (take(text, "$argon2id$"))
        hash.type = Argon2Hash::Type::id;
    else if (take(text, "$argon2i$"))
        hash.type = Argon2Hash::Type::i;
    else if (take(text, "$argon2d$"))
        hash.type = Argon2Hash::Type::d;
    else
        return std::nullopt;
    Fields fields = split(text, '$');
    std::string_view first = fields[0];
    hash.version = 16; // where none is told
    if (take(first, "v=")) {
        if (first != "16" && first != "19")
            return malformed("Argon2");
        hash.version = first == "19" ? 19 : 16;
        fields.erase(fields.begin());
    }
    if (fields.size() != 3 ||
        !read_parameters(fields[0],
                         {{"m", &hash.memory_kib}, {"t", &hash.passes}, {"p", &hash.lanes}}) ||
        !read_base64(fields[1], hash.salt) || !read_base64(fields[2], hash.tag))
        return malformed("Argon2");
    return judged(std::move(hash));
}

std::optional<ReadPasswordHash> read_bcrypt(std::string_view text) {
    if (take(text, "bcrypt_sha256$"))
        return judged_bcrypt(std::string(text), BcryptHash::Of::sha256_hex);
    if (take(text, "$bcrypt-sha256$"))
        return read_passlib_bcrypt(text);
    if (text.size() < 4 || text.substr(0, 2) != "$2" || text[3] != '$' ||
        std::string_view("aby").find(text[2]) == text.npos)
        return std::nullopt;
    return judged_bcrypt(std::string(text), BcryptHash::Of::password);
}

std::optional<ReadPasswordHash> read_crypt(std::string_view text) {
    const std::string_view stored = text;
    if (text.substr(0, 3) == "$5$" || text.substr(0, 3) == "$6$")
        return read_sha_crypt(stored);
    if (take(text, "$7$"))
        return read_crypt_scrypt(stored, text);
    if (take(text, "$y$") || take(text, "$gy$"))
        return read_yescrypt(stored, text);
    return std::nullopt;
}

} // namespace pg_principal::password_hash
