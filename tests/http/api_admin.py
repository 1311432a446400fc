"""What administrators and auditors do: users, roles, bans, sessions, tokens, audits, incidents."""

import json

from api import FAST, NOBODY, PASSWORD, account, call, sign_in, sql, token_of
from wire import Server, equal, main, ok


def users():
    with Server(*FAST) as server:
        admin = account("ADMIN")
        token = token_of(server, admin["email"])
        bot = {"email": "Reports-Agent@aegis.local ", "password": PASSWORD, "firstName": "Reports",
            "lastName": "Agent",
               "role": "ANALYST", "kind": "service_account"}
        made = call(server, "POST", "/api/users", bot, token)
        user = made.json["user"]
        equal("made, with the profile and no tokens", (made.status, sorted(made.json),
            user["email"], user["kind"], user["role"]),
              (201, ["user"], "reports-agent@aegis.local", "service_account", "ANALYST"))
        entry = json.loads(
            sql("SELECT jsonb_build_array(actor_id, changes) FROM auth.audit_log WHERE user_id = :'id'",
            id=user["id"]))
        equal("audited under the admin's name", entry,
            [admin["id"], {"created": {"previous": None, "current": "created"}}])
        equal("it can sign in", sign_in(server, "reports-agent@aegis.local")["user"]["id"],
            user["id"])
        equal("the same again", call(server, "POST", "/api/users", bot, token).brief(),
            (409, "A user with that email already exists"))
        answer = call(server, "POST", "/api/users", {"email": "x", "password": "short",
            "role": "ROOT", "phoneNumber": "1" * 33,
                                                     "isAdmin": True}, token)
        equal("every bad field is named", (answer.brief(), set(answer.fields())),
              ((400, "The profile was refused"), {"email", "password", "role", "phoneNumber",
              "isAdmin"}))
        equal("ANALYST by default", call(server, "POST", "/api/users",
            {"email": "d@example.com", "password": PASSWORD}, token)
              .json["user"]["role"], "ANALYST")
        for _ in range(3):
            account()
        listed = call(server, "GET", "/api/users?per_page=2", token=token).json
        equal("a page of users", (len(listed["users"]), listed["total"]),
            (2, int(sql("SELECT count(*) FROM auth.users"))))
        after = call(server, "GET", "/api/users?per_page=2&page=2", token=token).json["users"]
        ok("the next one", not {u["id"] for u in after} & {u["id"] for u in listed["users"]})
        ok("no hash is shown", "argon2" not in json.dumps(listed))
        for query in ["page=0", "per_page=0", "per_page=1001", "page=x", "per_page=",
                "page=1&page=2", "limit=5", "Page=1"]:
            answer = call(server, "GET", f"/api/users?{query}", token=token)
            equal(query, (answer.status, answer.fields()), (400, [query.split("=")[0]]))
        equal("by id",
            (call(server, "GET", f"/api/users/{user['id']}", token=token).json["user"]["email"],
                        call(server, "GET", f"/api/users/{NOBODY}", token=token).brief(),
                        call(server, "GET", "/api/users/1", token=token).fields()),
              ("reports-agent@aegis.local", (404, "User not found"), ["id"]))


def roles():
    with Server(*FAST) as server:
        token, who = token_of(server, account("ADMIN")["email"]), account()
        path, theirs = f"/api/users/{who['id']}/role", token_of(server, who["email"])
        equal("not yet", call(server, "GET", "/api/users", token=theirs).brief(),
            (403, "Insufficient role"))
        answer = call(server, "PATCH", path, {"role": "AUDITOR"}, token)
        equal("promoted", (answer.status, answer.json["user"]["role"]), (200, "AUDITOR"))
        equal("at once, with the same token", call(server, "GET", "/api/users",
            token=theirs).status, 200)
        for body in [{"role": "ROOT"}, {"role": ""}, {}, {"role": None}, {"role": 1}]:
            answer = call(server, "PATCH", path, body, token)
            equal(f"{body}", (answer.status, answer.fields()), (400, ["role"]))
        equal("and nothing else",
            call(server, "PATCH", path, {"role": "ADMIN", "email": "x@example.com"},
            token).fields(), ["email"])
        equal("nobody", call(server, "PATCH", f"/api/users/{NOBODY}/role", {"role": "ADMIN"},
            token).brief(), (404, "User not found"))
        equal("no UUID", call(server, "PATCH", "/api/users/1/role", {"role": "ADMIN"},
            token).fields(), ["id"])


