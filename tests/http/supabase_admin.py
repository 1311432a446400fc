"""Supabase Auth's wire shapes: users, administered with the service_role key."""

import json

from api import FAST, NOBODY, PASSWORD, account, sql
from supabase import USER, brief, go, is_live, key, refused, session
from wire import Server, equal, main, ok

NEW = "An0ther!Password"
BCRYPT, BCRYPT_OF = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"
RESERVED = "app_metadata must leave pg_principal as it is: role and kind have fields of their own"
MISSING = (400, "validation_failed")
GONE = (404, "user_not_found", "User not found")
FIXED = {"provider": "email", "providers": ["email"]}


def ours(role="ANALYST", kind="person"):
    return {**FIXED, "pg_principal": {"kind": kind, "role": role}}


def create():
    with Server(*FAST) as server:
        admin = key("service_role")

        def post(body):
            return go(server, "POST", "/admin/users", body, admin)

        plain = post({"email": " Made@Example.com"})
        equal("an email is enough", (plain.status, set(plain.json), plain.json["email"],
            plain.json["app_metadata"], plain.json["user_metadata"]),
              (200, USER, "made@example.com", ours(), {}))
        mine = "9c1ab2d0-7a1b-4e5f-8a6b-0123456789ab"
        full = post({"id": mine.upper(), "email": "full@example.com", "password": PASSWORD,
            "phone": "+1 555", "email_confirm": True,
                     "phone_confirm": True, "role": "authenticated",
                     "user_metadata": {"name": "Ada"}, "nonce": "x", "ban_duration": "none",
                     "app_metadata": {"plan": "pro", "kind": "service_account", "role": "ADMIN",
                     "provider": "x", "providers": [],
                                      "pg_principal": {"kind": "person", "role": "ANALYST"}}})
        user = full.json
        equal("everything at once", (full.status, user["id"], user["phone"], user["user_metadata"],
            user["app_metadata"]),
              (200, mine, "+1 555", {"name": "Ada"},
              {**ours(), "plan": "pro", "kind": "service_account", "role": "ADMIN", "provider": "x",
              "providers": []}))
        ok("a confirmed email", user["email_confirmed_at"] == user["confirmed_at"]
           and user["identities"][0]["identity_data"]["email_verified"]
           and "banned_until" not in user, user)
        equal("which signs in", session(server, "full@example.com")["user"]["id"], mine)
        for name, kept in {"bcrypt": (BCRYPT, BCRYPT_OF),
                "argon2id": (sql(
                "SELECT hash FROM auth.password_hashes h JOIN auth.users u ON u.id = h.user_id WHERE u.email = 'full@example.com'"),
                PASSWORD)}.items():
            made = post({"email": f"{name}@example.com", "password_hash": kept[0]})
            equal(f"a {name} hash",
                (made.status, sql("SELECT hash FROM auth.password_hashes WHERE user_id = :'id'",
                id=made.json["id"])),
                  (200, kept[0]))
            session(server, f"{name}@example.com", kept[1])
        banned = post({"email": "banned@example.com", "password": PASSWORD, "ban_duration": "24h"})
        equal("banned from the start", ("banned_until" in banned.json, brief(go(
            server, "POST", "/token?grant_type=password", {"email": "banned@example.com",
            "password": PASSWORD}))[1]), (True, "user_banned"))
        for name, body, wanted in [
                ("without an email", {"password": PASSWORD},
                (*MISSING, "Cannot create a user without an email")),
                ("with an email that is taken", {"email": "MADE@example.com"},
                 (422, "email_exists",
                 "A user with this email address has already been registered")),
                ("with an id that is taken", {"email": "id@example.com", "id": mine},
                (409, "conflict", "A user with that id already exists")),
                ("with an id that is none", {"email": "id@example.com", "id": "7"},
                (*MISSING, "id must be a UUID")),
                ("with the nil id",
                {"email": "id@example.com", "id": NOBODY.replace("4", "0").replace("8", "0")},
                 (*MISSING, "id must not be the nil or the max UUID")),
                ("with both passwords", {"email": "id@example.com", "password": PASSWORD,
                "password_hash": BCRYPT},
                 (*MISSING, "password_hash must not be given beside password")),
                ("with a hash that is none", {"email": "id@example.com", "password_hash": "md5"},
                 (*MISSING, "password_hash is of an unknown kind, which cannot be verified here")),
                ("with a database role", {"email": "id@example.com", "role": "service_role"},
                 (*MISSING, "role must be authenticated; the app role is set at /api/users/:id/role")),
                ("with an app role of ours",
                {"email": "id@example.com",
                "app_metadata": {"pg_principal": {"kind": "person", "role": "ADMIN"}}},
                 (*MISSING, RESERVED)),
                ("with half of what is ours",
                {"email": "id@example.com", "app_metadata": {"pg_principal": {"role": "ANALYST"}}},
                 (*MISSING, RESERVED)),
                ("with bad types", {"email": "id@example.com", "email_confirm": "yes"},
                (400, "bad_json", "email_confirm must be true or false")),
                ("with more of them", {"email": "id@example.com", "user_metadata": "x"},
                (400, "bad_json", "user_metadata must be an object")),
                ("with a number for a ban", {"email": "id@example.com", "ban_duration": 1},
                (400, "bad_json", "ban_duration must be a string")),
                ("with a large app_metadata",
                {"email": "id@example.com", "app_metadata": {"x": "y" * 5000}},
                 (*MISSING, "app_metadata has more than 4096 bytes"))]:
            refused(f"create {name}", server, "POST", "/admin/users", body, wanted, token=admin)
        weak = post({"email": "id@example.com", "password": "weak"})
        equal("with a weak password", (brief(weak)[:2], weak.json["weak_password"]),
            ((422, "weak_password"), {"reasons": ["length", "characters"]}))
        equal("nothing of it was stored",
            sql("SELECT count(*) FROM auth.users WHERE email = 'id@example.com'"), "0")


