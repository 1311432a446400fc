// Passwords: hashed with Argon2id (RFC 9106), those of other systems verified, new ones judged.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pg_principal {

constexpr std::size_t password_salt_size = 16;

// A PHC string: 19 MiB, 2 passes, 1 lane, 32 bytes of tag. Throws Error(crypto_failed) for a salt
// of another size, std::bad_alloc when there is no memory.
std::string hash_password(std::string_view password, std::string_view salt);

struct PasswordCheck {
    bool ok = false;
    // After ok: hash the password again and store that. Costs other than ours count too, higher
    // ones as well: their time would tell that the account exists.
    bool needs_upgrade = false;
};

// What is wrong with a stored hash, as a predicate; empty when verify_password() knows what to do
// with it. Kinds and limits: password_hash.hpp. Whatever costs more is refused unread, so that an
// imported hash cannot eat the machine.
std::string password_hash_problem(std::string_view stored);

// What a stored hash is, in a word: argon2id, 2b (bcrypt), pbkdf2, scrypt, 6 (of crypt(3));
// unknown.
std::string password_scheme(std::string_view stored);

// Anything else never fits, after the work of a decoy. A hash of another kind or of lower cost than
// ours is verified and a decoy made on top: no answer is quicker than that for an unknown email.
// bcrypt reads 72 bytes of a password: a longer one fits by its start, but is not upgraded, for
// bytes that were never verified must not become part of a hash. A NUL byte never fits a hash of
// crypt(3): implementations disagree on what follows it.
PasswordCheck verify_password(std::string_view stored, std::string_view password);

// The work of verifying a hash of ours, for an email that nobody has.
void verify_password_decoy(std::string_view password);

struct PasswordClasses {
    bool lower = false, upper = false, digit = false, symbol = false;
};
struct PasswordPolicy {
    std::size_t min_length = 12, max_length = 128; // characters
    PasswordClasses classes{true, true, true, true};
};

// Names separated by commas, spaces around them allowed: "lower, digit". Empty: none is required.
// Throws Error(password_class_unknown).
PasswordClasses parse_password_classes(std::string_view text);

// What is wrong with a new password, each a predicate ("must have a digit"); empty when nothing is.
// Letters and digits are those of ASCII; every other character is a symbol.
std::vector<std::string> check_password_policy(std::string_view password,
                                               const PasswordPolicy &policy);

} // namespace pg_principal
