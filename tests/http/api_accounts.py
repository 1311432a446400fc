"""Accounts over HTTP: register, sign in, refresh, profile, password, audits, sign out."""

import json

from api import FAST, NOBODY, PASSWORD, account, call, sign_in, sql, token_of
from wire import Server, equal, main, ok

USER = ["appMetadata", "bannedUntil", "createdAt", "email", "emailConfirmedAt", "firstName", "id",
    "jobTitle", "kind",
        "lastName", "lastSignInAt", "passwordChangedAt", "phoneNumber", "role", "updatedAt",
        "userMetadata"]
AUDIT = ["actorEmail", "actorId", "actorName", "changes", "createdAt", "id", "userId"]


def register():
    with Server(*FAST) as server:
        profile = {"email": " First@Example.com ", "password": PASSWORD, "firstName": "Ada"}
        first = call(server, "POST", "/api/auth/register", profile)
        equal("the first to register", (first.status, first.json["user"]["role"],
            first.json["user"]["email"]),
              (201, "ADMIN", "first@example.com"))
        equal("a user has these fields", sorted(first.json["user"]), USER)
        tokens = first.json["tokens"]
        equal("and tokens at once", (sorted(tokens), tokens["accessTokenExpiresIn"],
            tokens["refreshTokenExpiresIn"]),
              (["accessToken", "accessTokenExpiresIn", "refreshToken", "refreshTokenExpiresIn"],
              900, 604800))
        equal("the token works", call(server, "GET", "/api/auth/me",
            token=tokens["accessToken"]).status, 200)
        second = {"email": "second@example.com", "password": PASSWORD}
        equal("nobody after that", call(server, "POST", "/api/auth/register", second).brief(),
            (403, "Registration is closed"))
    sql("ALTER ROLE web SET pg_principal.registration = 'open'")
    with Server(*FAST) as server:
        answer = call(server, "POST", "/api/auth/register", second)
        equal("open: an analyst", (answer.status, answer.json["user"]["role"]), (201, "ANALYST"))
        equal("taken", call(server, "POST", "/api/auth/register", second).brief(),
            (409, "Email is already registered"))
        bad = call(server, "POST", "/api/auth/register", {"email": "x", "password": "short",
            "role": "ADMIN", "firstName": "n" * 65})
        equal("every bad field is named", (bad.brief(), set(bad.fields())),
              ((400, "The profile was refused"), {"email", "password", "role", "firstName"}))
        ok("no secret in the refusal", "short" not in bad.text, bad.text)
    sql("ALTER ROLE web RESET pg_principal.registration")


def signing_in():
    with Server(*FAST) as server:
        who = account(email="reports-agent@example.com")
        answer = call(server, "POST", "/api/auth/login", {"email": " Reports-Agent@Example.com ",
            "password": PASSWORD})
        equal("sign in", (answer.status, sorted(answer.json), answer.json["user"]["id"]),
            (200, ["tokens", "user"], who["id"]))
        for name, given in {"a wrong password": {"email": who["email"], "password": "wrong"},
                            "an unknown email": {"email": "nobody@example.com",
                            "password": PASSWORD},
                            "no email": {"email": "", "password": ""}}.items():
            answer = call(server, "POST", "/api/auth/login", given)
            equal(name, (answer.status, answer.text), (401, '{"message": "Invalid credentials"}'))
        for given, fields in [({}, ["email", "password"]), ({"email": 1, "password": None},
                ["email", "password"]),
                              ({"email": "a@example.com", "password": "x", "otp": "1"}, ["otp"])]:
            answer = call(server, "POST", "/api/auth/login", given)
            equal(f"fields of {given}", (answer.status, answer.fields()), (400, fields))
        sql("SELECT auth.ban(:'email')", email=who["email"])
        equal("banned", call(server, "POST", "/api/auth/login",
            {"email": who["email"], "password": PASSWORD}).brief(),
              (403, "This account is banned"))
        answer = call(server, "POST", "/api/auth/login",
            {"email": who["email"], "password": "wrong"})
        equal("told only to who knows the password", answer.brief(), (401, "Invalid credentials"))


