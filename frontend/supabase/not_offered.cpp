// Flows of Supabase Auth that are not offered here: mail, text messages, other providers, second
// factors. Their clients get the refusal that a server without them gives.
#include "core/principals/email.hpp"
#include "supabase/fields.hpp"
#include "supabase/routes.hpp"

namespace pg_principal::supabase {

using namespace http;

namespace {

struct Refused {
    const char *method, *path;
    Caller caller;
    int status;
    const char *code, *message;
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

constexpr const char *no_mail = "This server sends no email";

constexpr Refused refused[] = {
    {"POST", "/invite", Caller::admin, 422, "email_provider_disabled", no_mail, judge_email},
    {"POST", "/admin/generate_link", Caller::admin, 422, "email_provider_disabled", no_mail,
     judge_email},
    {"POST", "/magiclink", Caller::anybody, 422, "email_provider_disabled",
     "Login with magic link is disabled"},
    {"POST", "/otp", Caller::anybody, 422, "otp_disabled", "Signups not allowed for otp"},
    {"POST", "/recover", Caller::anybody, 400, "email_provider_disabled", no_mail},
    {"POST", "/resend", Caller::anybody, 400, "email_provider_disabled", no_mail},
    {"GET", "/verify", Caller::anybody, 403, "otp_expired", "Token has expired or is invalid",
     nullptr, open},
    {"POST", "/verify", Caller::anybody, 403, "otp_expired", "Token has expired or is invalid",
     judge_address, open},
    {"GET", "/reauthenticate", Caller::signed_in, 422, "email_provider_disabled", no_mail},
    {"GET", "/authorize", Caller::anybody, 400, "validation_failed",
     "Unsupported provider: provider is not enabled", nullptr, open},
    {"GET", "/callback", Caller::anybody, 400, "bad_oauth_callback",
     "Unsupported provider: provider is not enabled", nullptr, open},
    {"POST", "/callback", Caller::anybody, 400, "bad_oauth_callback",
     "Unsupported provider: provider is not enabled", nullptr, open},
    {"POST", "/sso", Caller::anybody, 404, "saml_provider_disabled", "SAML 2.0 is disabled"},
    {"GET", "/sso/saml/metadata", Caller::anybody, 404, "saml_provider_disabled",
     "SAML 2.0 is disabled", nullptr, open},
    {"POST", "/sso/saml/acs", Caller::anybody, 404, "saml_provider_disabled",
     "SAML 2.0 is disabled", nullptr, open},
    {"GET", "/admin/sso/providers", Caller::admin, 404, "saml_provider_disabled",
     "SAML 2.0 is disabled"},
    {"POST", "/admin/sso/providers", Caller::admin, 404, "saml_provider_disabled",
     "SAML 2.0 is disabled"},
    {"GET", "/admin/sso/providers/:id", Caller::admin, 404, "saml_provider_disabled",
     "SAML 2.0 is disabled"},
    {"PUT", "/admin/sso/providers/:id", Caller::admin, 404, "saml_provider_disabled",
     "SAML 2.0 is disabled"},
    {"DELETE", "/admin/sso/providers/:id", Caller::admin, 404, "saml_provider_disabled",
     "SAML 2.0 is disabled"},
    {"GET", "/user/identities/authorize", Caller::signed_in, 404, "manual_linking_disabled",
     "Manual linking is disabled"},
    {"DELETE", "/user/identities/:id", Caller::signed_in, 404, "manual_linking_disabled",
     "Manual linking is disabled"},
    {"POST", "/factors", Caller::signed_in, 422, "mfa_totp_enroll_not_enabled",
     "MFA enroll is disabled for TOTP"},
    {"POST", "/factors/:id/challenge", Caller::signed_in, 404, "mfa_factor_not_found",
     "Factor not found"},
    {"POST", "/factors/:id/verify", Caller::signed_in, 404, "mfa_factor_not_found",
     "Factor not found"},
    {"DELETE", "/factors/:id", Caller::signed_in, 404, "mfa_factor_not_found", "Factor not found"},
    {"PUT", "/admin/users/:id/factors/:factor", Caller::admin, 404, "mfa_factor_not_found",
     "Factor not found"},
    {"DELETE", "/admin/users/:id/factors/:factor", Caller::admin, 404, "mfa_factor_not_found",
     "Factor not found"},
    {"GET", "/passkeys", Caller::signed_in, 404, "passkey_disabled", "Passkeys are disabled"},
    {"POST", "/passkeys/authentication/options", Caller::anybody, 404, "passkey_disabled",
     "Passkeys are disabled"},
    {"POST", "/passkeys/authentication/verify", Caller::anybody, 404, "passkey_disabled",
     "Passkeys are disabled"},
    {"POST", "/passkeys/registration/options", Caller::signed_in, 404, "passkey_disabled",
     "Passkeys are disabled"},
    {"POST", "/passkeys/registration/verify", Caller::signed_in, 404, "passkey_disabled",
     "Passkeys are disabled"},
    {"PATCH", "/passkeys/:id", Caller::signed_in, 404, "passkey_disabled", "Passkeys are disabled"},
    {"DELETE", "/passkeys/:id", Caller::signed_in, 404, "passkey_disabled",
     "Passkeys are disabled"},
    {"DELETE", "/admin/users/:id/passkeys/:passkey", Caller::admin, 404, "passkey_disabled",
     "Passkeys are disabled"},
    {"GET", "/admin/users/:id/passkeys", Caller::admin, 404, "passkey_disabled",
     "Passkeys are disabled"},
    {"GET", "/user/oauth/grants", Caller::signed_in, 404, "feature_disabled",
     "OAuth server is disabled"},
    {"DELETE", "/user/oauth/grants", Caller::signed_in, 404, "feature_disabled",
     "OAuth server is disabled"},
    {"GET", "/admin/oauth/clients", Caller::admin, 404, "feature_disabled",
     "OAuth server is disabled"},
    {"POST", "/admin/oauth/clients", Caller::admin, 404, "feature_disabled",
     "OAuth server is disabled"},
    {"GET", "/admin/oauth/clients/:id", Caller::admin, 404, "feature_disabled",
     "OAuth server is disabled"},
    {"PUT", "/admin/oauth/clients/:id", Caller::admin, 404, "feature_disabled",
     "OAuth server is disabled"},
    {"DELETE", "/admin/oauth/clients/:id", Caller::admin, 404, "feature_disabled",
     "OAuth server is disabled"},
    {"POST", "/admin/oauth/clients/:id/regenerate_secret", Caller::admin, 404, "feature_disabled",
     "OAuth server is disabled"},
    {"GET", "/oauth/authorizations/:id", Caller::signed_in, 404, "feature_disabled",
     "OAuth server is disabled"},
    {"POST", "/oauth/authorizations/:id/consent", Caller::signed_in, 404, "feature_disabled",
     "OAuth server is disabled"},
    {"GET", "/admin/custom-providers", Caller::admin, 404, "feature_disabled",
     "Custom OAuth providers are disabled"},
    {"POST", "/admin/custom-providers", Caller::admin, 404, "feature_disabled",
     "Custom OAuth providers are disabled"},
    {"GET", "/admin/custom-providers/:id", Caller::admin, 404, "feature_disabled",
     "Custom OAuth providers are disabled"},
    {"PUT", "/admin/custom-providers/:id", Caller::admin, 404, "feature_disabled",
     "Custom OAuth providers are disabled"},
    {"DELETE", "/admin/custom-providers/:id", Caller::admin, 404, "feature_disabled",
     "Custom OAuth providers are disabled"},
    {"GET", "/admin/audit", Caller::admin, 404, "feature_disabled", "The audit is at /api/audits"},
};

} // namespace

void add_refused_routes(Routes &routes) {
    for (const Refused &one : refused) {
        const auto refuse_it = [&one](const api::Backend &, const Request &request) -> Response {
            if (one.judge)
                one.judge(Body(request, Body::May::be_empty));
            throw Refusal{one.status, one.code, one.message};
        };
        const api::Row row = {
            one.method, one.path, one.caller,
            "",         nullptr,  R"({"$ref":"#/components/schemas/SupabaseError"})",
            {},         "",       one.status};
        Route made = routes.route_by_itself(row, refuse_it, one.key);
        made.summary = std::string("Not offered: ") + one.message;
        routes.add(std::move(made));
    }
}

} // namespace pg_principal::supabase
