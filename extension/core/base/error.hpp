// Every error this project raises, C++ or SQL, is one row of errors.inc; its texts are an
// interface.
#pragma once

#include <exception>
#include <initializer_list>
#include <string>
#include <string_view>

namespace pg_principal {

enum class Errc : unsigned {
#define ERROR_KIND(id, sqlstate, message, hint) id,
#include "core/base/errors.inc"
#undef ERROR_KIND
};

struct ErrorKind {
    std::string_view id;
    std::string_view sqlstate; // five characters
    std::string_view message;  // {0}, {1}, ... stand for the arguments
    std::string_view hint;     // may be empty; same placeholders
};

std::size_t error_kind_count() noexcept;
const ErrorKind &error_kind(std::size_t index) noexcept;
// nullptr when there is no such id
const ErrorKind *find_error_kind(std::string_view id) noexcept;

// The one exception of core/. Neither text may hold a secret, a token or a hash.
class Error : public std::exception {
  public:
    explicit Error(Errc code, std::initializer_list<std::string_view> args = {},
                   std::string detail = {})
        : Error(code, args.begin(), args.size(), std::move(detail)) {}
    Error(Errc code, const std::string_view *args, std::size_t count, std::string detail);
    const char *what() const noexcept override { return message_.c_str(); }
    Errc code() const noexcept { return code_; }
    const ErrorKind &kind() const noexcept { return error_kind(static_cast<std::size_t>(code_)); }
    const std::string &message() const noexcept { return message_; }
    const std::string &detail() const noexcept { return detail_; }
    const std::string &hint() const noexcept { return hint_; }

  private:
    Errc code_;
    std::string message_, detail_, hint_;
};

// Replaces {0}..{9}; a placeholder without an argument becomes empty.
std::string format_error(std::string_view text, const std::string_view *args, std::size_t count);

} // namespace pg_principal