def lifetimes():
    who = account()
    with Server(*FAST, env={"AUTH_ACCESS_TOKEN_TTL": "60",
            "AUTH_REFRESH_TOKEN_TTL": "3600"}) as server:
        tokens = sign_in(server, who["email"])["tokens"]
        equal("as the variables say", (tokens["accessTokenExpiresIn"],
            tokens["refreshTokenExpiresIn"]), (60, 3600))
        tokens = call(server, "POST", "/api/auth/refresh",
            {"refreshToken": tokens["refreshToken"]}).json["tokens"]
        equal("also after a refresh", (tokens["accessTokenExpiresIn"],
            tokens["refreshTokenExpiresIn"]), (60, 3600))
    with Server(*FAST, env={"AUTH_ACCESS_TOKEN_TTL": "999999",
            "AUTH_REFRESH_TOKEN_TTL": "99999999"}) as server:
        tokens = sign_in(server, who["email"])["tokens"]
        equal("never more than the settings", (tokens["accessTokenExpiresIn"],
            tokens["refreshTokenExpiresIn"]), (900, 604800))


def refreshing():
    with Server(*FAST) as server:
        who = account(email="sync-agent@example.com")
        first = sign_in(server, who["email"])["tokens"]["refreshToken"]
        answer = call(server, "POST", "/api/auth/refresh", {"refreshToken": first})
        equal("the shape of a sign-in", (answer.status, sorted(answer.json),
            sorted(answer.json["user"])), (200, ["tokens", "user"], USER))
        second = answer.json["tokens"]["refreshToken"]
        again = call(server, "POST", "/api/auth/refresh", {"refreshToken": first})
        equal("a retry gives the same successor", again.json["tokens"]["refreshToken"], second)
        access = answer.json["tokens"]["accessToken"]
        for name, token in {"an access token": access, "nonsense": "x", "nothing": "",
                "a line": "a\nb"}.items():
            answer = call(server, "POST", "/api/auth/refresh", {"refreshToken": token})
            equal(f"{name} is refused", (answer.status, answer.text),
                (401, '{"message": "Unable to refresh session"}'))
        equal("a refresh token is no access token", call(server, "GET", "/api/auth/me",
            token=second).brief(), (401, "Authentication required"))
        third = call(server, "POST", "/api/auth/refresh", {"refreshToken": second}).json["tokens"]
        answer = call(server, "POST", "/api/auth/refresh", {"refreshToken": first})
        equal("reuse is refused", answer.brief(), (401, "Unable to refresh session"))
        equal("and ends the session",
            [call(server, "POST", "/api/auth/refresh",
            {"refreshToken": third["refreshToken"]}).status,
                                       call(server, "GET", "/api/auth/me",
                                       token=third["accessToken"]).status], [401, 401])
        feed = call(server, "GET", "/api/users/me/audits?limit=2",
            token=token_of(server, who["email"])).json["audits"]
        change = feed[1]["changes"].get("refreshToken", {})
        equal("it is in the audit", (change.get("previous"), change.get("current"),
            change.get("reason")),
              ("active", "invalidated", "token-invalidated"))
        equal("missing", call(server, "POST", "/api/auth/refresh", {}).fields(), ["refreshToken"])


def profile():
    with Server(*FAST) as server:
        who = account()
        token = token_of(server, who["email"])
        for path in ["/api/auth/me", "/api/users/me"]:
            answer = call(server, "GET", path, token=token)
            equal(path, (answer.status, answer.json["user"]["id"]), (200, who["id"]))
        answer = call(server, "PATCH", "/api/users/me",
            {"firstName": " Ada ", "jobTitle": "Countess", "userMetadata": {"a": 1}}, token)
        equal("a profile is changed", (answer.status, answer.json["user"]["firstName"],
            answer.json["user"]["userMetadata"]),
              (200, "Ada", {"a": 1}))
        answer = call(server, "PATCH", "/api/users/me", {"jobTitle": None}, token)
        equal("null takes a field away", (answer.json["user"]["jobTitle"],
            answer.json["user"]["firstName"]), (None, "Ada"))
        answer = call(server, "PATCH", "/api/users/me", {"role": "ADMIN", "email": "x@example.com",
            "lastName": "n" * 65}, token)
        equal("only what is one's own to change", (answer.status, answer.fields()),
            (400, ["email", "lastName", "role"]))
        equal("nothing of it was stored", call(server, "GET", "/api/users/me",
            token=token).json["user"]["role"], "ANALYST")


