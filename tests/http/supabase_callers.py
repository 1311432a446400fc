"""Every route below the prefix against every kind of caller. A route that is in the server's table and not here fails."""

import json
import uuid

from api import FAST, PASSWORD, account, sql
from supabase import PREFIX, VERSION, go, key, session
from wire import Server, ask, equal, main

CALLERS = ["none", "garbage", "expired", "banned", "READ_ONLY", "ANALYST", "AUDITOR", "ADMIN",
    "anon", "service_role"]
NOBODY, DEAD = ["no_authorization"], ["bad_jwt", "bad_jwt", "user_banned"]


def signed_in(told):
    return NOBODY + DEAD + [told] * 4 + ["bad_jwt"] * 2


def auditor(told):
    return NOBODY + DEAD + ["not_admin"] * 2 + [told] * 2 + ["not_admin", told]


def admin(told):
    return NOBODY + DEAD + ["not_admin"] * 3 + [told, "not_admin", told]


def all_alike(told):
    return [told] * 10


def with_any_token(told):
    """Refused whoever asks: nobody is asked about in the database."""
    return NOBODY + [told] * 9


# (method, pattern): query, body, and what each caller is told: a status that is no refusal, or the code of one
def table():
    def fresh():
        return {"email": f"{uuid.uuid4()}@example.com", "password": PASSWORD}

    mail, no_factor, saml, passkeys = "email_provider_disabled", "mfa_factor_not_found", "saml_provider_disabled", "passkey_disabled"
    wrong = {"email": "nobody@example.com", "password": "x"}
    routes = {
        ("GET", "/health"): ("", None, all_alike(200)),
        ("GET", "/settings"): ("", None, all_alike(200)),
        ("GET", "/.well-known/jwks.json"): ("", None, all_alike(200)),
        ("GET", "/.well-known/openid-configuration"): ("", None, all_alike(200)),
        ("POST", "/signup"): ("", fresh, all_alike("signup_disabled")),
        ("POST", "/token"): ("?grant_type=password", lambda: wrong,
        all_alike("invalid_credentials")),
        ("GET", "/user"): ("", None, signed_in(200)),
        ("PUT", "/user"): ("", lambda: {"data": {"a": 1}}, signed_in(200)),
        ("GET", "/admin/users"): ("", None, auditor(200)),
        ("POST", "/admin/users"): ("", fresh, admin(200)),
        ("GET", "/admin/users/:id"): ("", None, auditor(200)),
        ("GET", "/admin/users/:id/factors"): ("", None, auditor(200)),
        ("PUT", "/admin/users/:id"): ("", lambda: {"user_metadata": {"a": 1}}, admin(200)),
        ("DELETE", "/admin/users/:id"): ("", None, admin(200)),
        # last of those that are served: it ends the sessions that the others ask with
        ("POST", "/logout"): ("", None, signed_in(204)),
    }
    for code, asked in {
            mail: "POST /magiclink, POST /recover, POST /resend", "otp_disabled": "POST /otp",
            "otp_expired": "GET /verify, POST /verify",
            "validation_failed": "GET /authorize",
            "bad_oauth_callback": "GET /callback, POST /callback",
            saml: "POST /sso, GET /sso/saml/metadata, POST /sso/saml/acs",
            passkeys: "POST /passkeys/authentication/options, POST /passkeys/authentication/verify"}.items():
        for route in asked.split(", "):
            routes[tuple(route.split(" "))] = ("", None, all_alike(code))
    for code, asked in {
            mail: "POST /invite, POST /admin/generate_link, GET /reauthenticate",
            saml: "GET /admin/sso/providers, POST /admin/sso/providers, GET /admin/sso/providers/:id, PUT /admin/sso/providers/:id, "
                  "DELETE /admin/sso/providers/:id",
            "manual_linking_disabled": "GET /user/identities/authorize, DELETE /user/identities/:id",
            "mfa_totp_enroll_not_enabled": "POST /factors",
            no_factor: "POST /factors/:id/challenge, POST /factors/:id/verify, DELETE /factors/:id, PUT /admin/users/:id/factors/:factor, "
                       "DELETE /admin/users/:id/factors/:factor",
            passkeys: "GET /passkeys, POST /passkeys/registration/options, POST /passkeys/registration/verify, PATCH /passkeys/:id, DELETE /passkeys/:id, "
                      "GET /admin/users/:id/passkeys, DELETE /admin/users/:id/passkeys/:passkey",
            "feature_disabled": "GET /user/oauth/grants, DELETE /user/oauth/grants, GET /admin/oauth/clients, POST /admin/oauth/clients, "
                                "GET /admin/oauth/clients/:id, PUT /admin/oauth/clients/:id, DELETE /admin/oauth/clients/:id, "
                                "POST /admin/oauth/clients/:id/regenerate_secret, GET /oauth/authorizations/:id, POST /oauth/authorizations/:id/consent, "
                                "GET /admin/custom-providers, POST /admin/custom-providers, GET /admin/custom-providers/:id, "
                                "PUT /admin/custom-providers/:id, DELETE /admin/custom-providers/:id, GET /admin/audit"}.items():
        for route in asked.split(", "):
            routes[tuple(route.split(" "))] = ("", None, with_any_token(code))
    return routes