def update():
    with Server(*FAST) as server:
        admin, who = key("service_role"), account(email="changed@example.com")
        path = f"/admin/users/{who['id']}"

        def put(body):
            answer = go(server, "PUT", path, body, admin)
            return answer.json if answer.status == 200 else {"refused": answer.text}

        equal("GET", go(server, "GET", path, token=admin).json["email"], who["email"])
        put({"user_metadata": {"a": 1, "b": 2}, "app_metadata": {"plan": "free", "tags": ["x"]}})
        user = put({"user_metadata": {"a": None, "c": 3}, "app_metadata": {"plan": None}})
        equal("metadata is merged, null takes away", (user["user_metadata"], user["app_metadata"]),
              ({"b": 2, "c": 3}, {**ours(), "tags": ["x"]}))
        equal("an echo of the whole user changes nothing", {**put(user), "updated_at": 0,
            "identities": 0},
              {**user, "updated_at": 0, "identities": 0})
        equal("an application's role and kind are its own",
              put({"app_metadata": {"role": "ADMIN", "kind": "service_account",
              "provider": "github"}})["app_metadata"],
              {**ours(), "tags": ["x"], "kind": "service_account", "role": "ADMIN",
              "provider": "github"})
        equal("and make nobody an administrator",
            brief(go(server, "GET", "/admin/users",
            token=session(server, who["email"])["access_token"])),
              (403, "not_admin", "User not allowed"))
        equal("null takes them away",
            put({"app_metadata": {"role": None, "kind": None, "provider": None,
            "pg_principal": None}})["app_metadata"],
              {**ours(), "tags": ["x"]})
        user = put({"email": "Renamed@Example.com", "email_confirm": True, "phone": "+2"})
        equal("email and phone", (user["email"], user["phone"], "confirmed_at" in user),
            ("renamed@example.com", "+2", True))
        equal("not confirming takes nothing back", "confirmed_at" in put({"email_confirm": False}),
            True)
        kept = session(server, "renamed@example.com")
        equal("a password", put({"password": NEW}).get("id"), who["id"])
        equal("ends all sessions",
            (is_live(server, kept), bool(session(server, "renamed@example.com", NEW))),
            ((False, False), True))
        for name, body, wanted in [
                ("an email that is taken", {"email": account()["email"]},
                 (422, "email_exists",
                 "A user with this email address has already been registered")),
                ("another role of ours",
                {"app_metadata": {"pg_principal": {"kind": "person", "role": "ADMIN"}}},
                (*MISSING, RESERVED)),
                ("something else of ours", {"app_metadata": {"pg_principal": 1}},
                (*MISSING, RESERVED)),
                ("no address", {"email": "x"},
                (*MISSING, "Unable to validate email address: invalid format")),
                ("another id", {"id": NOBODY}, (*MISSING, "id is not a known field")),
                ("a hash", {"password_hash": BCRYPT},
                (*MISSING, "password_hash is not a known field"))]:
            refused(f"update with {name}", server, "PUT", path, body, wanted, token=admin)
        weak = go(server, "PUT", path, {"password": "weak"}, admin)
        equal("update with a weak password", (brief(weak)[:2], weak.json["weak_password"]),
              ((422, "weak_password"), {"reasons": ["length", "characters"]}))
        for method in ("GET", "PUT", "DELETE"):
            body = {} if method == "PUT" else None
            refused(f"{method} of nobody", server, method, f"/admin/users/{NOBODY}", body, GONE,
                token=admin)
            refused(f"{method} of what is no id", server, method, "/admin/users/7", body,
                (404, "validation_failed", "user_id must be an UUID"),
                    token=admin)


