"""Every route against every kind of caller. A route that is in the server's table and not here fails."""

import json
import re
import uuid

from api import FAST, PASSWORD, account, call, key, sql, token_of
from wire import Server, ask, equal, main, ok

CALLERS = ["none", "garbage", "expired", "banned", "READ_ONLY", "ANALYST", "AUDITOR", "ADMIN",
    "anon", "service_role"]


def signed_in(status):
    return [401, 401, 401, 401, status, status, status, status, 401, 401]


def auditor(status):
    return [401, 401, 401, 401, 403, 403, status, status, 401, status]


def admin(status):
    return [401, 401, 401, 401, 403, 403, 403, status, 401, status]


def fresh():
    return f"{uuid.uuid4()}@example.com"


# (method, pattern): path, body, and the status for each caller; bodies and paths are made anew for each
def table(server, who, bot):
    def session_of_who():
        token_of(server, who["email"])
        return sql("SELECT id FROM auth.sessions WHERE user_id = :'id' ORDER BY created_at DESC LIMIT 1",
            id=who["id"])

    def me(path):
        return path.replace(":id", who["id"])

    def grant_for(person, agent):
        return sql("SELECT auth.delegate(:'person', :'agent')", person=person["email"],
            agent=agent["email"])

    wrong = {"email": "nobody@example.com", "password": "x"}
    return {
        ("POST", "/api/auth/login"): ("", wrong, [401] * 10),
        ("POST", "/api/auth/refresh"): ("", {"refreshToken": "x"}, [401] * 10),
        ("POST", "/api/auth/register"): ("", lambda: {"email": fresh(), "password": PASSWORD},
        [403] * 10),
        ("GET", "/api/auth/me"): ("", None, signed_in(200)),
        ("GET", "/api/users/me"): ("", None, signed_in(200)),
        ("PATCH", "/api/users/me"): ("", {"jobTitle": "x"}, signed_in(200)),
        ("PATCH", "/api/users/me/password"): ("", {"currentPassword": PASSWORD,
        "newPassword": PASSWORD}, signed_in(400)),
        ("GET", "/api/users/me/audits"): ("", None, signed_in(200)),
        ("GET", "/api/users"): ("", None, auditor(200)),
        ("GET", "/api/users/:id"): (me, None, auditor(200)),
        ("POST", "/api/users"): ("", lambda: {"email": fresh(), "password": PASSWORD}, admin(201)),
        ("PATCH", "/api/users/:id/role"): (me, {"role": "ANALYST"}, admin(200)),
        ("POST", "/api/users/:id/ban"): (me, {"duration": "1s"}, admin(200)),
        ("POST", "/api/users/:id/unban"): (me, None, admin(200)),
        ("DELETE", "/api/users/:id"): (lambda path: path.replace(":id", account()["id"]), None,
        admin(200)),
        ("GET", "/api/users/:id/sessions"): (me, None, auditor(200)),
        ("DELETE", "/api/sessions/:id"): (lambda path: path.replace(":id", session_of_who()), None,
                                          [401, 401, 401, 401, 404, 404, 404, 200, 401, 200]),
        ("POST", "/api/tokens"): ("", lambda: {"userId": bot["id"]}, admin(201)),
        ("GET", "/api/delegations"): ("", None, signed_in(200)),
        ("POST", "/api/delegations"): ("", {"agent": bot["email"], "userId": who["id"]},
        [401, 401, 401, 401, 403, 403, 403, 201, 401, 201]),
        ("POST", "/api/delegations/tokens"): ("", {"agent": bot["email"]}, signed_in(201)),
        ("DELETE", "/api/delegations/:id"): (lambda path: path.replace(":id", grant_for(who, bot)),
        None, [401, 401, 401, 401, 404, 404, 404, 200, 401, 200]),
        ("GET", "/api/audits"): ("", None, auditor(200)),
        ("GET", "/api/health/incidents"): ("", None, auditor(200)),
        ("GET", "/api/health/status"): ("", None, auditor(200)),
        ("GET", "/api/agents"): ("", None, auditor(200)),
        ("GET", "/api/tokens/expiries"): ("", None, auditor(200)),
        ("GET", "/api/refusals"): ("", None, auditor(200)),
        ("GET", "/api/keys"): ("", None, auditor(200)),
        ("GET", "/api/audits/status"): ("", None, auditor(200)),
        ("GET", "/api/audits/verify"): ("", None, auditor(200)),
        # last: it ends the sessions that the others ask with
        ("POST", "/api/auth/logout"): ("", None, signed_in(200)),
        ("GET", "/.well-known/jwks.json"): ("", None, [200] * 10),
        ("GET", "/health"): ("", None, [200] * 10),
        ("GET", "/ready"): ("", None, [200] * 10),
        ("GET", "/metrics"): ("", None, [200] * 10),
        ("GET", "/openapi.json"): ("", None, [200] * 10),
        ("GET", "/"): ("", None, [302] * 10),
        ("GET", "/console"): ("", None, [308] * 10),
        ("GET", "/console/"): ("", None, [200] * 10),
        ("GET", "/console/:file"): (lambda path: path.replace(":file", "main.js"), None,
        [200] * 10),
    }