def bans():
    with Server(*FAST) as server:
        admin, who = account("ADMIN"), account()
        token = token_of(server, admin["email"])
        tokens = sign_in(server, who["email"])["tokens"]
        path = f"/api/users/{who['id']}/ban"
        answer = call(server, "POST", path, {"duration": "876000h", "reason": "leaked"}, token)
        equal("banned", (answer.status, answer.json["user"]["bannedUntil"] > "2100"), (200, True))
        equal("at once", (call(server, "GET", "/api/auth/me", token=tokens["accessToken"]).brief(),
                          call(server, "POST", "/api/auth/refresh",
                          {"refreshToken": tokens["refreshToken"]}).brief()),
              ((401, "Authentication required"), (401, "Unable to refresh session")))
        equal("audited with the reason",
            sql("SELECT actor_email || ' ' || reason FROM auth.audit_log WHERE user_id = :'id' AND"
                                             " changes ? 'bannedUntil'", id=who["id"]),
                                             f"{admin['email']} leaked")
        answer = call(server, "POST", f"/api/users/{who['id']}/unban", token=token)
        equal("unbanned", (answer.status, answer.json["user"]["bannedUntil"]), (200, None))
        equal("the old token stays dead", call(server, "GET", "/api/auth/me",
            token=tokens["accessToken"]).status, 401)
        sign_in(server, who["email"])
        equal("without a body: for good",
            call(server, "POST", path, token=token).json["user"]["bannedUntil"][:3], "212")
        for duration in ["0h", "1w", "x", "", "h", "-1h", "1.5h", "1001y", "99999999y", 5,
                "1 hour"]:
            answer = call(server, "POST", path, {"duration": duration}, token)
            equal(f"duration {duration!r}", (answer.status, answer.fields() or ["duration"]),
                (400, ["duration"]))
        equal("which says the bounds",
            [e["message"] for e in call(server, "POST", path, {"duration": "2000y"},
            token).json["errors"]],
              ["duration must be a whole number followed by s, m, h, d or y, above zero and at most 1000 years"])
        equal("a long reason", call(server, "POST", path, {"reason": "x" * 1001}, token).fields(),
            ["reason"])
        for verb in ["ban", "unban"]:
            equal(f"{verb} nobody", call(server, "POST", f"/api/users/{NOBODY}/{verb}",
                token=token).brief(), (404, "User not found"))
        equal("nobody bans themselves", call(server, "POST", f"/api/users/{admin['id']}/ban",
            token=token).brief(),
              (409, "You cannot ban yourself"))


def deletion():
    with Server(*FAST) as server:
        admin, who = account("ADMIN"), account()
        token, theirs = token_of(server, admin["email"]), sign_in(server, who["email"])["tokens"]
        path = f"/api/users/{who['id']}"
        equal("not with fields", call(server, "DELETE", path, {"soft": True}, token).fields(),
            ["soft"])
        answer = call(server, "DELETE", path, token=token)
        equal("deleted", (answer.status, answer.json), (200, {"success": True}))
        equal("its tokens die at once",
            (call(server, "GET", "/api/auth/me", token=theirs["accessToken"]).status,
                                         call(server, "POST", "/api/auth/refresh",
                                         {"refreshToken": theirs["refreshToken"]}).brief()),
              (401, (401, "Unable to refresh session")))
        equal("nobody signs in with that", call(server, "POST", "/api/auth/login",
            {"email": who["email"], "password": PASSWORD}).status, 401)
        equal("its audit stays, with who did it",
            sql("SELECT actor_email FROM auth.audit_log WHERE user_id = :'id' AND changes ? 'deleted'",
                                                      id=who["id"]), admin["email"])
        equal("again", call(server, "DELETE", path, token=token).brief(), (404, "User not found"))
        equal("nobody deletes themselves", call(server, "DELETE", f"/api/users/{admin['id']}",
            token=token).brief(),
              (409, "You cannot delete yourself"))
        equal("me is no id here", call(server, "DELETE", "/api/users/me", token=token).status, 405)
        equal("no UUID", call(server, "DELETE", "/api/users/1", token=token).fields(), ["id"])


