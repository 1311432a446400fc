// Base64url, base64 and hex against a reader that goes bit by bit: the same texts, the same bytes.
#include "fuzz.hpp"

#include "core/base/bytes.hpp"

using namespace pg_principal;

namespace {

constexpr std::string_view url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view std64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::optional<std::string> slowly(std::string_view alphabet, std::string_view text) {
    std::string bytes;
    unsigned bits = 0, count = 0;
    for (const char c : text) {
        const std::size_t value = alphabet.find(c);
        if (value == alphabet.npos)
            return std::nullopt;
        bits = bits << 6 | static_cast<unsigned>(value);
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes += static_cast<char>(bits >> count & 0xff);
            bits &= (1u << count) - 1;
        }
    }
    // six bits left over: a character too many; others: they stand for nothing
    return count < 6 && bits == 0 ? std::optional(bytes) : std::nullopt;
}

std::optional<std::string> slowly_padded(std::string_view text) {
    if (text.size() % 4 != 0)
        return std::nullopt;
    std::size_t padding = 0;
    while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=')
        ++padding;
    return slowly(std64, text.substr(0, text.size() - padding));
}

std::string lower(std::string text) {
    for (char &c : text)
        c = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
    return text;
}

void check_same(bool accepted, const std::string &bytes, const std::optional<std::string> &wanted) {
    fuzz::check(accepted == wanted.has_value(), "both readers accept the same texts");
    fuzz::check(!wanted || bytes == *wanted, "both readers see the same bytes");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    const std::string text = fuzz::text_of(data, size);
    static std::string reused; // keeps what the last input left behind
    std::string bytes;

    const bool is_url = base64url_decode(text, bytes);
    check_same(is_url, bytes, slowly(url, text));
    fuzz::check(!is_url || base64url_encode(bytes) == text, "one spelling of base64url");
    fuzz::check(base64url_decode(text, reused) == is_url && (!is_url || reused == bytes),
                "a reused buffer makes no difference");
    std::string appended = "x";
    base64url_append(appended, text);
    fuzz::check(appended == "x" + base64url_encode(text), "appending is encoding");
    fuzz::check(base64url_decode(base64url_encode(text), bytes) && bytes == text,
                "base64url of any bytes comes back");

    const bool is_std = base64_decode(text, bytes);
    check_same(is_std, bytes, slowly_padded(text));
    fuzz::check(!is_std || base64_encode(bytes) == text, "one spelling of base64");
    fuzz::check(base64_decode(base64_encode(text), bytes) && bytes == text,
                "base64 of any bytes comes back");

    fuzz::check(!hex_decode(text, bytes) || hex_encode(bytes) == lower(text), "hex comes back");
    fuzz::check(hex_decode(hex_encode(text), bytes) && bytes == text,
                "hex of any bytes comes back");
    return 0;
}
