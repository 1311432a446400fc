#include "oauth/device.hpp"

#include "core/base/bytes.hpp"
#include "core/crypto/crypto.hpp"
#include "core/json/document.hpp"

namespace pg_principal::oauth {

using namespace http;

namespace {

constexpr std::string_view style =
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:28rem;margin:3rem auto;padding:0 1rem;"
    "color:#1a1a1a;background:#fff}label{display:block;margin:.8rem 0}input{display:block;"
    "width:100%;box-sizing:border-box;font:inherit;padding:.5rem}button{font:inherit;"
    "padding:.5rem 1.5rem;margin:.8rem .8rem 0 0}dt{font-weight:600}dd{margin:0 0 .6rem}"
    "[role=alert]{border-left:4px solid #b00020;padding-left:.8rem}";

// Nothing but this style, whose hash stands for it; forms go nowhere else, and no other page
// frames it.
const std::string &policy() {
    static const std::string text = "default-src 'none'; style-src 'sha256-" +
                                    base64_encode(sha256(style)) +
                                    "'; form-action 'self'; base-uri 'none'; "
                                    "frame-ancestors 'none'";
    return text;
}

std::string escaped(std::string_view text) {
    constexpr std::string_view special = "&<>\"'";
    constexpr const char *entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    std::string out;
    for (const char c : text) {
        if (const std::size_t at = special.find(c); at != special.npos)
            out += entities[at];
        else
            out += c;
    }
    return out;
}

Response page(int status, std::string_view title, const std::string &content) {
    Response response;
    response.status = status;
    response.content_type = "text/html; charset=utf-8";
    response.body = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>" +
                    escaped(title) + "</title>\n<style>" + std::string(style) +
                    "</style>\n</head>\n<body>\n<main>\n<h1>" + escaped(title) + "</h1>\n" +
                    content + "</main>\n</body>\n</html>\n";
    // without an origin no browser would say that a form is of this site
    return response.set("Content-Security-Policy", policy())
        .set("Referrer-Policy", "same-origin")
        .set("Cross-Origin-Opener-Policy", "same-origin")
        .set("Cross-Origin-Resource-Policy", "same-origin");
}

std::string alert(std::string_view said) {
    return said.empty() ? std::string() : "<p role=\"alert\">" + escaped(said) + "</p>\n";
}

std::string hidden(std::string_view name, std::string_view value) {
    return "<input type=\"hidden\" name=\"" + std::string(name) + "\" value=\"" + escaped(value) +
           "\">\n";
}

std::string text_of(const json::Value &object, std::string_view name) {
    const json::Value value = object.find(name);
    return value.is_string() ? std::string(value.as_string()) : std::string();
}

} // namespace

Response sign_in_page(int status, std::string_view user_code, std::string_view email,
                      std::string_view said) {
    return page(
        status, "Let a device in",
        alert(said) +
            "<p>Type the code that your device shows, and sign in. Go on only if you have just "
            "started this yourself.</p>\n<form method=\"post\" action=\"/oauth/device\">\n"
            "<label>Code <input name=\"user_code\" required autocomplete=\"off\" "
            "autocapitalize=\"characters\" spellcheck=\"false\" maxlength=\"32\" value=\"" +
            escaped(user_code) +
            "\"></label>\n<label>Email <input name=\"email\" type=\"email\" required "
            "autocomplete=\"username\" value=\"" +
            escaped(email) +
            "\"></label>\n<label>Password <input name=\"password\" type=\"password\" required "
            "autocomplete=\"current-password\"></label>\n<button>Go on</button>\n</form>\n");
}

Response decision_page(std::string_view told, std::string_view user_code) {
    json::Document document;
    if (!json::try_parse(document, told))
        return last_page(500, "Internal error");
    const json::Value root = document.root();
    std::string scopes, shown; // shown: what is let in, whatever the application may have then
    const json::Value list = root.find("scopes");
    if (list.is_array())
        for (const json::Value scope : list.elements()) {
            scopes += "<li><code>" + escaped(scope.as_string()) + "</code></li>\n";
            shown.append(shown.empty() ? "" : " ").append(scope.as_string());
        }
    const std::string ip = text_of(root, "ip");
    return page(
        200, "Let this device in?",
        "<p>You are <strong>" + escaped(text_of(root, "email")) +
            "</strong>. If you let it in, it acts as you.</p>\n<dl>\n<dt>Application</dt><dd>" +
            escaped(text_of(root, "client")) + " (<code>" + escaped(text_of(root, "clientId")) +
            "</code>)</dd>\n<dt>Code</dt><dd><code>" + escaped(user_code) +
            "</code></dd>\n<dt>Asked from</dt><dd>" +
            escaped(ip.empty() ? std::string("an unknown address") : ip) + ", " +
            escaped(text_of(root, "createdAt")) + "</dd>\n<dt>It may</dt><dd>" +
            (scopes.empty() ? std::string("nothing that needs a scope")
                            : "<ul>\n" + scopes + "</ul>") +
            "</dd>\n</dl>\n<form method=\"post\" action=\"/oauth/device/decision\">\n" +
            hidden("token", text_of(root, "token")) + hidden("user_code", user_code) +
            hidden("scopes", shown) +
            "<button name=\"decision\" value=\"approve\">Let it in</button>\n"
            "<button name=\"decision\" value=\"deny\">Do not</button>\n</form>\n");
}

Response last_page(int status, std::string_view said) {
    return page(status, status == 200 ? "Done" : "This did not work",
                "<p role=\"" + std::string(status == 200 ? "status" : "alert") + "\">" +
                    escaped(said) + "</p>\n");
}

std::string message_of(std::string_view body) {
    json::Document document;
    if (!json::try_parse(document, body) || !document.root().is_object())
        return {};
    return text_of(document.root(), "message");
}

} // namespace pg_principal::oauth