def ban():
    with Server(*FAST) as server:
        admin, who = key("service_role"), account()
        path, mine = f"/admin/users/{who['id']}", session(server, who["email"])

        def until(duration):
            """Whole seconds from now; None when there is no ban."""
            answer = go(server, "PUT", path, {"ban_duration": duration}, admin)
            left = sql("SELECT round(extract(epoch FROM banned_until - now()) / 10) * 10 FROM auth.users WHERE id = :'id'",
                id=who["id"])
            equal(f"{duration}: the answer tells", (answer.status, "banned_until" in answer.json),
                (200, bool(left)))
            return int(left) if left else None

        for duration, seconds in {"876000h": 876000 * 3600, "1h30m": 5400, "none": None,
                "1.5h": 5400, "0s": None, "90m0s": 5400, "+2h": 7200,
                                  "": 7200, "0": None, "5400000ms": 5400}.items():
            equal(f"ban for {duration}", until(duration), seconds)
        equal("the session is dead meanwhile",
            go(server, "GET", "/user", token=mine["access_token"]).status, 403)
        for duration in ("1d", "-1h", "h", "1", "1 h", "forever", "100 years", "1h-30m", "1e3h",
                "9999999999h"):
            refused(f"no ban for {duration}", server, "PUT", path, {"ban_duration": duration},
                    (*MISSING, "ban_duration must be none or a duration such as 24h30m, of at most 1000 years"),
                    token=admin)
        equal("which changed nothing", until(""), 5400)
        equal("lifted", until("none"), None)
        session(server, who["email"])
        boss = account("ADMIN")
        token = session(server, boss["email"])["access_token"]
        refused("nobody bans themselves", server, "PUT", f"/admin/users/{boss['id']}",
            {"ban_duration": "1h"},
                (422, "validation_failed", "You cannot ban yourself"), token=token)
        refused("or deletes themselves", server, "DELETE", f"/admin/users/{boss['id']}", None,
                (422, "validation_failed", "You cannot delete yourself"), token=token)


