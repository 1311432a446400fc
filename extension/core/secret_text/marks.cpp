// Text that says by itself what it is.
#include "core/base/bytes.hpp"
#include "core/json/document.hpp"
#include "core/secret_text/internal.hpp"

#include <algorithm>

namespace pg_principal::secret_text {

namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::size_t find_without_case(std::string_view text, std::string_view small, std::size_t from = 0) {
    const auto at = std::search(
        text.begin() + static_cast<std::ptrdiff_t>(std::min(from, text.size())), text.end(),
        small.begin(), small.end(), [](char c, char wanted) { return lower(c) == wanted; });
    return at == text.end() ? text.npos : static_cast<std::size_t>(at - text.begin());
}

bool begins_without_case(std::string_view text, std::string_view small) noexcept {
    return text.size() >= small.size() &&
           std::equal(small.begin(), small.end(), text.begin(),
                      [](char wanted, char c) { return lower(c) == wanted; });
}

bool is_word(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// "-----BEGIN PUBLIC KEY-----" with its dashes or without, on one line or on many.
std::string armour(std::string_view text) {
    for (std::size_t at = find_without_case(text, "begin "); at != text.npos;
         at = find_without_case(text, "begin ", at + 1)) {
        std::size_t end = at + 6;
        while (end < text.size() && (is_word(text[end]) || text[end] == ' '))
            ++end;
        const std::string_view label = text.substr(at + 6, end - at - 6);
        const auto has = [label](std::string_view word) { return label.find(word) != label.npos; };
        const bool dashes = at >= 2 && text[at - 1] == '-' && text[at - 2] == '-';
        // prose begins in small letters, too
        const bool labelled = text[at] == 'B' && (has("KEY") || has("CERTIFICATE") || has("PGP") ||
                                                  has("PKCS") || has("X509"));
        if (dashes || labelled)
            return "PEM (" + printable(trimmed(label)) + ")";
    }
    if (text.find("-----BEGIN") != text.npos || text.find("-----END") != text.npos)
        return "PEM";
    return {};
}

// A base64url part with a dot behind it that decodes to a JOSE header.
bool has_token(std::string_view text) {
    for (const std::string_view run : base64_runs(text, 10)) {
        const std::size_t end = static_cast<std::size_t>(run.data() - text.data()) + run.size();
        if (end >= text.size() || text[end] != '.')
            continue;
        auto header = base64_bytes(run);
        json::Document doc;
        if (header && json::try_parse(doc, *header, {512, std::size_t{1} << 20, true}) &&
            doc.root().is_object())
            return true;
    }
    return false;
}

bool is_paseto(std::string_view text) noexcept {
    return text.size() > 10 && text[0] == 'v' && text[1] >= '1' && text[1] <= '4' &&
           (text.substr(2, 8) == ".public." || text.substr(2, 7) == ".local.");
}

// A scheme and what makes it one.
bool is_url(std::string_view text) noexcept {
    std::size_t end = 0;
    while (end < text.size() &&
           (is_word(text[end]) || text[end] == '+' || text[end] == '-' || text[end] == '.'))
        ++end;
    return end > 1 && !(text[0] >= '0' && text[0] <= '9') && text.substr(end, 3) == "://";
}

} // namespace

std::string marked_kind(std::string_view text) {
    if (std::string kind = armour(text); !kind.empty())
        return kind;
    for (const std::string_view mark :
         {"ssh-rsa AAAA", "ssh-rsa ", "ssh-ed25519 ", "ssh-ed448 ", "ssh-dss ", "ecdsa-sha2-nistp",
          "sk-ssh-ed25519@", "sk-ecdsa-sha2-"})
        if (text.find(mark) != text.npos)
            return "an SSH public key";
    const std::pair<std::string_view, const char *> beginnings[] = {
        {"putty-user-key-file-", "a PuTTY key file"},
        {"untrusted comment:", "a minisign or signify key"},
        {"age-secret-key-1", "an age key"},
        {"age1", "an age key"},
        {"sha256:", "a fingerprint"},
        {"sha256/", "a fingerprint"},
        {"sha256//", "a fingerprint"},
        {"sb_publishable_", "a publishable key of Supabase, not its JWT secret"},
        {"sb_secret_", "an API key of Supabase, not its JWT secret"},
        {"did:", "a DID"},
        {"urn:", "a URN"},
        {"data:", "a data URL"},
        {"<~", "text in ascii85"},
    };
    for (const auto &[beginning, kind] : beginnings)
        if (begins_without_case(text, beginning) && (beginning != "age1" || text.size() == 62) &&
            (beginning != "<~" || text.back() == '>'))
            return kind;
    if (is_url(text))
        return "a URL";
    if (has_token(text))
        return "a JWT";
    if (is_paseto(text))
        return "a PASETO token";
    return {};
}

} // namespace pg_principal::secret_text
