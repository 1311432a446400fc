"""Supabase Auth's wire shapes: registration, sessions, one's own user, signing out, bodies."""

import base64
import json
import re
import time

from api import FAST, PASSWORD, account, call, sql
from supabase import IDENTITY, SESSION, USER, brief, go, is_live, key, refresh, refused, session, setting
from wire import Server, equal, main, ok

NEW = "An0ther!Password"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
SYMBOLS = "!@#$%^&*()_+-=[]{};'\\:\"|<>?,./`~"
MISSING = (400, "validation_failed")


def claims_of(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def registration():
    def closed(server):
        return go(server, "GET", "/settings").json["disable_signup"]

    with Server(*FAST) as server:
        settings = go(server, "GET", "/settings").json
        equal("/settings of an empty database", (settings["disable_signup"],
            settings["mailer_autoconfirm"], settings["saml_enabled"],
                                                 [name for name, on in settings["external"].items()
                                                 if on]),
              (False, False, False, ["email"]))
        first = go(server, "POST", "/signup", {"email": " First@Example.COM ", "password": PASSWORD,
            "data": {"name": "Ada", "x": [1]},
                                               "gotrue_meta_security": {}, "code_challenge": None,
                                               "code_challenge_method": None})
        equal("the first to register: a session", (first.status, set(first.json),
            first.json["token_type"], first.json["expires_in"]),
              (200, SESSION, "bearer", 900))
        user = first.json["user"]
        equal("of an administrator", (user["email"], user["app_metadata"], user["user_metadata"]),
              ("first@example.com", {"provider": "email", "providers": ["email"],
              "pg_principal": {"kind": "person", "role": "ADMIN"}},
               {"name": "Ada", "x": [1]}))
        ok("expires_at is a time", abs(first.json["expires_at"] - time.time() - 900) < 60,
            first.json["expires_at"])
        ok("the tokens live", is_live(server, first.json) == (True, True))
        new = {"email": "second@example.com", "password": PASSWORD}
        refused("nobody after that", server, "POST", "/signup", new,
            (422, "signup_disabled", "Signups not allowed for this instance"))
        ok("/settings follow", closed(server))
    setting("registration", "open")
    with Server(*FAST) as server:
        ok("open: /settings too", not closed(server))
        answer = go(server, "POST", "/signup", new)
        equal("an analyst",
            (answer.status, answer.json["user"]["app_metadata"]["pg_principal"]["role"],
            answer.json["user"]["user_metadata"]),
              (200, "ANALYST", {}))
        refused("taken", server, "POST", "/signup", {**new, "email": "SECOND@example.com"},
                (422, "user_already_exists", "User already registered"))
        for name, body, wanted in [
                ("no email", {"password": PASSWORD, "data": {}},
                (422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled")),
                ("nothing", {}, (422, "anonymous_provider_disabled",
                "Anonymous sign-ins are disabled")),
                ("a phone", {"phone": "123456789", "password": PASSWORD},
                (400, "phone_provider_disabled", "Phone signups are disabled")),
                ("no password", {"email": "x@example.com"},
                (*MISSING, "Signup requires a valid password")),
                ("no address", {"email": "x", "password": PASSWORD},
                (*MISSING, "Unable to validate email address: invalid format")),
                ("data that is none", {**new, "data": "x"},
                (400, "bad_json", "data must be an object")),
                ("a number", {**new, "email": 1}, (400, "bad_json", "email must be a string"))]:
            refused(f"sign up with {name}", server, "POST", "/signup", body, wanted)
        lacks = f"Password should contain at least one character of each: ABCDEFGHIJKLMNOPQRSTUVWXYZ, 0123456789, {SYMBOLS}."
        for password, reasons, text in [
                ("short", ["length", "characters"],
                f"Password should be at least 12 characters. {lacks}"),
                ("alllowercaseletters", ["characters"], lacks),
                ("A" * 200 + "\x01", ["characters", "length"],
                "Password must not have control characters. Password cannot be longer than "
                 "128 characters. Password should contain at least one character of each: abcdefghijklmnopqrstuvwxyz, 0123456789, "
                 + SYMBOLS + "."),
                ("Aa1!" * 300, ["length"], None)]:
            weak = go(server, "POST", "/signup", {"email": "weak@example.com",
                "password": password})
            equal(f"weak password {password[:8]}", (brief(weak)[:2], weak.json["weak_password"]),
                  ((422, "weak_password"), {"reasons": reasons}))
            if text:
                equal("and its text", weak.json["msg"], text)
        weak = go(server, "POST", "/signup", {"email": "weak@example.com", "password": "x"},
            headers=["X-Supabase-Api-Version: 2024-01-01"])
        equal("also in the newer shape", sorted(weak.json), ["code", "message", "weak_password"])
        big = go(server, "POST", "/signup", {**new, "email": "big@example.com",
            "data": {"x": "y" * 5000}})
        equal("data that would not fit into a token", brief(big),
            (*MISSING, "user_metadata has more than 4096 bytes"))
        extra = go(server, "POST", "/signup", {"email": "extra@example.com", "password": PASSWORD,
            "role": "service_role", "aud": "x",
                                               "app_metadata": {"role": "ADMIN"},
                                               "email_confirm": True, "data": None})
        equal("what strangers may not say is no matter",
            (extra.status, extra.json["user"]["app_metadata"]["pg_principal"]["role"],
                                                          "email_confirmed_at" in extra.json[
                                                          "user"]), (200, "ANALYST", False))
    setting("registration", "off")
    with Server(*FAST) as server:
        ok("off", closed(server) and go(server, "POST", "/signup",
            {**new, "email": "z@example.com"}).status == 422)
    setting("registration", None)


def passwords():
    token = "/token?grant_type=password"
    with Server(*FAST) as server:
        who = account(email="reader@example.com")
        answer = go(server, "POST", token, {"email": " Reader@Example.COM", "password": PASSWORD,
            "gotrue_meta_security": {}})
        equal("sign in, in any case", (answer.status, set(answer.json), answer.json["user"]["id"]),
            (200, SESSION, who["id"]))
        user, claims = answer.json["user"], claims_of(answer.json["access_token"])
        equal("a user's members", set(user), USER | {"last_sign_in_at"})
        ok("its times", all(TIME.fullmatch(user[name]) for name in ("created_at", "updated_at",
            "last_sign_in_at")), user)
        equal("and the rest", (user["aud"], user["role"], user["phone"], user["is_anonymous"]),
            ("authenticated", "authenticated", "", False))
        identity = user["identities"][0]
        equal("one identity", (len(user["identities"]), set(identity), identity["provider"],
            identity["user_id"], identity["identity_data"]),
              (1, IDENTITY, "email", who["id"],
               {"sub": who["id"], "email": who["email"], "email_verified": False,
               "phone_verified": False}))
        equal("the token says the same", [claims[name] for name in ("sub", "email", "role", "aud",
            "app_metadata", "user_metadata")],
              [who["id"], who["email"], "authenticated", "authenticated", user["app_metadata"], {}])
        equal("and when it ends", claims["exp"] - claims["iat"], answer.json["expires_in"])
        wrong = (400, "invalid_credentials", "Invalid login credentials")
        for name, body, wanted in [
                ("a wrong password", {"email": who["email"], "password": "wrong"}, wrong),
                ("no password", {"email": who["email"]}, wrong),
                ("an unknown email", {"email": "nobody@example.com", "password": PASSWORD}, wrong),
                ("no email", {"password": PASSWORD}, (*MISSING, "missing email or phone")),
                ("null", {"email": None, "password": None}, (*MISSING, "missing email or phone")),
                ("a phone", {"phone": "1", "password": PASSWORD}, (422, "phone_provider_disabled",
                "Phone logins are disabled")),
                ("a number", {"email": who["email"], "password": 1},
                (400, "bad_json", "password must be a string"))]:
            refused(f"sign in with {name}", server, "POST", token, body, wanted)
        for query, wanted in [
                ("", (400, "invalid_credentials", "unsupported_grant_type")),
                ("?grant_type=", (400, "invalid_credentials", "unsupported_grant_type")),
                ("?grant_type=x", (400, "invalid_credentials", "unsupported_grant_type")),
                ("?grant_type=id_token", (400, "provider_disabled", "Provider is not enabled")),
                ("?grant_type=pkce", (404, "flow_state_not_found",
                "invalid flow state, no valid flow state found")),
                ("?grant_type=web3", (422, "web3_provider_disabled", "Web3 provider is disabled")),
                ("?grant_type=password&grant_type=password",
                (*MISSING, "grant_type is given more than once")),
                ("?grant_type=%ff", (*MISSING, "The query cannot be decoded"))]:
            refused(f"/token{query}", server, "POST", "/token" + query,
                {"email": who["email"], "password": PASSWORD}, wanted)
        sql("SELECT auth.ban(:'email')", email=who["email"])
        refused("banned", server, "POST", token, {"email": who["email"], "password": PASSWORD},
            (400, "user_banned", "User is banned"))
        refused("told only to who knows the password", server, "POST", token,
            {"email": who["email"], "password": "wrong"}, wrong)


def refreshing():
    with Server(*FAST, env={"AUTH_ACCESS_TOKEN_TTL": "60"}) as server:
        who = account(email="sync-agent@example.com")
        first = session(server, who["email"])
        equal("as long as asked for", first["expires_in"], 60)
        second = refresh(server, first["refresh_token"])
        equal("a refresh is a session", (second.status, set(second.json),
            second.json["user"]["id"]), (200, SESSION, who["id"]))
        equal("a retry gives the same successor",
            refresh(server, first["refresh_token"]).json["refresh_token"],
            second.json["refresh_token"])
        unknown = (400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
        for name, token in {"an access token": first["access_token"], "nonsense": "x",
                "a line": "a\nb"}.items():
            refused(name, server, "POST", "/token?grant_type=refresh_token",
                {"refresh_token": token}, unknown)
        for body in ({}, {"refresh_token": ""}, {"refresh_token": None}):
            refused(f"{body}", server, "POST", "/token?grant_type=refresh_token", body,
                (*MISSING, "Refresh token is not valid"))
        third = refresh(server, second.json["refresh_token"]).json
        equal("the access tokens go on",
            [go(server, "GET", "/user", token=kept["access_token"]).status for kept in (first,
            second.json, third)], [200] * 3)
        equal("reuse is refused", brief(refresh(server, first["refresh_token"])), unknown)
        equal("and ends the session", is_live(server, third), (False, False))
        equal("told to its holder", brief(go(server, "GET", "/user", token=third["access_token"])),
              (403, "session_not_found", "Session from session_id claim in JWT does not exist"))
        mine = session(server, who["email"])
        sql("SELECT auth.ban(:'email')", email=who["email"])
        equal("banned", (brief(refresh(server, mine["refresh_token"])),
            brief(go(server, "GET", "/user", token=mine["access_token"]))),
              (unknown, (403, "user_banned", "User is banned")))
        sql("DELETE FROM auth.users WHERE id = :'id'", id=who["id"])
        answer = brief(go(server, "GET", "/user", token=mine["access_token"]))
        equal("deleted", answer,
            (403, "user_not_found", "User from sub claim in JWT does not exist"))


def own_user():
    with Server(*FAST) as server:
        who = account(email="own@example.com")
        mine = session(server, who["email"])
        token = mine["access_token"]

        def put(body):
            return go(server, "PUT", "/user", body, token)

        equal("GET /user", go(server, "GET", "/user", token=token).json, mine["user"])
        equal("data", put({"data": {"a": 1, "b": {"c": [None]}}}).json["user_metadata"],
            {"a": 1, "b": {"c": [None]}})
        answer = put({"data": {"a": None, "d": "e"}, "email": "OWN@example.com", "nonce": "",
            "code_challenge": None})
        equal("data is merged, null takes away", (answer.status, set(answer.json),
            answer.json["user_metadata"]),
              (200, USER | {"last_sign_in_at"}, {"b": {"c": [None]}, "d": "e"}))
        equal("nothing to change", put({}).json["user_metadata"], answer.json["user_metadata"])
        current = (400, "current_password_required",
            "Current password required when setting new password.")
        for name, body, wanted in [
                ("another email", {"email": "other@example.com"}, (422, "email_provider_disabled",
                "email can be changed by an administrator only")),
                ("a phone", {"phone": "1"}, (400, "phone_provider_disabled",
                "Phone logins are disabled")),
                ("app_metadata", {"app_metadata": {"role": "ADMIN"}},
                (403, "not_admin", "Updating app_metadata requires admin privileges")),
                ("data that is none", {"data": []}, (400, "bad_json", "data must be an object")),
                ("a password alone", {"password": NEW}, current),
                ("an empty current one", {"password": NEW, "current_password": ""}, current),
                ("a wrong one", {"password": NEW, "current_password": "wrong"},
                (400, "current_password_invalid", "The current password is wrong")),
                ("the same one", {"password": PASSWORD, "current_password": PASSWORD},
                 (422, "same_password",
                 "New password should be different from the old password."))]:
            refused(f"PUT /user with {name}", server, "PUT", "/user", body, wanted, token=token)
        weak = put({"password": "short", "current_password": PASSWORD})
        equal("a weak password", (brief(weak)[:2], weak.json["weak_password"]),
            ((422, "weak_password"), {"reasons": ["length", "characters"]}))
        equal("nothing of it was stored", session(server, who["email"])["user"]["id"], who["id"])
        other = session(server, who["email"])
        answer = put({"password": NEW, "current_password": PASSWORD, "data": {"e": 1}})
        equal("a new password", (answer.status, answer.json["user_metadata"]["e"]), (200, 1))
        equal("this session goes on, the other is over",
            (is_live(server, mine), is_live(server, other)), ((True, True), (False, False)))
        equal("the old one", go(server, "POST", "/token?grant_type=password",
            {"email": who["email"], "password": PASSWORD}).status, 400)
        session(server, who["email"], NEW)
    setting("require_current_password", "off")
    with Server(*FAST) as server:
        who = account()
        mine, other = session(server, who["email"]), session(server, who["email"])
        token = mine["access_token"]
        equal("not required: the same one is still refused",
            brief(go(server, "PUT", "/user", {"password": PASSWORD}, token))[1], "same_password")
        equal("nor is a wrong one taken",
            brief(go(server, "PUT", "/user", {"password": NEW, "current_password": "wrong"},
            token))[1],
              "current_password_invalid")
        equal("a new one is enough", go(server, "PUT", "/user", {"password": NEW}, token).status,
            200)
        equal("and ends the others", (is_live(server, mine), is_live(server, other)),
            ((True, True), (False, False)))
    setting("require_current_password", None)


def signing_out():
    with Server(*FAST) as server:
        who = account()
        for scope, wanted in {"local": [False, True, True], "others": [True, False, False],
                "global": [False] * 3, "": [False] * 3}.items():
            kept = [session(server, who["email"]) for _ in range(3)]
            query = f"?scope={scope}" if scope else ""
            answer = go(server, "POST", "/logout" + query, token=kept[0]["access_token"])
            equal(f"scope {scope}: 204 and no body", (answer.status, answer.text,
                "content-type" in answer.headers), (204, "", False))
            equal(f"scope {scope}: who is left", [is_live(server, one) for one in kept],
                [(live, live) for live in wanted])
        refused("again", server, "POST", "/logout", None,
            (403, "session_not_found", "Session from session_id claim in JWT does not exist"),
                token=kept[0]["access_token"])
        kept = session(server, who["email"])
        refused("another scope", server, "POST", "/logout?scope=all", None,
            (*MISSING, "Unsupported logout scope: one of global, local, others"),
                token=kept["access_token"])
        equal("which changed nothing", is_live(server, kept), (True, True))


def confirming():
    def registered(name):
        with Server(*FAST) as server:
            told = go(server, "GET", "/settings").json["mailer_autoconfirm"]
            answer = go(server, "POST", "/signup", {"email": name, "password": PASSWORD}).json
            user = go(server, "GET", "/user", token=answer["access_token"]).json
            equal(f"{name}: the sign-up and the user say the same", answer["user"], user)
            return told, "email_confirmed_at" in user, "confirmed_at" in user, user["identities"][
                0][
                "identity_data"]["email_verified"]

    setting("registration", "open")
    equal("nobody is confirmed by registering", registered("plain@example.com"),
        (False, False, False, False))
    setting("autoconfirm", "on")
    equal("unless everybody is", registered("auto@example.com"), (True, True, True, True))
    setting("autoconfirm", None)
    setting("registration", None)


def not_offered():
    service, mine = key("service_role"), account()
    with Server(*FAST) as server:
        bad_email = (*MISSING, "Unable to validate email address: invalid format")
        for path in ("/invite", "/admin/generate_link"):
            refused(f"{path}: no address", server, "POST", path, {"email": "x", "type": "signup"},
                bad_email, token=service)
            refused(f"{path}: nor a text", server, "POST", path, {"email": 1},
                (400, "bad_json", "email must be a string"), token=service)
            refused(path, server, "POST", path, {"email": "x@example.com"},
                (422, "email_provider_disabled", "This server sends no email"), token=service)
        for phone in ("+1555-invalid", "0155", "1", "+", "1234567890123456"):
            refused(f"/verify: {phone}", server, "POST", "/verify", {"phone": phone, "token": "1",
                "type": "sms"},
                    (*MISSING, "Invalid phone number format (E.164 required)"))
        expired = (403, "otp_expired", "Token has expired or is invalid")
        for body in ({"phone": "+15550100"}, {"phone": "15550100"}, {"email": "x@example.com"}, {},
                None):
            refused(f"/verify: {body}", server, "POST", "/verify", body, expired)
        refused("/verify: no address", server, "POST", "/verify", {"email": "x"}, bad_email)
        no_token = (401, "no_authorization", "This endpoint requires a valid Bearer token")
        for method, path in [("POST", "/factors"), ("POST", "/factors/x/challenge"),
                ("POST", "/factors/x/verify"), ("DELETE", "/factors/x"),
                             ("GET", "/reauthenticate"), ("GET", "/user"), ("PUT", "/user"),
                             ("POST", "/logout")]:
            refused(f"{method} {path} with a key alone", server, method, path,
                {} if method in ("POST", "PUT") else None, no_token, apikey=key("anon"))
        token = session(server, mine["email"])["access_token"]
        sql("SELECT auth.set_password(:'email', 'An0ther!Password')", email=mine["email"])
        refused("a session that ended", server, "GET", "/user", None,
                (403, "session_not_found", "Session from session_id claim in JWT does not exist"),
                token=token)
        sql("DELETE FROM auth.users WHERE id = :'id'", id=mine["id"])
        refused("a user that was deleted", server, "GET", "/user", None,
                (403, "user_not_found", "User from sub claim in JWT does not exist"), token=token)


def bodies():
    path = "/token?grant_type=password"
    email = json.dumps(account()["email"])
    bad = (400, "bad_json")
    with Server(*FAST) as server:
        for name, body in [("nothing", b""), ("no JSON", b"{"), ("an array", b"[]"),
                ("a text", b'"x"'), ("null", b"null"),
                           ("a name twice", b'{"email":"a","email":"b"}'),
                           ("deep", b'{"a":' + b"[" * 20000 + b"]" * 20000 + b"}"),
                           ("deeper than 16", b'{"a":' + b"[" * 16 + b"]" * 16 + b"}"),
                           ("no UTF-8", b'{"email":"\xff"}'),
                           ("half a surrogate", b'{"email":"\\ud800"}'),
                           ("NUL", b'{"email":"\\u0000"}'), ("a huge number", b'{"x":1e131000}'),
                           ("something behind", b"{} {}"), ("a form", b"email=a&password=b")]:
            told = brief(go(server, "POST", path, body))
            ok(f"a body with {name}",
                told[2].startswith(("The body is not valid JSON: ",
                "The body must be a JSON object", "The body has a number")), told)
            refused(f"a body with {name}, in both shapes", server, "POST", path, body,
                bad + told[2:])
        large = b'{"email":"x","password":"' + b"y" * (64 << 10) + b'"}'
        refused("a large body", server, "POST", path, large, (413, "request_entity_too_large",
            "body too large"))
        typed = call(server, "POST", "/auth/v1" + path, token=None,
            headers=["Content-Type: text/plain", "Content-Length: 0"])
        equal("no JSON by its type", brief(typed)[:2], (415, "bad_json"))
        good = f'{{"email":{email},"password":{json.dumps(PASSWORD)},"unknown":{{"deep":[1.5e300]}}}}'.encode()
        equal("unknown names are no matter", go(server, "POST", path, good).status, 200)
        equal("a parameter of the type neither", go(server, "POST", path, good,
            headers=["X: y"]).status, 200)


main(registration, passwords, refreshing, own_user, signing_out, confirming, not_offered, bodies)
