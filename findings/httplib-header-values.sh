#!/bin/bash
# cpp-httplib 0.11.4 (Debian 12): handlers do not see the header values that were sent.
#
# An empty value is one (RFC 9110, 5.5: field-value = *field-content), and nothing in a value is percent-encoded for HTTP itself. Here a
# header without a value is not there at all, so that "empty" and "absent" cannot be told apart; and each value is decoded as if it were
# part of a URL, once, wherever it comes from: `%25` arrives as `%`, and a URL in a header (Referer, a callback, a link) as another one.
# "+" stays, so it is not a form's decoding either. A percent sign before no two hex digits stays as well.
#
#   X-Empty: absent
#   X-Link: [https://example.org/a b?q=50%&r=x&y]
#   X-Sum: [1+1 is 100% sure]
# shellcheck source=findings/lib/httplib.sh
. "$(dirname "$0")/lib/httplib.sh"

serve_httplib <<'CPP'
    server.Get("/", [](const Request& request, Response& response) {
        for (const char* name : {"X-Empty", "X-Link", "X-Sum"}) {
            response.body += std::string(name) + ": " +
                             (request.has_header(name) ? "[" + request.get_header_value(name) + "]" : "absent") + "\n";
        }
    });
CPP

timeout 30 python3 - <<'PYTHON' | expect 'X-Empty: absent
X-Link: [https://example.org/a b?q=50%&r=x&y]
X-Sum: [1+1 is 100% sure]'
import http.client, os

connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["port"]), timeout=12)
connection.request("GET", "/", headers={
    "X-Empty": "", "X-Link": "https://example.org/a%20b?q=50%25&r=x%26y", "X-Sum": "1+1 is 100% sure"})
print(connection.getresponse().read().decode(), end="")
PYTHON