def callers(server):
    tokens = {"none": None, "garbage": "eyJhbGciOiJub25lIn0.e30.", "anon": key("anon"),
        "service_role": key("service_role")}
    for role in ["READ_ONLY", "ANALYST", "AUDITOR", "ADMIN"]:
        tokens[role] = session(server, account(role)["email"])["access_token"]
    outcast = account("ADMIN")
    tokens["banned"] = session(server, outcast["email"])["access_token"]
    sql("SELECT auth.ban(:'email')", email=outcast["email"])
    return tokens


def delegated(server):
    """A token of an ADMIN for whom an agent acts."""
    person, agent = account("ADMIN"), account(kind="service_account")
    sql("SELECT auth.set_client_scopes(:'agent', '{read}'), auth.delegate(:'person', :'agent', '1d', '{read}')",
        person=person["email"], agent=agent["email"])
    return sql("""SELECT (auth.oauth_token(jsonb_build_object('grant_type', 'urn:ietf:params:oauth:grant-type:token-exchange', 'subject_token', :'person',
        'subject_token_type', 'urn:ietf:params:oauth:token-type:access_token', 'actor_token', :'agent',
        'actor_token_type', 'urn:ietf:params:oauth:token-type:access_token'))).payload->>'access_token'""",
               person=session(server, person["email"])["access_token"],
               agent=session(server, agent["email"])["access_token"])


def path_of(method, pattern, who):
    """Whoever may delete a user gets one of their own."""
    if (method, pattern) == ("DELETE", "/admin/users/:id"):
        who = account()
    return pattern.replace(":factor", who["id"]).replace(":passkey", who["id"]).replace(":id",
        who["id"])


def told(answer):
    return answer.status if answer.status < 300 else answer.json["code"]


def every_route():
    sql("ALTER ROLE web SET pg_principal.clock_skew = 0")  # no grace for what has expired
    with Server(*FAST, env={"AUTH_ACCESS_TOKEN_TTL": "1"}) as short:
        expired = session(short, account("ADMIN")["email"])["access_token"]
        sql("SELECT pg_sleep(2.1)")
    with Server(*FAST) as server:
        tokens, who = {**callers(server), "expired": expired}, account()
        documented = json.loads(ask(server.port, "/openapi.json")[2])["paths"]
        served = {(method.upper(), path[len(PREFIX):].replace("{", ":").replace("}", ""))
                  for path, methods in documented.items() if path.startswith(PREFIX + "/")
                  for method in methods}
        routes = table()
        equal("the table has every route", sorted(served), sorted(routes))
        newer = [f"X-Supabase-Api-Version: {VERSION}"]
        for (method, pattern), (query, body, wanted) in routes.items():
            got = []
            for caller in CALLERS:
                answer = go(server, method, path_of(method, pattern, who) + query, body() if body
                    else None, tokens[caller], headers=newer)
                got.append(told(answer))
            equal(f"{method} {pattern}", dict(zip(CALLERS, got)), dict(zip(CALLERS, wanted)))
        for caller in ("anon", "service_role"):  # as apikey and nothing else
            for (method, pattern), (query, body, wanted) in routes.items():
                answer = go(server, method, path_of(method, pattern, who) + query, body() if body
                    else None, apikey=tokens[caller], headers=newer)
                is_for_users = wanted[0] == NOBODY[0] and not pattern.startswith(
                    "/admin/") and pattern != "/invite"
                equal(f"{method} {pattern} with {caller} as apikey alone", told(answer),
                      NOBODY[0] if is_for_users else wanted[CALLERS.index(caller)])
        acting = delegated(server)
        told_agent = {told(go(server, method, path_of(method, pattern, who) + query, body() if body
            else None, acting, headers=newer)): f"{method} {pattern}"
                      for (method, pattern), (query, body, _) in routes.items() if method != "GET"}
        equal("an agent that acts for an ADMIN changes nothing there, and is told so",
            told(go(server, "PUT", "/user", {"data": {"a": 1}}, acting, headers=newer)), NOBODY[0])
        equal("by a code that this dialect has", told_agent.get("unknown"), None)
    sql("ALTER ROLE web RESET pg_principal.clock_skew")


sql("SELECT auth.add_user('{\"email\": \"first@example.com\"}')")  # so that nobody may register
main(every_route)
