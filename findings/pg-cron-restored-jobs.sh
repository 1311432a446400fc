#!/bin/bash
# pg_cron 1.4.2 (Debian 12): the jobs of a restored dump run in the server that the dump was made of, and the copy says that they succeeded.
#
# cron.job is part of a dump, and has with each job where to connect to: cron.host, "localhost" unless told otherwise, and the port of the
# server in which it was scheduled. A copy on the same machine (a rehearsal of the restore, a test database, the new cluster of pg_upgrade beside
# the old one) has another port, and its pg_cron connects to that of the original. The original gets every job twice, and jobs that were taken
# out there long ago; the copy, which lists the jobs as its own and their runs as successes, gets none. README speaks of "a new connection to
# the local database" and of cron.host, not of the port, which cron.alter_job() cannot change; 1.6.7 does the same (src/pg_cron.c).
# Way out: cron.use_background_workers = on where the dump is restored, before it is. Or at once afterwards, as a superuser,
# UPDATE cron.job SET nodeport = current_setting('port')::int.
#
#   before: the original has 0 jobs, 0 invoices; the copy 1 job, 0 invoices; the copy with background workers 1 job, 0 invoices
#   a minute later: the original has 0 jobs, 1 invoice; the copy 1 job, 0 invoices; the copy with background workers 1 job, 1 invoice
#   the copy's cron.job_run_details: succeeded, INSERT 0 1
# shellcheck source=findings/lib/postgresql.sh
. "$(dirname "$0")/lib/postgresql.sh"

need python3
debian postgresql-15-cron=1.4.2-2+b1
read -r original copy workers < <(python3 -c 'import socket
print(*(s.getsockname()[1] for s in [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]))')
settings=(-c listen_addresses=localhost -c shared_preload_libraries=pg_cron -c cron.database_name=postgres)
query() { # PORT ARGUMENT..
    run psql -p "$1" -XAtq -v ON_ERROR_STOP=1 "${@:2}"
}
counts() { # PORT
    query "$1" -c "SELECT format('%s job%s, %s invoice%s', jobs, left('s', abs(jobs - 1)), made, left('s', abs(made - 1)))
        FROM (SELECT (SELECT count(*) FROM cron.job)::int AS jobs, (SELECT count(*) FROM invoice)::int AS made) AS counts"
}
all_counts() {
    echo "the original has $(counts "$original"); the copy $(counts "$copy"); the copy with background workers $(counts "$workers")"
}

PGPORT=$original
serve_postgresql "${settings[@]}"
PGPORT=$copy start_server copy "${settings[@]}"
PGPORT=$workers start_server workers "${settings[@]}" -c cron.use_background_workers=on
query "$original" <<'SQL' >/dev/null
CREATE EXTENSION pg_cron;
CREATE TABLE invoice (made timestamptz DEFAULT now());
SELECT cron.schedule('bill', '* * * * *', 'INSERT INTO invoice DEFAULT VALUES');
SQL
run pg_dump -p "$original" >"$work/dump"
query "$original" -c "SELECT cron.unschedule('bill')" -c "TRUNCATE invoice" >/dev/null # so that what comes is the copy's
seconds=$(date +%-S)
[ "$seconds" -lt 45 ] || sleep "$((62 - seconds))" # no minute may end between the restores and the first look
for port in "$copy" "$workers"; do query "$port" <"$work/dump" >/dev/null; done
{
    echo "before: $(all_counts)"
    for port in "$copy" "$workers"; do
        for _ in {1..140}; do
            [ -z "$(query "$port" -c "SELECT 1 FROM cron.job_run_details WHERE status = 'succeeded'")" ] || break
            sleep 0.5
        done
    done
    echo "a minute later: $(all_counts)"
    query "$copy" -c "SELECT format('the copy''s cron.job_run_details: %s, %s', status, return_message) FROM cron.job_run_details"
} | expect "before: the original has 0 jobs, 0 invoices; the copy 1 job, 0 invoices; the copy with background workers 1 job, 0 invoices
a minute later: the original has 0 jobs, 1 invoice; the copy 1 job, 0 invoices; the copy with background workers 1 job, 1 invoice
the copy's cron.job_run_details: succeeded, INSERT 0 1"
