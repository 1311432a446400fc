#!/bin/bash
# The console in Debian's Chromium, against `pg_principal serve` and its database. Screenshots: build/results/console.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

dir=$work/console
cluster_create "$dir" fsync=off || exit 1
cluster_start "$dir" || exit 1
psql -Xq -v ON_ERROR_STOP=1 <<'END' >/dev/null || exit 1
CREATE EXTENSION pg_principal;
CREATE ROLE web LOGIN IN ROLE authenticator;
SELECT auth.create_signing_key('ES256');
END

server='' port=''
at_exit() { [ -z "$server" ] || kill "$server" 2>/dev/null; }
serve() { # FLAG..: $server and $port
    PGUSER=web "$PG_PRINCIPAL" serve --listen 127.0.0.1:0 --access-log off --rate-limit 0 "$@" 2>"$dir/errors" &
    server=$!
    for _ in $(seq 600); do
        port=$(sed -n 's|.*listening on http://127.0.0.1:||p' "$dir/errors")
        [ -z "$port" ] || return 0
        sleep 0.1
    done
    return 1
}
status() { curl -s -o /dev/null -w '%{http_code}' --noproxy 127.0.0.1 "http://127.0.0.1:$port$1"; }

serve --console "$dir/nothing"
is "without its files the rest is served" "$(status /health) $(status /console/) $(status /console/main.js)" "200 404 404"
like "and says so" "$(cat "$dir/errors")" "no console: its files are not in $dir/nothing"
kill "$server"
wait "$server"
serve --console off
is "off, and nothing is said" "$(status /health) $(status /console/) $(grep -c console "$dir/errors")" "200 404 0"
kill "$server"
wait "$server"

chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
    echo "ok - the console in a browser # skipped: there is no chromium"
    exit
}
tests/harness/npm.sh console >"$dir/npm.log" 2>&1
case $? in
0) ;;
77) echo "ok - the console in a browser # skipped: $(tail -n 1 "$dir/npm.log")" && exit ;;
*) echo "not ok - puppeteer cannot be installed" && cat "$dir/npm.log" && exit ;;
esac
serve
mkdir -p "$work/profile"
ORIGIN=http://127.0.0.1:$port SERVER_PID=$server CHROMIUM=$chromium PROFILE=$work/profile SCREENSHOTS=$PWD/build/results/console \
    CONSOLE=$HARNESS_ROOT/usr/local/share/pg_principal/console HOME=$work timeout 500 node build/console/console.mjs </dev/null ||
    echo "not ok - tests/console/console.mjs ended with status $?"
is "the server has said nothing else" "$(grep -v listening "$dir/errors")" ""