def refused_by_others():
    with Server(*FAST) as server:
        token, who = token_of(server, account("ADMIN")["email"]), account()
        path, theirs = f"/api/users/{who['id']}", token_of(server, who["email"])
        refused = (409, "Refused by a trigger or constraint of the application's")
        sql("CREATE TABLE public.invoice (of uuid REFERENCES auth.users, name text UNIQUE)")
        sql("INSERT INTO public.invoice VALUES (:'id', 'one')", id=who["id"])
        equal("a foreign key", call(server, "DELETE", path, token=token).brief(), refused)
        sql("ALTER TABLE public.invoice ALTER CONSTRAINT invoice_of_fkey INITIALLY DEFERRED")
        equal("one that waits", call(server, "DELETE", path, token=token).brief(), refused)
        sql("DROP TABLE public.invoice; CREATE TABLE public.invoice (name text UNIQUE);"
            "INSERT INTO public.invoice VALUES ('one')")

        def stands(event, body):
            sql(f"""CREATE OR REPLACE FUNCTION public.stand() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN {body}; RETURN coalesce(NEW, OLD); END $$;
                CREATE OR REPLACE TRIGGER stand {event} ON auth.users
                FOR EACH ROW EXECUTE FUNCTION public.stand()""")

        profile = {"firstName": "Ann"}
        for state in ["42501", "P0001", "55000", "23514", "28000"]:
            stands("BEFORE UPDATE OR DELETE", f"RAISE 'no' USING ERRCODE = '{state}'")
            equal(f"{state} of a trigger", (call(server, "DELETE", path, token=token).brief(),
                call(server, "PATCH", path + "/role", {"role": "AUDITOR"}, token).brief(),
                call(server, "PATCH", "/api/users/me", profile, theirs).brief()), (refused,) * 3)
        for state in ["42704", "P0002", "54000"]:
            stands("BEFORE UPDATE OR DELETE", f"RAISE 'oh' USING ERRCODE = '{state}'")
            ok(f"{state} of a trigger is no answer of ours", {call(server, "DELETE", path,
                token=token).status, call(server, "PATCH", path + "/role", {"role": "AUDITOR"},
                token).status} <= {400, 500})
        stands("AFTER INSERT OR UPDATE", "INSERT INTO public.invoice VALUES ('one')")
        equal("a name taken elsewhere is no email", (call(server, "POST", "/api/users",
            {"email": "free@example.com"}, token).brief(), call(server, "PATCH", "/api/users/me",
            profile, theirs).brief()), (refused,) * 2)
        sql("DROP FUNCTION public.stand CASCADE; DROP TABLE public.invoice")
        equal("our own refusals stay what they are", (call(server, "DELETE", path,
            token=theirs).brief(), call(server, "GET", "/api/users/me/audits?cursor=x",
            token=theirs).status, call(server, "DELETE", path, token=token).status),
            ((403, "Insufficient role"), 400, 200))


def sessions():
    with Server(*FAST) as server:
        who, other = account(), account()
        admin, auditor = (token_of(server, account(role)["email"]) for role in ("ADMIN", "AUDITOR"))
        one, two = (token_of(server, who["email"]) for _ in range(2))
        theirs = token_of(server, other["email"])
        for path in [f"/api/users/{who['id']}/sessions", "/api/users/me/sessions"]:
            listed = call(server, "GET", path, token=one).json["sessions"]
            equal(path.replace(who["id"], "ID"), [(s["state"], s["origin"], s["current"], s["ip"])
                for s in listed],
                  [("live", "sign_in", False, "127.0.0.1"), ("live", "sign_in", True, "127.0.0.1")])
        path = f"/api/users/{who['id']}/sessions"
        equal("seen by whom", [call(server, "GET", path, token=t).status for t in (admin, auditor,
            theirs)], [200, 200, 403])
        equal("of nobody", call(server, "GET", f"/api/users/{NOBODY}/sessions", token=admin).status,
            404)
        ids = [s["id"] for s in listed]
        for name, token in {"another analyst": theirs, "an auditor": auditor}.items():
            equal(f"{name} cannot end it", call(server, "DELETE", f"/api/sessions/{ids[0]}",
                token=token).brief(), (404, "Session not found"))
        equal("its owner can", call(server, "DELETE", f"/api/sessions/{ids[0]}", token=one).text,
            '{"success": true}')
        equal("it is over", call(server, "GET", "/api/auth/me", token=two).status, 401)
        equal("again", call(server, "DELETE", f"/api/sessions/{ids[0]}", token=one).status, 200)
        equal("an admin can", call(server, "DELETE", f"/api/sessions/{ids[1]}",
            {"reason": "lost laptop"}, admin).status, 200)
        equal("it is over too", call(server, "GET", "/api/auth/me", token=one).status, 401)
        equal("with the reason", sql("SELECT revoke_reason FROM auth.sessions WHERE id = :'id'",
            id=ids[1]), "lost laptop")
        equal("nothing there", call(server, "DELETE", f"/api/sessions/{NOBODY}",
            token=admin).brief(), (404, "Session not found"))
        own = call(server, "GET", "/api/users/me/sessions", token=theirs).json["sessions"][0]["id"]
        equal("one's own, with which one asks", call(server, "DELETE", f"/api/sessions/{own}",
            token=theirs).status, 200)
        equal("audited under one's own name",
            sql("SELECT actor_id FROM auth.audit_log WHERE user_id = :'id' AND metadata->>'sessionId'"
                                                  " = :'session' AND changes->'session'->>'current' = 'revoked'",
                                                  id=other["id"], session=own), other["id"])


