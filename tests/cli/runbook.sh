#!/bin/bash
# What docs/runbook.md tells somebody to run, look at or read exists: every command and flag, function, setting,
# metric, reason and kind of finding in it. A word that is none of these is of something else's, and named here.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

sql() { psql -XAtq -c "$1"; }
help_of() { "$PG_PRINCIPAL" "$@" --help 2>/dev/null; }

# of PostgreSQL, pg_cron, Alertmanager and this repository
others=' .pgpass pg_hba.conf cron.host connection failed max_connections pg_stat_activity severity: page ticket monitoring/
 cron.use_background_workers = on target_session_attrs=read-write monitoring/pg_principal.rules.yml /health /ready '

verb_exists() { # WORDS..: verbs, then flags and what stands for their values
    local words=() word text
    while [ $# -gt 0 ] && [[ $1 != --* ]]; do words+=("$1") && shift; done
    text=$(help_of "${words[@]}")
    grep -qE "^(Usage: )?pg_principal ${words[*]} \[" <<<"$text" || { echo "no such verb" && return 1; }
    for word; do
        [[ $word != --* ]] || grep -qE -- "(^|[ ,])$word\b" <<<"$text" || { echo "no $word" && return 1; }
    done
}
functions_exist() { # STATEMENT: each auth.NAME( of it, and that it can be planned where pg_cron has no part in it
    local name
    for name in $(grep -oE 'auth\.[a-z_]+' <<<"$1"); do
        [ "$(sql "SELECT EXISTS (SELECT FROM pg_proc WHERE pronamespace = 'auth'::regnamespace AND proname = '${name#auth.}')")" = t ] ||
            { echo "no $name" && return 1; }
    done
    [[ $1 != SELECT* || $1 == *cron.* ]] || psql -Xq -v ON_ERROR_STOP=1 -c "EXPLAIN $1" >/dev/null
}
metric_exists() { # the counters of the pool by what they are called there, the database's by their name in SQL
    if [[ $1 == pg_principal_pool_* ]]; then
        grep -q "\"${1#pg_principal_pool_}\"" frontend/serve/status.cpp
    else
        local name=${1%_total}
        grep -rhoE "count_up\('[a-z._]+'" sql/modules | tr . _ | grep -q "'$name'"
    fi
}
reason_exists() { grep -rqF -- "'$1'" sql/modules; }

count=0
while IFS= read -r text; do
    count=$((count + 1))
    case $text in
    PgPrincipal*) continue ;;
    'pg_principal '* | 'serve --'*)
        # shellcheck disable=SC2086 # its words
        ok "$text" verb_exists ${text#pg_principal } ;;
    SELECT* | auth.*) ok "$text" functions_exist "$text" ;;
    pg_principal.*) is "$text" "$(sql "SELECT name FROM pg_settings WHERE name = '$text'")" "$text" ;;
    *_total) ok "$text" metric_exists "$text" ;;
    --*) ok "serve $text" verb_exists serve "$text" ;;
    *_*) if [[ $others == *" $text "* ]]; then continue; else
        like "$text is a kind of finding" "$(sql "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'incidents_kind_check'")" "'$text'"
    fi ;;
    *) [[ $(tr '\n' ' ' <<<"$others") == *" $text "* ]] || ok "$text is a reason" reason_exists "$text" ;;
    esac
done < <(sed '/^```/,/^```/d' docs/runbook.md | grep -oE '`[^`]+`' | tr -d '`' | sort -u)
ok "the runbook names many" test "$count" -gt 30
is "a verb that is not there would show" "$(verb_exists health bury)$(verb_exists auth ban --nobody)" "no such verbno --nobody"
is "so would a function and a reason" "$(functions_exist 'auth.bury()')$(reason_exists of-no-kind || echo ', no')" "no auth.bury, no"

# docs/audit.md, where the runbook leads, says what each fault means.
while IFS= read -r text; do
    ok "docs/audit.md explains: $text" grep -qF "${text//%s/N}" docs/audit.md
done < <(tr '\n' ' ' <sql/modules/64_audit_verify.sql | grep -oE "(THEN|,|format\(|:= +format\() *'[a-z][a-z %:,]{6,}'" | grep -oE "'.*'" | tr -d "'" | grep -v 'signed by no key of this database' | sort -u)
