"""What the tests of Supabase Auth's dialect share: its requests, its two shapes of refusals, its sessions."""

from api import PASSWORD, call, key, sql
from wire import equal

PREFIX = "/auth/v1"
VERSION = "2024-01-01"
USER = {"id", "aud", "role", "email", "phone", "app_metadata", "user_metadata", "identities",
    "created_at", "updated_at",
        "is_anonymous"}
IDENTITY = {"identity_id", "id", "user_id", "identity_data", "provider", "last_sign_in_at",
    "created_at", "updated_at", "email"}
SESSION = {"access_token", "token_type", "expires_in", "expires_at", "refresh_token", "user"}


def go(server, method, path, body=None, token=None, apikey=None, headers=(), prefix=PREFIX):
    lines = list(headers) + ([f"apikey: {apikey}"] if apikey is not None else [])
    return call(server, method, prefix + path, body, token, lines)


def brief(answer):
    """Status, code and text of a refusal in the older shape; nothing else may be in it but the reasons of a weak password."""
    told = dict(answer.json or {})
    told.pop("weak_password", None)
    if set(told) != {"code", "error_code", "msg"} or told["code"] != answer.status \
            or answer.headers.get("x-sb-error-code") != told[
            "error_code"] or "x-supabase-api-version" in answer.headers:
        return answer.status, answer.text, answer.headers
    return answer.status, told["error_code"], told["msg"]


def brief_now(answer):
    """The same of version 2024-01-01."""
    told = dict(answer.json or {})
    told.pop("weak_password", None)
    if set(told) != {"code", "message"} or answer.headers.get("x-supabase-api-version") != VERSION \
            or answer.headers.get("x-sb-error-code") != told["code"]:
        return answer.status, answer.text, answer.headers
    return answer.status, told["code"], told["message"]


def refused(name, server, method, path, body, wanted, **more):
    """A request is refused in both shapes; the first answer."""
    older = go(server, method, path, body, **more)
    headers = [*more.pop("headers", ()), f"X-Supabase-Api-Version: {VERSION}"]
    newer = go(server, method, path, body, headers=headers, **more)
    equal(name, (brief(older), brief_now(newer)), (wanted, wanted))
    return older


def session(server, email, password=PASSWORD):
    answer = go(server, "POST", "/token?grant_type=password",
        {"email": email, "password": password})
    assert answer.status == 200, answer.text
    return answer.json


def refresh(server, token):
    return go(server, "POST", "/token?grant_type=refresh_token", {"refresh_token": token})


def is_live(server, kept):
    """Whether the access token and the refresh token of a session are taken; the refresh token is used up by that."""
    return (go(server, "GET", "/user", token=kept["access_token"]).status == 200,
            refresh(server, kept["refresh_token"]).status == 200)


def setting(name, value):
    """Of the server's role, for servers that are started from now on; None resets it."""
    sql(f"ALTER ROLE web RESET pg_principal.{name}" if value is None
        else f"ALTER ROLE web SET pg_principal.{name} = '{value}'")


__all__ = ["IDENTITY", "PREFIX", "SESSION", "USER", "VERSION", "brief", "brief_now", "go",
    "is_live", "key", "refresh",
           "refused", "session", "setting"]
