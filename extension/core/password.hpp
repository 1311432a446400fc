// Passwords: hashed with Argon2id (RFC 9106), imported bcrypt hashes verified, new ones judged.
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

// Whether verify_password() knows what to do with it:
// - Argon2id, version 19: 8 KiB a lane to 1 GiB, at most 16 passes and 16 lanes, 8 to 64 bytes of
//   salt, 16 to 64 of tag;
// - bcrypt $2a$, $2b$, $2y$ with a cost of 4 to 15.
// Whatever costs more is refused unread, so that an imported hash cannot eat the machine.
bool is_password_hash(std::string_view stored);

// Anything else never fits, after the work of a decoy.
// bcrypt reads 72 bytes of a password: a longer one fits by its start, but is not upgraded, for
// bytes that were never verified must not become part of a hash. A NUL byte never fits a bcrypt
// hash: implementations disagree on what follows it.
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
