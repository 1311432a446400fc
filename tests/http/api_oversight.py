"""What auditors look at: agents by urgency, expiries, refusals by hour, the health scan, keys, the audit itself."""

import json
from collections import Counter

from api import FAST, PASSWORD, account, call, sign_in, sql, token_of
from wire import Server, equal, main, ok


def pages(server, path, name, token, limit):
    """Everything there is, page by page."""
    found, cursor = [], ""
    while True:
        answer = call(server, "GET", f"{path}?limit={limit}{cursor}", token=token)
        assert answer.status == 200, answer.text
        found += answer.json[name]
        if answer.json["nextCursor"] is None:
            return found
        cursor = f"&cursor={answer.json['nextCursor']}"


def issued(agent, ends, began="-80 days", label="a"):
    """A token as if it had been issued a while ago."""
    return sql("INSERT INTO auth.sessions (user_id, label, created_at, expires_at) VALUES"
               " (:'id', :'label', now() + :'began', now() + :'ends') RETURNING id", id=agent["id"],
               ends=ends, began=began, label=label)


def urgency():
    sql("UPDATE auth.incidents SET created_at = created_at - interval '25 hours', resolved_at = now()")  # of other tests
    with Server(*FAST) as server:
        token = token_of(server, account("AUDITOR")["email"])
        made = {name: account(email=f"{name}-agent@example.com", kind=kind) for name, kind in [
            ("calm-a", "person"), ("calm-b", "service_account"), ("boss", "person"),
            ("soon", "service_account"), ("sooner", "service_account"),
            ("dead", "service_account"), ("refused", "person"), ("back", "person"),
            ("twice", "service_account")]}
        account(email="nobody@example.com")
        ours = {agent["email"] for agent in made.values()}
        agents_of = lambda limit: [a for a in pages(server, "/api/agents", "agents", token, limit)
            if a["email"] in ours]
        sql("UPDATE auth.users SET app_role = 'ADMIN' WHERE email = 'boss-agent@example.com'")
        for name, ends in {"calm-b": "300 days", "soon": "20 days", "sooner": "2 days",
                "dead": "-1 hour", "twice": "-2 hours"}.items():
            issued(made[name], ends)
        issued(made["twice"], "3 days", label="b")
        for name in ["refused", "back"]:
            refresh = sign_in(server, made[name]["email"])["tokens"]["refreshToken"]
            sql("SELECT auth.revoke_session(id) FROM auth.sessions WHERE user_id = :'id'",
                id=made[name]["id"])
            equal(f"{name} is refused", call(server, "POST", "/api/auth/refresh",
                {"refreshToken": refresh}).status, 401)
        sign_in(server, made["back"]["email"])
        before = agents_of(100)
        equal("before a scan the refused one is first",
            (before[0]["email"], {a["urgency"] for a in before[1:]}),
              ("refused-agent@example.com", {"none"}))
        sql("SELECT count(*) FROM auth.scan_agent_health()")
        wanted = [("refused", "refused"), ("twice", "silent"), ("dead", "silent"),
            ("sooner", "expiring"), ("soon", "expiring"), ("boss", "finding"),
                  ("back", "none"), ("calm-a", "none"), ("calm-b", "none")]
        for limit in [1, 2, 3, 100]:
            listed = agents_of(limit)
            equal(f"the most urgent first, {limit} at a time",
                [(a["email"].split("-agent@")[0], a["urgency"]) for a in listed], wanted)
        agents = {a["email"].split("-agent@")[0]: a for a in listed}
        equal("each with its findings", [sorted(f["kind"] for f in agents[name]["findings"])
            for name in ("twice", "boss", "calm-a")],
              [["token_expired", "token_expiring"], ["admin_agent"], []])
        equal("tokens, sessions, refusals",
            [(a["issuedTokens"], a["signedInSessions"], a["refusals"], a["lastRefusalReason"])
            for a in
                                             (agents["calm-b"], agents["back"], agents["refused"])],
              [(1, 0, 0, None), (0, 1, 1, "token-invalidated"), (0, 0, 1, "token-invalidated")])
        equal("the next end", agents["soon"]["nextExpiry"],
            agents["soon"]["findings"][0]["expiresAt"])
        sql("SELECT auth.ban('calm-a-agent@example.com')")
        ok("a ban shows", agents_of(100)[-2]["bannedUntil"])
        sql("DELETE FROM auth.users WHERE email = 'refused-agent@example.com'")
        equal("who is gone is gone", len(agents_of(2)), 8)
        for query in ["limit=0", "limit=101", "limit=x", "cursor=x", "cursor=1.2.3",
                "cursor=2.4.x.00000000-0000-4000-8000-000000000000",
                      "cursor=1.5.------------------------------------", "cursor=3.", "cursor=",
                      "page=2", "limit=1&limit=2"]:
            answer = call(server, "GET", f"/api/agents?{query}", token=token)
            equal(query, (answer.status, answer.fields()), (400, [query.split("=")[0]]))


