// Text with a structure: JSON, and what is written by hand or by other programs in its place.
#include "core/json/document.hpp"
#include "core/secret_text/internal.hpp"

#include <algorithm>

namespace pg_principal::secret_text {

namespace {

constexpr json::Limits lenient{512, std::size_t{4} << 20, true};

bool is_blank(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_quote(char c) noexcept { return c == '"' || c == '\'' || c == '`'; }
bool is_letter(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}
bool is_name(char c) noexcept {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

bool is_jwk(json::Value value) noexcept { return value.find("kty").is_string(); }

std::string_view jwk_kind(json::Value jwk) {
    const json::Value kty = jwk.find("kty");
    return jwk.find("d") || jwk.find("k") || (kty.is_string() && kty.as_string() == "oct")
               ? "a private JWK"
               : "a public JWK";
}

std::string json_kind(json::Value root) {
    if (root.is_array()) {
        std::size_t keys = 0;
        for (const json::Value element : root.elements())
            keys += is_jwk(element);
        return keys > 0 ? "an array of JWKs" : "a JSON array";
    }
    if (root.is_string())
        return "a JSON string: give what is between the quotation marks";
    if (!root.is_object())
        return {}; // a number: digits may be random
    if (root.find("keys").is_array())
        return "a JWK Set";
    if (is_jwk(root))
        return std::string(jwk_kind(root));
    if (root.find("signatures") || root.find("signature"))
        return "a JWS in JSON";
    if (root.find("ciphertext"))
        return "a JWE in JSON";
    return "a JSON object";
}

struct Reader {
    std::string_view text;
    std::size_t at = 0;

    char peek() const noexcept { return at < text.size() ? text[at] : '\0'; }
    void skip_blanks() noexcept {
        while (at < text.size() && is_blank(text[at]))
            ++at;
    }
    bool skip_quote() noexcept {
        if (!is_quote(peek()))
            return false;
        ++at;
        return true;
    }
    std::string_view word() noexcept {
        const std::size_t start = at;
        while (at < text.size() && is_name(text[at]))
            ++at;
        return text.substr(start, at - start);
    }
};

// A member of a JWK as JSON, YAML, a program or a form writes it: kty: "RSA", crv=P-256.
bool has_jwk_member(std::string_view text) {
    struct Known {
        std::string_view name;
        std::initializer_list<std::string_view> values;
    };
    static const Known known[] = {
        {"kty", {"RSA", "EC", "OKP", "oct", "AKP"}},
        {"crv", {"P-256", "P-384", "P-521", "Ed25519", "Ed448", "X25519", "X448", "secp256k1"}},
        {"e", {"AQAB"}}};
    for (const Known &member : known)
        for (std::size_t found = text.find(member.name); found != text.npos;
             found = text.find(member.name, found + 1)) {
            if (found > 0 && is_name(text[found - 1]))
                continue;
            Reader reader{text, found + member.name.size()};
            reader.skip_quote();
            reader.skip_blanks();
            if (reader.peek() != ':' && reader.peek() != '=')
                continue;
            reader.at += text.substr(reader.at, 2) == "=>" ? 2 : 1;
            reader.skip_blanks();
            reader.skip_quote();
            const std::string_view value = reader.word();
            if (std::find(member.values.begin(), member.values.end(), value) != member.values.end())
                return true;
        }
    return false;
}

// {"name": somewhere, or an object or array of a program from its first character to its last.
bool is_written_like_json(std::string_view text) {
    for (std::size_t brace = text.find('{'); brace != text.npos;
         brace = text.find('{', brace + 1)) {
        Reader reader{text, brace + 1};
        reader.skip_blanks();
        const bool quoted = reader.skip_quote();
        if (reader.word().empty())
            continue;
        const bool closed = reader.skip_quote();
        reader.skip_blanks();
        if (reader.peek() != ':')
            continue;
        ++reader.at;
        reader.skip_blanks();
        const char value = reader.peek();
        if (quoted && closed)
            return true;
        if (brace == 0 && text.back() == '}' &&
            (is_quote(value) || value == '{' || value == '[' || (value >= '0' && value <= '9')))
            return true;
    }
    return text.size() >= 4 && text.front() == '[' && text.back() == ']' &&
           (is_quote(text[1]) || text[1] == '{') &&
           (is_quote(text[text.size() - 2]) || text[text.size() - 2] == '}');
}

bool is_xml(std::string_view text) noexcept {
    return text.size() > 8 && text.front() == '<' && text.back() == '>' &&
           (is_letter(text[1]) || text[1] == '?' || text[1] == '!') &&
           (text.find("</") != text.npos || text.find("/>") != text.npos ||
            text.find("?>") != text.npos);
}

// JWT_SECRET=..., as files of settings have it.
bool is_assignment(std::string_view text) {
    Reader reader{text};
    std::string name(reader.word());
    if (name == "export" || name == "set") {
        reader.skip_blanks();
        name = reader.word();
    }
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    reader.skip_blanks();
    if (name.size() < 5 || (reader.peek() != '=' && reader.peek() != ':'))
        return false;
    ++reader.at;
    reader.skip_blanks();
    return reader.at < text.size() && reader.peek() != '=' &&
           (name.find("SECRET") != name.npos || name.find("_KEY") != name.npos ||
            name.find("TOKEN") != name.npos || name.find("JWT") != name.npos);
}

// The base64 that programs print may have several lines, and hex may; nothing else of a secret has.
bool has_lines_of_text(std::string_view text) {
    return text.find('\n') != text.npos && !base64_bytes(text);
}

} // namespace

std::string structured_kind(std::string_view text, bool by_chance) {
    if (text.size() < 2)
        return {};
    json::Document doc;
    if (json::try_parse(doc, text, lenient))
        if (std::string kind = json_kind(doc.root()); !kind.empty())
            return kind;
    if (!is_printable(text))
        return {};
    if (has_jwk_member(text))
        return "a JWK in another notation than JSON";
    if (is_written_like_json(text))
        return "text written like JSON";
    if (is_xml(text))
        return "XML";
    if (is_assignment(text))
        return "an assignment: give what is behind the sign";
    if (!by_chance && has_lines_of_text(text))
        return "text of several lines";
    return {};
}

} // namespace pg_principal::secret_text
