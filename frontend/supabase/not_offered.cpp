// Flows of Supabase Auth that are not offered here: mail, text messages, other providers, second
// factors. Their clients get the refusal that a server without them gives.
#include "base/text.hpp"
#include "core/principals/email.hpp"
#include "supabase/fields.hpp"
#include "supabase/routes.hpp"

namespace pg_principal::supabase {

using namespace http;

namespace {

struct Reply {
    int status;
    const char *code, *message;
};

struct Refused {
    const char *methods, *path;
    Caller caller;
    const Reply &reply;
    void (*judge)(const Body &) =
        nullptr; // what is refused before, as it is where they are offered
    Routes::Key key = Routes::Key::required;
};

void judge_email(const Body &body) {
    const std::string email = body.text("email");
    if (!email.empty() && check_email(normalise_email(email)))
        throw bad_email();
}

void judge_address(const Body &body) {
    judge_email(body);
    std::string phone = body.text("phone");
    if (phone.empty())
        return;
    if (phone.front() == '+')
        phone.erase(0, 1);
    if (phone.size() < 2 || phone.size() > 15 || phone.front() == '0' ||
        phone.find_first_not_of("0123456789") != phone.npos)
        throw Refusal{400, "validation_failed", "Invalid phone number format (E.164 required)"};
}

constexpr Routes::Key open = Routes::Key::open;

constexpr Reply no_mail{422, "email_provider_disabled", "This server sends no email"};
constexpr Reply no_magic_link{422, "email_provider_disabled", "Login with magic link is disabled"};
constexpr Reply no_otp{422, "otp_disabled", "Signups not allowed for otp"};
constexpr Reply no_recovery{400, "email_provider_disabled", "This server sends no email"};
constexpr Reply no_such_otp{403, "otp_expired", "Token has expired or is invalid"};
constexpr Reply no_provider{400, "validation_failed",
                            "Unsupported provider: provider is not enabled"};
constexpr Reply no_callback{400, "bad_oauth_callback",
                            "Unsupported provider: provider is not enabled"};
constexpr Reply no_saml{404, "saml_provider_disabled", "SAML 2.0 is disabled"};
constexpr Reply no_linking{404, "manual_linking_disabled", "Manual linking is disabled"};
constexpr Reply no_totp{422, "mfa_totp_enroll_not_enabled", "MFA enroll is disabled for TOTP"};
constexpr Reply no_factor{404, "mfa_factor_not_found", "Factor not found"};
constexpr Reply no_passkeys{404, "passkey_disabled", "Passkeys are disabled"};
constexpr Reply no_oauth_server{404, "feature_disabled", "OAuth server is disabled"};
constexpr Reply no_custom_providers{404, "feature_disabled", "Custom OAuth providers are disabled"};
constexpr Reply audit_elsewhere{404, "feature_disabled", "The audit is at /api/audits"};

constexpr Refused refused[] = {
    {"POST", "/invite", Caller::admin, no_mail, judge_email},
    {"POST", "/admin/generate_link", Caller::admin, no_mail, judge_email},
    {"POST", "/magiclink", Caller::anybody, no_magic_link},
    {"POST", "/otp", Caller::anybody, no_otp},
    {"POST", "/recover", Caller::anybody, no_recovery},
    {"POST", "/resend", Caller::anybody, no_recovery},
    {"GET", "/verify", Caller::anybody, no_such_otp, nullptr, open},
    {"POST", "/verify", Caller::anybody, no_such_otp, judge_address, open},
    {"GET", "/reauthenticate", Caller::signed_in, no_mail},
    {"GET", "/authorize", Caller::anybody, no_provider, nullptr, open},
    {"GET POST", "/callback", Caller::anybody, no_callback, nullptr, open},
    {"POST", "/sso", Caller::anybody, no_saml},
    {"GET", "/sso/saml/metadata", Caller::anybody, no_saml, nullptr, open},
    {"POST", "/sso/saml/acs", Caller::anybody, no_saml, nullptr, open},
    {"GET POST", "/admin/sso/providers", Caller::admin, no_saml},
    {"GET PUT DELETE", "/admin/sso/providers/:id", Caller::admin, no_saml},
    {"GET", "/user/identities/authorize", Caller::signed_in, no_linking},
    {"DELETE", "/user/identities/:id", Caller::signed_in, no_linking},
    {"POST", "/factors", Caller::signed_in, no_totp},
    {"POST", "/factors/:id/challenge", Caller::signed_in, no_factor},
    {"POST", "/factors/:id/verify", Caller::signed_in, no_factor},
    {"DELETE", "/factors/:id", Caller::signed_in, no_factor},
    {"PUT DELETE", "/admin/users/:id/factors/:factor", Caller::admin, no_factor},
    {"GET", "/passkeys", Caller::signed_in, no_passkeys},
    {"POST", "/passkeys/authentication/options", Caller::anybody, no_passkeys},
    {"POST", "/passkeys/authentication/verify", Caller::anybody, no_passkeys},
    {"POST", "/passkeys/registration/options", Caller::signed_in, no_passkeys},
    {"POST", "/passkeys/registration/verify", Caller::signed_in, no_passkeys},
    {"PATCH DELETE", "/passkeys/:id", Caller::signed_in, no_passkeys},
    {"DELETE", "/admin/users/:id/passkeys/:passkey", Caller::admin, no_passkeys},
    {"GET", "/admin/users/:id/passkeys", Caller::admin, no_passkeys},
    {"GET DELETE", "/user/oauth/grants", Caller::signed_in, no_oauth_server},
    {"GET POST", "/admin/oauth/clients", Caller::admin, no_oauth_server},
    {"GET PUT DELETE", "/admin/oauth/clients/:id", Caller::admin, no_oauth_server},
    {"POST", "/admin/oauth/clients/:id/regenerate_secret", Caller::admin, no_oauth_server},
    {"GET", "/oauth/authorizations/:id", Caller::signed_in, no_oauth_server},
    {"POST", "/oauth/authorizations/:id/consent", Caller::signed_in, no_oauth_server},
    {"GET POST", "/admin/custom-providers", Caller::admin, no_custom_providers},
    {"GET PUT DELETE", "/admin/custom-providers/:id", Caller::admin, no_custom_providers},
    {"GET", "/admin/audit", Caller::admin, audit_elsewhere},
};

} // namespace

void add_refused_routes(Routes &routes) {
    for (const Refused &one : refused) {
        const auto refuse_it = [&one](const api::Backend &, const Request &request) -> Response {
            if (one.judge)
                one.judge(Body(request, api::Need::optional));
            throw Refusal{one.reply.status, one.reply.code, one.reply.message};
        };
        const api::Row row = {"", one.path, one.caller,      "", {}, "SupabaseError",
                              {}, "",       one.reply.status};
        Route made = routes.route(row, refuse_it, one.key, false);
        made.summary = std::string("Not offered: ") + one.reply.message;
        for (const std::string_view method : split(one.methods, ' ')) {
            made.method = method;
            routes.add(made);
        }
    }
}

} // namespace pg_principal::supabase
