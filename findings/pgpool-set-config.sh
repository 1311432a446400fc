#!/bin/bash
# Pgpool-II 4.3.5 (Debian 12) before a primary and a standby: SET counts on both, set_config() on the primary alone, and the next SELECT asks the other.
#
# Pgpool sends SET to every server and SELECT to one, the one that the session drew at log-in. Of set_config(), "this function corresponds to the SQL
# command SET" in PostgreSQL's manual, it sees a SELECT of a volatile function: that goes to the primary, as what writes has to, and the next SELECT outside a
# transaction to the standby again, where the setting is as it was at log-in. set_config() is the only form that takes a parameter, and so what
# applications tell row-level security by who is asking: users whose session drew a standby see no rows, or an error, and the next
# session is fine. In a transaction all is well, as after something volatile the rest of it goes to the primary, and so it is with PGOPTIONS.
# Any function that sets something does the same, and so does SET within DO. The manual says where SET goes and nothing of set_config();
# pgpool/pgpool2#145 has it of a procedure, and is open.
# Way out: BEGIN and set_config(.., true) before each group of statements; or SET, with the value quoted by the driver; or load_balance_mode = off.
#
#   SET: the standby answers, as ann
#   set_config(): the standby answers, as nobody
#   set_config() in a transaction that has ended: the standby answers, as nobody
#   SET in DO: the standby answers, as nobody
#   set_config() in the same transaction: the primary answers, as ann
#   PGOPTIONS: the standby answers, as ann
# shellcheck source=findings/lib/postgresql.sh
. "$(dirname "$0")/lib/postgresql.sh"

need python3
debian pgpool2=4.3.5-1+deb12u1 libpgpool2=4.3.5-1+deb12u1 libmemcached11=1.1.4-1 libmemcachedutil2=1.1.4-1 libhashkit2=1.1.4-1
read -r primary standby pool administration < <(python3 -c 'import socket
print(*(s.getsockname()[1] for s in [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]))')

PGPORT=$primary
serve_postgresql
run pg_basebackup -D "$work/copy" -R -X stream -c fast || not_tried "pg_basebackup"
(cd "$work" && exec timeout 240 "${as_user[@]}" "$work/root/usr/lib/postgresql/15/bin/postgres" \
    -D "$work/copy" -k "$work" -p "$standby" -c listen_addresses= -c fsync=off) 2>"$work/log.standby" &
server_pid="$server_pid $!"

mkdir "$work/pool"
cat >"$work/pool/pgpool.conf" <<END
backend_clustering_mode = 'streaming_replication'
listen_addresses = ''
port = $pool
socket_dir = '$work/pool'
pcp_listen_addresses = ''
pcp_port = $administration
pcp_socket_dir = '$work/pool'
pid_file_name = '$work/pool/pid'
logdir = '$work/pool'
num_init_children = 2
sr_check_user = 'postgres'
sr_check_period = 1
backend_hostname0 = '$work'
backend_port0 = $primary
backend_weight0 = 0
backend_hostname1 = '$work'
backend_port1 = $standby
backend_weight1 = 1
END
touch "$work/pool/pool_hba.conf" "$work/pool/pcp.conf"
[ ${#as_user[@]} = 0 ] || chown -R nobody "$work/pool"
for _ in {1..100}; do
    ! run pg_isready -q -p "$standby" || break
    sleep 0.1
done
(cd "$work" && LD_LIBRARY_PATH=$(dirname "$work"/root/usr/lib/*/libmemcached.so.11) exec timeout 120 "${as_user[@]}" "$work/root/usr/sbin/pgpool" -n -C \
    -f "$work/pool/pgpool.conf" -a "$work/pool/pool_hba.conf" -F "$work/pool/pcp.conf") >"$work/log.pool" 2>&1 &
server_pid="$server_pid $!"

query() { run psql -h "$work/pool" -p "$pool" -XAtq "$@"; }
ready=
for _ in {1..200}; do # until it knows which one is the standby
    ready=$(query -c 'SHOW pool_nodes' 2>/dev/null | awk -F '|' '$4 == "up" && $7 == "standby"') && [ -z "$ready" ] || break
    sleep 0.1
done
[ -n "$ready" ] || not_tried "pgpool: $(tail -n 3 "$work/log.pool")"

who="SELECT format('the %s answers, as %s', CASE current_setting('port') WHEN '$primary' THEN 'primary' ELSE 'standby' END,
    coalesce(nullif(current_setting('shop.person', true), ''), 'nobody'))"
{
    echo "SET: $(query -c "SET shop.person = 'ann'" -c "$who")"
    echo "set_config(): $(query -c "SELECT set_config('shop.person', 'ann', false)" -c "$who" | tail -n 1)"
    echo "set_config() in a transaction that has ended: $(query -c BEGIN -c "SELECT set_config('shop.person', 'ann', false)" -c COMMIT -c "$who" | tail -n 1)"
    echo "SET in DO: $(query -c "DO \$\$BEGIN SET shop.person = 'ann'; END\$\$" -c "$who")"
    echo "set_config() in the same transaction: $(query -c BEGIN -c "SELECT set_config('shop.person', 'ann', true)" -c "$who" -c COMMIT | tail -n 1)"
    echo "PGOPTIONS: $(PGOPTIONS='-c shop.person=ann' query -c "$who")"
} | expect "SET: the standby answers, as ann
set_config(): the standby answers, as nobody
set_config() in a transaction that has ended: the standby answers, as nobody
SET in DO: the standby answers, as nobody
set_config() in the same transaction: the primary answers, as ann
PGOPTIONS: the standby answers, as ann"