def pages():
    with Server(*FAST) as server:
        admin = key("service_role")
        sql("DELETE FROM auth.users")
        sql("SELECT auth.add_user(jsonb_build_object('email', format('page-%s@example.com', n), 'lastName',"
            " CASE n WHEN 3 THEN 'O''Hara, 50% & co' END)) FROM generate_series(1, 23) n")
        sql("UPDATE auth.users SET created_at = now() - interval '1 day' + substring(email FROM '[0-9]+')::integer * interval '1 s'")

        def page(query):
            answer = go(server, "GET", "/admin/users" + query, token=admin)
            names = [user["email"].split("@")[0][5:]
                for user in answer.json["users"]] if answer.status == 200 else answer.text
            return names, answer.headers.get("x-total-count"), answer.headers.get("link")

        def links(size, following, last, more=""):
            link = '</auth/v1/admin/users?page={}&per_page={}{}>; rel="{}"'
            return ", ".join(([link.format(following, size, more, "next")] if following else [])
                + [link.format(last, size, more, "last")])

        everybody = [str(n) for n in range(23, 0, -1)]
        equal("newest first", page(""), (everybody, "23", links(50, None, 1)))
        answer = go(server, "GET", "/admin/users", token=admin).json
        equal("a page", (sorted(answer), answer["aud"], set(answer["users"][0])),
            (["aud", "users"], "authenticated", USER))
        equal("what the client sends for nothing", page("?page=&per_page="),
            (everybody, "23", links(50, None, 1)))
        equal("the first page", page("?page=1&per_page=10"),
            (everybody[:10], "23", links(10, 2, 3)))
        equal("the second", page("?per_page=10&page=2"), (everybody[10:20], "23", links(10, 3, 3)))
        equal("the last", page("?page=3&per_page=10"), (everybody[20:], "23", links(10, None, 3)))
        equal("beyond it", page("?page=4&per_page=10"), ([], "23", links(10, None, 3)))
        equal("a filter", page("?filter=PAGE-2&per_page=3"),
            (["23", "22", "21"], "5", links(3, 2, 2, "&filter=PAGE-2")))
        equal("a name in a filter, as a link has it",
            page("?filter=o%27hara%2C%2050%25%20%26&per_page=1"),
              (["3"], "1", links(1, None, 1, "&filter=o%27hara%2C%2050%25%20%26")))
        equal("nothing found", page("?filter=nobody"),
            ([], "0", links(50, None, 1, "&filter=nobody")))
        equal("page 0 is the first, and no number is the usual one", [page("?page=0&per_page=10"),
            page("?per_page=0")],
              [(everybody[:10], "23", links(10, 2, 3)), (everybody, "23", links(50, None, 1))])
        equal("more than there may be on a page is as much as may be",
            [page(f"?per_page={many}") for many in (1001, 10**18)],
              [(everybody, "23", links(1000, None, 1))] * 2)
        equal("far beyond the last", page(f"?page={10**18}&per_page=10"),
            ([], "23", links(10, None, 3)))
        for query in ("page=-1", "page=x", "page=1.5", "page=99999999999999999999", "per_page=-1",
                "per_page=all"):
            equal(query, brief(go(server, "GET", f"/admin/users?{query}", token=admin)),
                  (*MISSING, f"Bad Pagination Parameters: {query.split('=')[0]} must be a whole number"))
        equal("twice", brief(go(server, "GET", "/admin/users?page=1&page=2", token=admin)),
            (*MISSING, "page is given more than once"))
        equal("a long filter", brief(go(server, "GET", "/admin/users?filter=" + "x" * 255,
            token=admin)), (*MISSING, "filter has more than 254 bytes"))


def delete():
    with Server(*FAST) as server:
        admin, who = key("service_role"), account()
        path, mine = f"/admin/users/{who['id']}", session(server, who["email"])
        equal("no factors", (go(server, "GET", path + "/factors", token=admin).json,
            go(server, "GET", f"/admin/users/{NOBODY}/factors", token=admin).status),
              ([], 404))
        refused("no soft deletion", server, "DELETE", path, {"should_soft_delete": True},
                (422, "feature_disabled", "Soft deletion is disabled: ban the user, or delete it"),
                token=admin)
        refused("nor half of one", server, "DELETE", path, {"should_soft_delete": "no"},
                (400, "bad_json", "should_soft_delete must be true or false"), token=admin)
        answer = go(server, "DELETE", path, {"should_soft_delete": False}, admin)
        equal("deleted", (answer.status, answer.text, is_live(server, mine)),
            (200, "{}", (False, False)))
        refused("and gone", server, "GET", path, None, GONE, token=admin)
        equal("without a body too", go(server, "DELETE", f"/admin/users/{account()['id']}",
            token=admin).text, "{}")
        bound = account()
        sql("CREATE TABLE public.invoice (of uuid REFERENCES auth.users)")
        sql("INSERT INTO public.invoice VALUES (:'id')", id=bound["id"])
        refused("not what others hold", server, "DELETE", f"/admin/users/{bound['id']}", None,
            (409, "conflict", "Refused by a trigger or constraint of the application's"),
            token=admin)
        sql("DROP TABLE public.invoice")
        boss = session(server, account("ADMIN")["email"])["access_token"]
        made = go(server, "POST", "/admin/users", {"email": "by-boss@example.com"}, boss)
        equal("an administrator's token will do", made.status, 200)
        entry = sql("SELECT actor_email LIKE 'admin-%' FROM auth.audit_log WHERE user_id = :'id' ORDER BY seq LIMIT 1",
            id=made.json["id"])
        equal("and is in the audit", entry, "t")


sql("SELECT auth.add_user(:'profile')", profile=json.dumps({"email": "somebody@example.com"}))
main(create, update, ban, pages, delete)