def tokens():
    with Server(*FAST) as server:
        admin = token_of(server, account("ADMIN")["email"])
        bot, person = account(kind="service_account"), account()
        answer = call(server, "POST", "/api/tokens", {"userId": bot["id"], "ttl": "24h",
            "label": 'a "b" \\', "scopes": ["read:rows", "b"]}, admin)
        equal("issued", (answer.status, sorted(answer.json)),
            (201, ["expiresAt", "sessionId", "token"]))
        token = answer.json["token"]
        equal("it works", call(server, "GET", "/api/auth/me", token=token).json["user"]["id"],
            bot["id"])
        session = call(server, "GET", "/api/users/me/sessions", token=token).json["sessions"][0]
        equal("its session", (session["id"], session["label"], session["scopes"],
            session["origin"]),
              (answer.json["sessionId"], 'a "b" \\', ["read:rows", "b"], "issued"))
        equal("a year unless told", call(server, "POST", "/api/tokens", {"userId": bot["id"]},
            admin).status, 201)
        for field, value in {"ttl": "5m", "label": "x" * 256, "scopes": ["a b"], "userId": "1",
                "role": "ADMIN"}.items():
            answer = call(server, "POST", "/api/tokens", {"userId": bot["id"], field: value}, admin)
            equal(f"bad {field}", (answer.brief(), answer.fields()),
                ((400, "The token was refused"), [field]))
        for scopes in ["a", [1], {}, [None], [""]]:
            equal(f"scopes {scopes}", call(server, "POST", "/api/tokens",
                {"userId": bot["id"], "scopes": scopes}, admin).fields(), ["scopes"])
        equal("not for a person", call(server, "POST", "/api/tokens", {"userId": person["id"]},
            admin).fields(), ["userId"])
        equal("not for nobody", call(server, "POST", "/api/tokens", {"userId": NOBODY},
            admin).brief(), (404, "User not found"))
        call(server, "POST", f"/api/users/{bot['id']}/ban", token=admin)
        equal("the ban ends it", call(server, "GET", "/api/auth/me", token=token).status, 401)
        equal("and none is issued", call(server, "POST", "/api/tokens", {"userId": bot["id"]},
            admin).brief(), (409, "This account is banned"))


def feeds():
    with Server(*FAST) as server:
        auditor, who = token_of(server,
            account("AUDITOR")["email"]), account(email="feed-agent@example.com")
        for _ in range(3):
            token = sign_in(server, who["email"])["tokens"]["refreshToken"]
            session = json.loads(
                sql("SELECT jsonb_build_array(id) FROM auth.sessions WHERE user_id = :'id' ORDER BY created_at DESC LIMIT 1",
                                     id=who["id"]))[0]
            sql("SELECT auth.revoke_session(:'id')", id=session)
            equal("a refused refresh", call(server, "POST", "/api/auth/refresh",
                {"refreshToken": token}).status, 401)
        everyone = call(server, "GET", "/api/audits?limit=100", token=auditor)
        ok("the audit of all", everyone.status == 200
            and len({e["userId"] for e in everyone.json["audits"]}) > 1)
        equal("with more about each", sorted(everyone.json["audits"][0]),
            ["actorEmail", "actorId", "actorName", "changes", "createdAt", "id",
                                                                           "ip", "metadata",
                                                                           "reason", "userAgent",
                                                                           "userId"])
        one = call(server, "GET", f"/api/audits?userId={who['id']}", token=auditor).json["audits"]
        equal("of one", {e["userId"] for e in one}, {who["id"]})
        equal("newest first", [e["createdAt"] for e in one], sorted((e["createdAt"] for e in one),
            reverse=True))
        equal("userId that is none", call(server, "GET", "/api/audits?userId=x",
            token=auditor).fields(), ["userId"])
        page = call(server, "GET", f"/api/health/incidents?userId={who['id']}&limit=2",
            token=auditor).json
        equal("incidents", [(i["kind"], i["email"], i["reason"]) for i in page["incidents"]],
              [("refresh_failure", who["email"], "token-invalidated")] * 2)
        rest = call(server, "GET",
            f"/api/health/incidents?userId={who['id']}&limit=2&cursor={page['nextCursor']}",
            token=auditor).json
        equal("the next page is the last", (len(rest["incidents"]), rest["nextCursor"]), (1, None))
        equal("none twice", len({i["id"] for i in page["incidents"] + rest["incidents"]}), 3)
        equal("not yet reported", rest["incidents"][0]["detectedAt"], None)
        sql("SELECT count(*) FROM auth.scan_agent_health()")
        ok("reported", call(server, "GET", "/api/health/incidents?limit=1",
            token=auditor).json["incidents"][0]["detectedAt"])
        for query in ["limit=0", "limit=101", "cursor=x", f"cursor=1.{NOBODY}x"]:
            equal(query, call(server, "GET", f"/api/health/incidents?{query}",
                token=auditor).fields(), [query.split("=")[0]])


main(users, roles, bans, deletion, refused_by_others, sessions, tokens, feeds)
