// What the tests of extension/core share.
#pragma once

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"
#include "core/jose/jws.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace pg_principal {

inline std::string unhex(std::string_view hex) {
    std::string out;
    EXPECT_TRUE(hex_decode(hex, out)) << hex;
    return out;
}

inline std::string unbase64url(std::string_view text) {
    std::string out;
    EXPECT_TRUE(base64url_decode(text, out)) << text;
    return out;
}

// The message of the error that the function throws; a failure when it throws none or another.
template <class F>
std::string error_of(Errc code, F &&function) {
    try {
        function();
    } catch (const Error &error) {
        EXPECT_EQ(error.code(), code) << error.message();
        return error.message();
    }
    ADD_FAILURE() << "no error " << error_kind(static_cast<std::size_t>(code)).id;
    return {};
}

inline bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != text.npos;
}

inline std::string replaced(std::string text, std::string_view from, std::string_view to) {
    const std::size_t at = text.find(from);
    EXPECT_NE(at, text.npos) << from;
    return at == text.npos ? text : text.replace(at, from.size(), to);
}

// The first candidate, or nullptr.
inline const Key *selected(const KeySet &keys, Alg alg, std::optional<std::string_view> kid) {
    const KeySet::Candidates found = keys.candidates(alg, kid);
    return found.count > 0 ? found.keys[0] : nullptr;
}

// A token taken apart together with the text it points into.
struct Parsed {
    explicit Parsed(std::string_view text)
        : token(text), fault(jws.parse(std::string_view(token))) {}
    std::string token;
    CompactJws jws;
    TokenFault fault;
};
inline TokenFault verified(std::string_view token, const Key &key) {
    const Parsed parsed(token);
    return parsed.fault == TokenFault::none ? verify(parsed.jws, key) : parsed.fault;
}
inline TokenFault verified(std::string_view token, const KeySet &keys, const Key **used = nullptr) {
    const Parsed parsed(token);
    return parsed.fault == TokenFault::none ? verify(parsed.jws, keys, used) : parsed.fault;
}

} // namespace pg_principal
