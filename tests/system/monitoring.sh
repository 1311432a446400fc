#!/bin/bash
# From a refused refresh to the page: pg_cron scans, Prometheus scrapes, the shipped rules fire, Alertmanager
# posts to a webhook. All of them real, with the shipped configuration but for addresses and intervals.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

ok "each alert fires when it should, and not before" promtool test rules tests/system/alerts.yml
missing=$(sed -n 's/^ *runbook_url: docs\/runbook.md#//p' monitoring/pg_principal.rules.yml | sort -u |
    grep -vxFf <(sed -n 's/^## //p' docs/runbook.md | tr '[:upper:]' '[:lower:]'))
is "each has its entry in the runbook" "$missing" ""
is "and each entry an alert" "$(sed -n 's/^## \(PgPrincipal.*\)/\1/p' docs/runbook.md | grep -vxFf <(
    sed -n 's/^ *- alert: //p; s/ScanNeverRan/ScanLate/' monitoring/pg_principal.rules.yml))" ""

dir=$work/monitoring
read -r http_port prometheus_port manager_port webhook_port < <(python3 - <<'END'
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
print(*(s.getsockname()[1] for s in sockets))
END
)
cluster_create "$dir" fsync=off || exit 1
cluster_start "$dir" || exit 1
sql() { psql -XqAt -v ON_ERROR_STOP=1 -c "$1" 2>&1; }
running=()
at_exit() { [ ${#running[@]} = 0 ] || kill "${running[@]}" 2>/dev/null; }
wait_for() { # SECONDS COMMAND..
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.2
    done
}

sql "CREATE EXTENSION pg_principal; CREATE ROLE web LOGIN IN ROLE authenticator; SELECT auth.create_signing_key();
     SELECT auth.push_people('[{\"email\": \"etl-agent@example.com\", \"name\": \"ETL\", \"kind\": \"service_account\"}]');
     SELECT auth.provision(); SELECT auth.set_password('etl-agent@example.com', 'Th1sIsAStrong!Pass')" >/dev/null
if sql "CREATE EXTENSION pg_cron" >/dev/null; then
    # 1.4 knows no seconds
    sql "SELECT auth.schedule_health_scan('2 seconds')" >/dev/null || sql "SELECT auth.schedule_health_scan('* * * * *')" >/dev/null
    scheduled=yes
fi

PGUSER=web "$PG_PRINCIPAL" serve --listen "127.0.0.1:$http_port" --access-log off 2>"$dir/serve.log" &
running+=($!)
python3 -u - "$webhook_port" >"$dir/pages" <<'END' &
import http.server, sys

class Webhook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        print(self.path, self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass

http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Webhook).serve_forever()
END
running+=($!)
cp monitoring/*.yml "$dir/"
sed -i "s/30s/1s/; s/localhost:8080/127.0.0.1:$http_port/; s/localhost:9093/127.0.0.1:$manager_port/" "$dir/prometheus.yml"
sed -i "s/localhost:9095/127.0.0.1:$webhook_port/; s/group_wait: .*/group_wait: 1s/" "$dir/alertmanager.yml"
prometheus-alertmanager --config.file="$dir/alertmanager.yml" --storage.path="$dir/manager" --cluster.listen-address= \
    --web.listen-address="127.0.0.1:$manager_port" >"$dir/manager.log" 2>&1 &
running+=($!)
prometheus --config.file="$dir/prometheus.yml" --storage.tsdb.path="$dir/prometheus" \
    --web.listen-address="127.0.0.1:$prometheus_port" >"$dir/prometheus.log" 2>&1 &
running+=($!)

is_scraped() { # QUERY: Prometheus has an answer
    python3 - "http://127.0.0.1:$prometheus_port" "$1" <<'END'
import json, sys, urllib.parse, urllib.request
answer = json.load(urllib.request.urlopen(sys.argv[1] + "/api/v1/query?" + urllib.parse.urlencode({"query": sys.argv[2]})))
sys.exit(not answer["data"]["result"])
END
}
ok "the zero before the first is scraped" wait_for 30 is_scraped 'agent_refresh_failures_total == 0'
is "nobody was paged" "$(grep -c RefreshRefused "$dir/pages")" 0

start=$(date +%s%N)
is "a refresh is refused" "$(sql "SELECT reason FROM auth.refresh((SELECT left(payload->'tokens'->>'refreshToken', -6) || 'AAAAAA'
    FROM auth.sign_in('etl-agent@example.com', 'Th1sIsAStrong!Pass')))")" hash-mismatch
[ -n "${scheduled-}" ] || sql "SELECT count(*) FROM auth.scan_agent_health()" >/dev/null
ok "somebody is paged" wait_for 90 grep -q '^/page .*PgPrincipalAgentRefreshRefused' "$dir/pages"
echo "# from the refused refresh to the webhook: $((($(date +%s%N) - start) / 1000000)) ms${scheduled:+, of them up to a minute until pg_cron runs}"
page=$(sed -n 's/^\/page //p' "$dir/pages" | grep RefreshRefused | tail -n 1)
is "with what it is and where to look" "$(jq -c '.alerts[] | select(.labels.alertname == "PgPrincipalAgentRefreshRefused") | [.status, .labels.severity, .annotations.runbook_url]' <<<"$page")" \
    '["firing","page","docs/runbook.md#pgprincipalagentrefreshrefused"]'
is "and nobody's address" "$(grep -c 'etl-agent' "$dir/pages")" 0

# A token that ends without a successor.
like "a token is issued" "$(sql "SELECT auth.issue('etl-agent@example.com', '1h', 'ci')")" '^eyJ'
sql "UPDATE auth.sessions SET created_at = now() - interval '3 days', expires_at = now() + interval '1 hour' WHERE label = 'ci'" >/dev/null
sql "SELECT count(*) FROM auth.scan_agent_health()" >/dev/null
ok "one that ends within a day pages" wait_for 30 grep -q '^/page .*PgPrincipalTokenExpiresWithinDay' "$dir/pages"
sql "UPDATE auth.sessions SET expires_at = now() - interval '1 second' WHERE label = 'ci'" >/dev/null
sql "SELECT count(*) FROM auth.scan_agent_health()" >/dev/null
ok "and one that ended" wait_for 30 grep -q '^/page .*PgPrincipalAgentSilent' "$dir/pages"

# The audit.
is "a scan of the audit finds nothing" "$(sql "SELECT auth.scan_audit()")" 0
sql "ALTER TABLE auth.audit_log DISABLE TRIGGER USER; UPDATE auth.audit_log SET reason = 'nothing' WHERE reason = 'hash-mismatch'; ALTER TABLE auth.audit_log ENABLE TRIGGER USER" >/dev/null
is "an entry is altered" "$(sql "SELECT auth.scan_audit() > 0")" t
ok "and pages" wait_for 30 grep -q '^/page .*PgPrincipalAuditBroken' "$dir/pages"
cluster_stop "$dir" fast
