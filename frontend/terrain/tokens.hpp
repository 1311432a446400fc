// Words, strings, numbers and braces of a Terrain story.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pg_principal::cli {

enum class TokenType { word, string, number, percent, reference, open, close, bracket, comma, end };

struct Token {
    TokenType type;
    std::string text; // without quotes, @ or %
    std::size_t line;
};

struct TokenList {
    std::vector<Token> tokens;         // the last one is `end`
    std::size_t first_long_string = 0; // the line where the first string over several lines begins
};

// Throws RosterFileError.
TokenList read_terrain_tokens(std::string_view text);

constexpr std::uint64_t million = 1'000'000; // millionths in one

// Digits only, so that no locale and no rounding plays a part; nothing when it is no such number.
// "33.3" is 33300000 millionths; beyond a million it is not a share of anything.
std::optional<std::uint64_t> parse_millionths(std::string_view text);
std::optional<std::uint64_t> parse_whole(std::string_view text, std::uint64_t most);

} // namespace pg_principal::cli
