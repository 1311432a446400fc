"""The clients of Supabase Auth from npm, unchanged, against the real server."""

import os
import subprocess

from api import FAST, sql
from supabase import key, setting
from wire import Server, main, ok


def clients():
    installed = subprocess.run(["tests/harness/npm.sh", "interop"], capture_output=True, text=True,
        stdin=subprocess.DEVNULL)
    if installed.returncode == 77:
        ok(f"npm's @supabase/supabase-js # skipped: {installed.stdout.splitlines()[-1]}", True)
        return
    if not ok("npm's @supabase/supabase-js is here", installed.returncode == 0, installed.stdout):
        return
    setting("registration", "open")
    setting("clock_skew", 0)  # no grace for what has expired
    with Server(*FAST) as server, Server(*FAST, env={"AUTH_ACCESS_TOKEN_TTL": "2"}) as short:
        done = subprocess.run(["node", "tests/interop/supabase.mjs"], capture_output=True,
            text=True, timeout=120, stdin=subprocess.DEVNULL, env={
            **os.environ, "SUPABASE_URL": f"http://127.0.0.1:{server.port}",
            "SUPABASE_SHORT_URL": f"http://127.0.0.1:{short.port}",
            "SUPABASE_ANON": key("anon"), "SUPABASE_SERVICE": key("service_role")})
        print(done.stdout, end="")
        ok("node came to the end", done.returncode == 0, done.stderr)
    setting("clock_skew", None)
    setting("registration", None)


# Of a page's number the client reads one digit: ten pages would never end.
sql("DELETE FROM auth.users")
sql("SELECT auth.add_user('{\"email\": \"first@example.com\"}')")
main(clients)