def expiries():
    with Server(*FAST) as server:
        token = token_of(server, account("AUDITOR")["email"])
        call_for = lambda query="": call(server, "GET", "/api/tokens/expiries" + query, token=token)
        before = {d["day"]: d["tokens"] for d in call_for().json["days"]}
        of_year = {d["day"]: d["tokens"] for d in call_for("?days=366").json["days"]}
        bot = account(kind="service_account")
        for ends in ["10 days", "10 days 1 second", "89 days 23 hours", "91 days", "-1 second"]:
            issued(bot, ends, label=ends)
        revoked = issued(bot, "11 days", label="r")
        sql("SELECT auth.revoke_session(:'id')", id=revoked)
        after = {d["day"]: d["tokens"] for d in call_for().json["days"]}
        equal("the live tokens of the next 90 days", sum(after.values()) - sum(before.values()), 3)
        equal("of a year",
            sum(d["tokens"] for d in call_for("?days=366").json["days"]) - sum(of_year.values()), 4)
        ok("by day", list(after) == sorted(after) and min(after) >= call_for().json["from"][:10])
        for query in ["days=0", "days=367", "days=x", "days=", "day=1"]:
            equal(query, (call_for("?" + query).status, call_for("?" + query).fields()),
                (400, [query.split("=")[0]]))


def refusals():
    with Server(*FAST) as server:
        token = token_of(server, account("AUDITOR")["email"])
        seen = lambda: sum((Counter({(r["what"], r["reason"]): r["count"]}) for r in call(server,
            "GET", "/api/refusals?hours=2", token=token).json["refusals"]), Counter()) # of both hours
        before, who = seen(), account()
        for _ in range(2):
            call(server, "POST", "/api/auth/login", {"email": who["email"], "password": "wrong"})
        call(server, "POST", "/api/auth/refresh", {"refreshToken": "x"})
        after = seen()
        equal("counted by reason", dict(after - before),
              {("signIn", "wrong-password"): 2, ("refresh", "verification-failed"): 1})
        answer = call(server, "GET", "/api/refusals", token=token).json
        equal("hours of a week",
            sql("SELECT :'to'::timestamptz - :'from'::timestamptz BETWEEN '167 hours' AND '168 hours'",
                                     **{"from": answer["from"], "to": answer["to"]}), "t")
        for query in ["hours=0", "hours=721", "hours=x", "since=1"]:
            bad = call(server, "GET", "/api/refusals?" + query, token=token)
            equal(query, (bad.status, bad.fields()), (400, [query.split("=")[0]]))


def upkeep():
    with Server(*FAST) as server:
        token = token_of(server, account("AUDITOR")["email"])
        get = lambda path: call(server, "GET", path, token=token).json
        sql("SELECT count(*) FROM auth.scan_agent_health()")
        status = get("/api/health/status")
        ok("the health scan", status["lastScanAt"] and status["agents"] > 0
            and status["findings"]["token_expired"] >= 0, status)
        equal("as the database has it", [status["problem"], status["remedy"]], json.loads(sql(
            "SELECT jsonb_build_array(problem, remedy) FROM auth.health_schedule()")))
        equal("no audit scan yet, no seal", get("/api/audits/status"),
            {"lastScanAt": None, "faults": None, "lastSeal": None})
        sql("SELECT auth.audit_seal(), auth.scan_audit()")
        status = get("/api/audits/status")
        equal("a scan and a seal", (status["faults"], status["lastSeal"]["number"],
            status["lastScanAt"] is None), (0, 1, False))
        verified = get("/api/audits/verify")
        equal("it holds", (verified["holds"], verified["faults"]), (True, []))
        kid = sql("SELECT auth.create_signing_key('EdDSA', false)")
        keys = get("/api/keys")["keys"]
        equal("keys, the one in use first", [(k["alg"], k["state"], k["sealed"]) for k in keys],
              [("ES256", "in_use", True), ("EdDSA", "standby", True)])
        ok("and nothing secret", not {"material", "d", "k"} & set(keys[0])
            and keys[1]["kid"] == kid)
        who = account()
        sql("SET session_replication_role = replica; UPDATE auth.audit_log SET reason = 'x' WHERE user_id = :'id'",
            id=who["id"])
        verified = get("/api/audits/verify")
        equal("tampering shows",
            (verified["holds"],
            [(f["userId"], f["entry"], f["fault"]) for f in verified["faults"]]),
              (False, [(who["id"], 1, "altered")]))
        sql("SET session_replication_role = replica; UPDATE auth.audit_log SET reason = NULL WHERE user_id = :'id'",
            id=who["id"])


def search():
    with Server(*FAST) as server:
        token = token_of(server, account("AUDITOR")["email"])
        for n in range(3):
            call(server, "PATCH", "/api/users/me", {"lastName": "Findme"},
                token_of(server, account(email=f"search-{n}@example.com")["email"]))
        found = lambda query: call(server, "GET", f"/api/users?{query}", token=token)
        equal("by a part of the email",
            (lambda a: (a.json["total"], [u["email"] for u in a.json["users"]]))(
            found("filter=SEARCH-&per_page=2")),
              (3, ["search-2@example.com", "search-1@example.com"]))
        equal("by name", found("filter=findme&per_page=1&page=3").json["users"][0]["email"],
            "search-0@example.com")
        equal("nobody", found("filter=%25").json, {"users": [], "total": 0})
        equal("too long", found("filter=" + "x" * 255).status, 400)
        equal("twice", found("filter=a&filter=b").fields(), ["filter"])


main(urgency, expiries, refusals, upkeep, search)
