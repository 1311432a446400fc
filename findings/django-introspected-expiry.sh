#!/bin/bash
# django-oauth-toolkit 1.7.0 (Debian 12): a resource server with TIME_ZONE = "Europe/Berlin" refuses each access token of an hour or less, though the issuer,
# which it asks each time, says that it is active.
#
# exp in the answer of an introspection endpoint is seconds since 1970 in UTC (RFC 7662, section 2.2). The toolkit makes of it a time without a zone, in
# UTC, and then has Django read that in the project's zone (_get_token_from_authentication_server: utcfromtimestamp(), make_aware()). East of UTC a token ends as
# many hours too early: in Berlin those of an hour, in summer of two, in Tokyo those of nine never live. The answer is 403, and as what is remembered has
# ended, the issuer is asked with each request. West of UTC it is remembered for as many hours too long. Mended in 2.4.0
# (django-oauth/django-oauth-toolkit#1291, #1292); Debian 12 has 1.7.0. Way out: TIME_ZONE = "UTC", and no timezone.activate() before tokens are judged.
# What is meant so: an answer counts until exp, or for RESOURCE_SERVER_TOKEN_CACHING_SECONDS, ten hours unless told, whatever is revoked meanwhile.
#
#   of 3 requests with a token that the issuer calls active:
#   UTC, 15 minutes: 200 200 200, the issuer was asked 1 time
#   Europe/Berlin, 15 minutes: 403 403 403, the issuer was asked 3 times
#   Europe/Berlin, 3 hours: 200 200 200, the issuer was asked 1 time
#   Asia/Tokyo, 3 hours: 403 403 403, the issuer was asked 3 times
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

python=/usr/bin/python3
"$python" -c 'import cryptography, requests' 2>/dev/null || not_tried "python3-requests or python3-cryptography is missing"
debian python3-django-oauth-toolkit=1.7.0-2 python3-django=3:3.2.25-0+deb12u7 python3-oauthlib=3.2.2-1 python3-jwcrypto=1.1.0-1+deb12u1 \
    python3-asgiref=3.6.0-1 python3-deprecated=1.2.13-3 python3-sqlparse=0.4.2-1+deb12u1 python3-tz=2022.7.1-4 python3-wrapt=1.14.1-2+b2
export PYTHONPATH=$work/root/usr/lib/python3/dist-packages

cat >"$work/ask.py" <<'PY'
import http.server
import json
import sys
import threading
import time

asked, life, zone = 0, int(sys.argv[2]), sys.argv[1]


class Issuer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        global asked
        asked += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = json.dumps({"active": True, "scope": "read", "exp": int(time.time()) + life}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


issuer = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
threading.Thread(target=issuer.serve_forever, daemon=True).start()

import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"], SECRET_KEY="x",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}, USE_TZ=True, TIME_ZONE=zone,
    OAUTH2_PROVIDER={"RESOURCE_SERVER_INTROSPECTION_URL": f"http://127.0.0.1:{issuer.server_port}/introspect",
                     "RESOURCE_SERVER_AUTH_TOKEN": "x", "SCOPES": {"read": "Read"}})
django.setup()
from django.core.management import call_command
from django.http import HttpResponse
from django.test import RequestFactory
from oauth2_provider.decorators import protected_resource

call_command("migrate", verbosity=0)


@protected_resource(scopes=["read"])
def view(request):
    return HttpResponse("content")


request = RequestFactory().get("/", HTTP_AUTHORIZATION="Bearer token")
answers = [str(view(request).status_code) for _ in range(3)]
length = f"{life // 60} minutes" if life < 3600 else f"{life // 3600} hours"
print(f"{zone}, {length}: {' '.join(answers)}, the issuer was asked {asked} time{'s' * (asked > 1)}")
PY
{
    for asked in 'UTC 900' 'Europe/Berlin 900' 'Europe/Berlin 10800' 'Asia/Tokyo 10800'; do
        # shellcheck disable=SC2086 # two
        timeout 60 "$python" -W ignore "$work/ask.py" $asked
    done
} | expect 'UTC, 15 minutes: 200 200 200, the issuer was asked 1 time
Europe/Berlin, 15 minutes: 403 403 403, the issuer was asked 3 times
Europe/Berlin, 3 hours: 200 200 200, the issuer was asked 1 time
Asia/Tokyo, 3 hours: 403 403 403, the issuer was asked 3 times'