def audits():
    with Server(*FAST) as server:
        who = account()
        token = sign_in(server, who["email"])["tokens"]["accessToken"]
        call(server, "PATCH", "/api/users/me", {"firstName": "Ada", "lastName": "L"}, token,
            ["User-Agent: curl/8 \xe9"])
        answer = call(server, "GET", "/api/users/me/audits", token=token)
        newest = answer.json["audits"][0]
        equal("an entry", (sorted(newest), newest["userId"], newest["actorId"],
            newest["actorEmail"], newest["actorName"]),
              (AUDIT, who["id"], who["id"], who["email"], "Ada L"))
        equal("its changes", newest["changes"], {"firstName": {"previous": None, "current": "Ada"},
                                                 "lastName": {"previous": None, "current": "L"}})
        equal("address and agent are in the log",
            sql("SELECT ip || ' ' || user_agent FROM auth.audit_log WHERE user_id = :'id'"
                                                      " ORDER BY seq DESC LIMIT 1", id=who["id"]),
                                                      "127.0.0.1 curl/8")
        seen, cursor, pages = [], None, 0
        while pages < 10:
            page = call(server, "GET", "/api/users/me/audits?limit=1" + (f"&cursor={cursor}"
                if cursor else ""), token=token).json
            seen += [entry["id"] for entry in page["audits"]]
            pages, cursor = pages + 1, page["nextCursor"]
            if not cursor:
                break
        equal("page by page", seen, [entry["id"] for entry in answer.json["audits"]])
        for query in ["limit=0", "limit=101", "limit=x", "limit=-1", "limit=", "limit=1&limit=2",
                "limit=1e1", "limit=99999999999999"]:
            refused = call(server, "GET", f"/api/users/me/audits?{query}", token=token)
            equal(query, (refused.status, refused.fields()), (400, ["limit"]))
        for cursor in ["x", "1.2.3", f"1.{NOBODY}", "'; DROP", "%ff"]:
            equal(f"cursor {cursor}",
                call(server, "GET", f"/api/users/me/audits?cursor={cursor}".replace("'; ",
                "%27%3b%20"),
                                           token=token).status, 400)


def password():
    with Server(*FAST) as server:
        who = account()
        mine, other = (sign_in(server, who["email"])["tokens"] for _ in range(2))
        path, token = "/api/users/me/password", mine["accessToken"]

        def change(now, new):
            return call(server, "PATCH", path, {"currentPassword": now, "newPassword": new}, token)

        equal("the current one must be right", change("wrong", "An0ther!Password").brief(),
            (400, "The current password is wrong"))
        answer = change(PASSWORD, "weak")
        equal("the policy", (answer.brief(), set(answer.fields())),
            ((400, "The new password was refused"), {"newPassword"}))
        equal("it must differ", change(PASSWORD, PASSWORD).json["errors"],
              [{"field": "newPassword",
              "message": "newPassword must differ from the current password"}])
        equal("missing", call(server, "PATCH", path, {}, token).fields(),
            ["currentPassword", "newPassword"])
        answer = change(PASSWORD, "An0ther!Password")
        equal("changed", (answer.status, answer.text), (200, '{"success": true}'))
        equal("this session goes on, the other is over",
              [call(server, "GET", "/api/auth/me", token=t["accessToken"]).status
              for t in (mine, other)], [200, 401])
        equal("no refresh token is left",
            [call(server, "POST", "/api/auth/refresh", {"refreshToken": t["refreshToken"]}).status
                                           for t in (mine, other)], [401, 401])
        equal("the old one", call(server, "POST", "/api/auth/login",
            {"email": who["email"], "password": PASSWORD}).status, 401)
        sign_in(server, who["email"], "An0ther!Password")
        entry = sql("SELECT changes FROM auth.audit_log WHERE user_id = :'id' AND changes ? 'password'",
            id=who["id"])
        equal("audited", json.loads(entry),
            {"password": {"previous": "updated", "current": "updated"}})


def signing_out():
    with Server(*FAST) as server:
        who = account()
        one, two, three = (sign_in(server, who["email"])["tokens"]["accessToken"] for _ in range(3))

        def live():
            return [call(server, "GET", "/api/auth/me", token=token).status for token in (one, two,
                three)]

        equal("no body: this session", (call(server, "POST", "/api/auth/logout", token=one).text,
            live()),
              ('{"success": true}', [401, 200, 200]))
        equal("again", call(server, "POST", "/api/auth/logout", token=one).brief(),
            (401, "Authentication required"))
        equal("an unknown scope", call(server, "POST", "/api/auth/logout", {"scope": "all"},
            two).fields(), ["scope"])
        equal("the others", (call(server, "POST", "/api/auth/logout", {"scope": "others"},
            two).status, live()), (200, [401, 200, 401]))
        equal("all", (call(server, "POST", "/api/auth/logout", {"scope": "global"}, two).status,
            live()), (200, [401, 401, 401]))


main(register, signing_in, lifetimes, refreshing, profile, audits, password, signing_out)