def callers(server):
    tokens = {"none": None, "garbage": "eyJhbGciOiJub25lIn0.e30.", "anon": key("anon"),
        "service_role": key("service_role")}
    for role in ["READ_ONLY", "ANALYST", "AUDITOR", "ADMIN"]:
        tokens[role] = token_of(server, account(role)["email"])
    outcast = account("ADMIN")
    tokens["banned"] = token_of(server, outcast["email"])
    sql("SELECT auth.ban(:'email')", email=outcast["email"])
    return tokens


def every_route():
    sql("ALTER ROLE web SET pg_principal.clock_skew = 0")  # no grace for what has expired
    with Server(*FAST, env={"AUTH_ACCESS_TOKEN_TTL": "1"}) as short:
        expired = token_of(short, account("ADMIN")["email"])
        sql("SELECT pg_sleep(2.1)")
    with Server(*FAST) as server:
        tokens = {**callers(server), "expired": expired}
        who, bot = account(), account(kind="service_account")
        documented = json.loads(ask(server.port, "/openapi.json")[2])["paths"]
        served = {(method.upper(), path.replace("{id}", ":id").replace("{file}", ":file"))
            for path, methods in documented.items() for method in methods
                  if not path.startswith(("/auth/v1/", "/oauth/"))
                  and "/.well-known/o" not in path}  # oauth.py
        routes = table(server, who, bot)
        equal("the table has every route", sorted(served), sorted(routes))
        for (method, pattern), (path, body, wanted) in routes.items():
            got, texts = [], []
            for caller in CALLERS:
                if method == "POST" and pattern == "/api/tokens":
                    sql("SELECT auth.unban(:'email')", email=bot["email"])
                answer = call(server, method, path(pattern) if callable(path) else pattern,
                              body() if callable(body) else body, tokens[caller])
                got.append(answer.status)
                texts.append(answer)
            equal(f"{method} {pattern}", dict(zip(CALLERS, got)), dict(zip(CALLERS, wanted)))
            if wanted[0] == 401 and "auth/" not in pattern:
                equal(f"{method} {pattern}: what they are told",
                    {a.brief()[1] for a in texts if a.status == 401}, {"Authentication required"})
                equal(f"{method} {pattern}: the challenge",
                    [texts[0].headers.get("www-authenticate"),
                    texts[1].headers.get("www-authenticate")],
                      ["Bearer", 'Bearer error="invalid_token"'])
            if 403 in wanted and "auth/" not in pattern:
                equal(f"{method} {pattern}: a role that is too small",
                    {a.brief()[1] for a in texts if a.status == 403}, {"Insufficient role"})
                equal(f"{method} {pattern}: which the challenge says (RFC 6750)",
                    {a.headers.get("www-authenticate") for a in texts if a.status == 403},
                    {'Bearer error="insufficient_scope"'})
        counted = set(re.findall(
            r'^pg_principal_http_requests_total{method="(\w+)",route="([^"]+)"',
            ask(server.port, "/metrics")[2], re.MULTILINE))
        ok("what is served is documented", counted and counted <= served, counted - served)
    sql("ALTER ROLE web RESET pg_principal.clock_skew")


