#!/bin/bash
# pgbouncer in front, transaction and session mode: nobody is ever anybody else, also after errors, cancelled
# statements and clients that vanish. CLIENTS and ROUNDS say how many; make torture takes 1,000.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh
# shellcheck source=tests/harness/pooler.sh
. tests/harness/pooler.sh

if [ -z "${HARNESS_ROOT-}" ]; then
    echo "run by: make test ONLY=system"
    exit 2
fi
dir=$work/pool
at_exit() { pooler_stop "$dir"; }
ulimit -n "$(ulimit -Hn)"
pooler_cluster "$dir" || exit 1
server=$PGHOST
clients=${CLIENTS:-60} rounds=${ROUNDS:-10}
first=$(sed -n 1p "$dir/tokens" | cut -d ' ' -f 2) first_email=$(sed -n 1p "$dir/tokens" | cut -d ' ' -f 1)
ask() { PGUSER=app timeout 20 psql -XAtq "$@" 2>&1; }
crowd() { timeout "${LIMIT:-120}" python3 tests/system/pooler_clients.py "$1" "$clients" "$2" <"$dir/tokens" || echo "not ok - the clients ended with status $?"; }

pooler_start "$dir" transaction "server_reset_query = DISCARD ALL" || exit 1
crowd transaction "$rounds"
is "over 10 connections to the server" "$(PGHOST=$server psql -XAtqc "SELECT count(*) <= 10 FROM pg_stat_activity WHERE usename = 'app'")" t
# what goes wrong in this mode when it is used as if connections were one's own
is "in transaction mode a token bound for the session stays on the connection" \
    "$(ask -c "SELECT auth.authenticate('$first', false)->>'email'" -c "SELECT count(*) FROM pg_sleep(0)" | head -n 1
        for _ in {1..30}; do ask -c "SELECT auth.email()"; done | grep -c . | sed 's/^[1-9][0-9]*$/left behind/')" "$first_email
left behind"
pooler_stop "$dir"
pooler_start "$dir" transaction "server_reset_query = DISCARD ALL" "server_reset_query_always = 1" || exit 1
is "server_reset_query_always takes it away" "$(ask -c "SELECT auth.authenticate('$first', false)->>'email'" -c "SELECT coalesce(auth.email(), 'nobody')")" "$first_email
nobody"
said=$(PGOPTIONS="-c pg_principal.token=$first" ask -c "SELECT auth.email()")
like "a token in PGOPTIONS is refused by pgbouncer" "$said" 'unsupported startup parameter|'"$first_email"
PGUSER=app "$PG_PRINCIPAL" serve --listen 127.0.0.1:0 --access-log off 2>"$dir/serve.log" &
for _ in {1..100}; do ! grep -q hint "$dir/serve.log" || break; sleep 0.1; done
kill $! && wait $! 2>/dev/null
like "so are the options of serve, which says what to do" "$(cat "$dir/serve.log")" 'unsupported startup parameter.*hint: A pooler refuses our startup options: serve --transaction-pooler'
[[ $said != *unsupported* ]] || ok "which writes it into its log, token and all" grep -qF "$first" "$dir/pooler/log"
pooler_stop "$dir"
pooler_start "$dir" transaction "ignore_startup_parameters = options" || exit 1
is "or dropped where pgbouncer is told to ignore it: then the caller is nobody" \
    "$(PGOPTIONS="-c pg_principal.token=$first" ask -c "SELECT coalesce(auth.email(), 'nobody')")" nobody
pooler_stop "$dir"

pooler_start "$dir" session || exit 1
crowd session "$(((rounds + 3) / 4))"
pooler_stop "$dir"
pooler_start "$dir" session "server_reset_query =" "default_pool_size = 1" || exit 1
is "without a server_reset_query the next client is the one before" "$(ask -c "SELECT auth.authenticate('$first', false)->>'email'"
    ask -c "SELECT auth.email()")" "$first_email
$first_email"
pooler_stop "$dir"
