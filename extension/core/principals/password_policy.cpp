#include "core/principals/password.hpp"

#include "core/base/utf8.hpp"

namespace pg_principal {

namespace {

struct Found {
    std::size_t characters = 0;
    PasswordClasses classes;
    bool control = false;
    bool malformed = false;
};

Found look_at(std::string_view password) noexcept {
    Found found;
    while (!password.empty()) {
        const std::size_t size = utf8_sequence(password);
        if (size == 0) {
            found.malformed = true;
            return found;
        }
        const auto c = static_cast<unsigned char>(password[0]);
        // U+0080 to U+009F are control characters too
        const bool c1 = c == 0xc2 && static_cast<unsigned char>(password[1]) < 0xa0;
        if (c < 0x20 || c == 0x7f || c1)
            found.control = true;
        else if (c >= 'a' && c <= 'z')
            found.classes.lower = true;
        else if (c >= 'A' && c <= 'Z')
            found.classes.upper = true;
        else if (c >= '0' && c <= '9')
            found.classes.digit = true;
        else
            found.classes.symbol = true;
        ++found.characters;
        password.remove_prefix(size);
    }
    return found;
}

std::string characters(std::size_t count) {
    return std::to_string(count) + (count == 1 ? " character" : " characters");
}

} // namespace

std::vector<std::string> check_password_policy(std::string_view password,
                                               const PasswordPolicy &policy) {
    const Found found = look_at(password);
    if (found.malformed)
        return {"must be UTF-8"};
    std::vector<std::string> problems;
    if (found.control)
        problems.push_back("must not have control characters");
    if (found.characters < policy.min_length)
        problems.push_back("must have at least " + characters(policy.min_length));
    if (found.characters > policy.max_length)
        problems.push_back("must have at most " + characters(policy.max_length));
    if (policy.classes.lower && !found.classes.lower)
        problems.push_back("must have a lower-case letter");
    if (policy.classes.upper && !found.classes.upper)
        problems.push_back("must have an upper-case letter");
    if (policy.classes.digit && !found.classes.digit)
        problems.push_back("must have a digit");
    if (policy.classes.symbol && !found.classes.symbol)
        problems.push_back("must have a symbol");
    return problems;
}

} // namespace pg_principal
