#include "core/jose/token_type.hpp"

#include <algorithm>

namespace pg_principal {

namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool same_but_for_case(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(),
                      [](char left, char right) { return lower(left) == lower(right); });
}

std::string_view without_prefix(std::string_view typ) noexcept {
    constexpr std::string_view prefix = "application/";
    if (same_but_for_case(typ.substr(0, prefix.size()), prefix))
        typ.remove_prefix(prefix.size());
    return typ;
}

} // namespace

bool is_same_type(std::string_view typ, std::string_view other) noexcept {
    return same_but_for_case(without_prefix(typ), without_prefix(other));
}

bool is_access_token_type(std::optional<std::string_view> typ) noexcept {
    return !typ || is_same_type(*typ, "JWT") || is_same_type(*typ, "at+jwt");
}

bool is_identity_token_type(std::optional<std::string_view> typ) noexcept {
    return !typ || is_same_type(*typ, "JWT") || is_same_type(*typ, "JOSE");
}

} // namespace pg_principal
