// What a verb throws when it cannot do its work. None of the texts may hold a token, secret or
// password.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace pg_principal {

// Refused or failed: exit code 1.
struct Failure : std::runtime_error {
    explicit Failure(const std::string &message, std::string with_detail = {},
                     std::string with_hint = {})
        : std::runtime_error(message), detail(std::move(with_detail)), hint(std::move(with_hint)) {}
    std::string detail, hint;
};

// Wrong usage: exit code 2.
struct UsageError : std::runtime_error {
    explicit UsageError(const std::string &message, std::string with_hint = {})
        : std::runtime_error(message), hint(std::move(with_hint)) {}
    std::string hint;
};

} // namespace pg_principal