def service_key():
    """The key service_role is an ADMIN, and no principal."""
    with Server(*FAST) as server:
        token, who = key("service_role"), account()
        session = sql("SELECT auth.session_id() FROM (SELECT auth.authenticate(:'token', false) OFFSET 0) a",
            token=token)
        answer = call(server, "PATCH", f"/api/users/{who['id']}/role", {"role": "AUDITOR"}, token)
        equal("it may", answer.status, 200)
        entry = json.loads(
            sql("SELECT jsonb_build_array(actor_id, metadata) FROM auth.audit_log WHERE user_id = :'id' ORDER BY seq DESC LIMIT 1",
                               id=who["id"]))
        equal("the audit names the key", entry,
            [None, {"databaseRole": "web", "projectKey": session}])
        equal("it has no profile", call(server, "GET", "/api/users/me", token=token).brief(),
            (401, "Authentication required"))
        equal("nor an audit", call(server, "GET", "/api/users/me/audits", token=token).status, 401)
        equal("nor sessions", call(server, "GET", "/api/users/me/sessions", token=token).status,
            401)
        equal("it may end itself",
            [call(server, "DELETE", f"/api/sessions/{session}", token=token).status,
                                    call(server, "GET", "/api/users", token=token).status],
                                    [200, 401])


def headers():
    with Server(*FAST) as server:
        token = token_of(server, account()["email"])
        for name, lines, status in [
                ("scheme in small letters", [f"Authorization: bearer {token}"], 200),
                ("no scheme", [f"Authorization: {token}"], 401),
                ("another scheme", [f"Authorization: Basic {token}"], 401),
                ("a blank behind it", [f"Authorization: Bearer {token} x"], 401),
                ("percent-encoded", [f"Authorization: Bearer%20{token}"],
                (200, 401)),  # cpp-httplib decodes it
                ("in the query", [], 401),
                ("as a key", [f"apikey: {token}"], 401),
                ("no UTF-8", [f"Authorization: Bearer {token}\xe9"], 401),
                ("empty", ["Authorization: Bearer "], 401),
                ("too long", ["Authorization: Bearer " + "x" * 20000],
                (400, 401, 431))]:  # lines of more than 8 KiB are the library's to refuse
            got = call(server, "GET", "/api/auth/me" + ("" if lines else f"?access_token={token}"),
                headers=lines).status
            ok(name, got in status if isinstance(status, tuple) else got == status, got)
        got = call(server, "GET", "/api/auth/me", headers=["Authorization: Bearer \xe9"])
        equal("what is no UTF-8 is a bad token", got.headers["www-authenticate"],
            'Bearer error="invalid_token"')
        equal("nobody is left bound", call(server, "GET", "/api/auth/me").status, 401)


def privileges():
    """The frontend's role can execute the API's functions, and that is all."""
    more = sql("SELECT string_agg(p.proname, ' ' ORDER BY p.proname) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
               " WHERE n.nspname = 'auth' AND has_function_privilege('web', p.oid, 'EXECUTE')"
               " AND NOT EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.grantee = 0)")
    equal("functions beyond everybody's", more,
        "close_device_page end_key_fetch expose_metrics is_project_key next_key_fetch oauth_device_authorization oauth_introspect oauth_metadata oauth_revoke oauth_token open_device_page read_metrics readiness refresh registration_is_open sign_in sign_up try_authenticate")
    tables = sql("SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'auth' AND c.relkind IN ('r', 'v')"
                 " AND (has_any_column_privilege('web', c.oid, 'SELECT, INSERT, UPDATE') OR has_table_privilege('web', c.oid, 'DELETE, TRUNCATE, TRIGGER'))")
    equal("tables: one view that shows one's own connections", tables, "connections")
    equal("roles",
        sql("SELECT string_agg(r.rolname, ' ') FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid"
                       " WHERE m.member = 'web'::regrole"), "authenticator")
    ok("no superuser, nothing to create",
        sql("SELECT NOT (rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication)"
                                              " AND NOT has_schema_privilege('web', 'auth', 'CREATE') FROM pg_roles WHERE rolname = 'web'")
                                              == "t")


sql("SELECT auth.add_user('{\"email\": \"first@example.com\"}')")  # so that nobody may register
main(every_route, service_key, headers, privileges)
