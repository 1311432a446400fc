#!/bin/bash
# PostgreSQL 15.18: under row-level security `at >= current_date` uses no index on a timestamptz, and no condition one on numeric or on an enum.
#
# A policy is evaluated before the conditions of the query, except for operators that are leakproof, and only these get to an index. That is in the
# manual (sections 5.8 and CREATE POLICY); which operators they are is in pg_proc alone. Comparisons of most types with themselves are. Those of
# date with timestamptz, and of timestamp with either, are not: so `at >= current_date` and `at >= DATE '..'` look at all rows that the policy lets
# through, and `at >= now() - interval '1 day'` and `at >= '..'` do not. Nor are those of numeric, enums, arrays, jsonb and ranges: a numeric primary key
# finds its row by reading all of a tenant's. The policy need not have to do with that column, and the table's owner, whom it does not bind, is
# shown the fast plan. Others have met it with numeric, full text and JSON; of dates and enums we found nothing. 18.6 has the same list (postgres.bki).
# Way out: compare with a value of the column's own type; bigint for keys and amounts, text for states.
#
#   condition                           for the owner    under the policy
#   at >= '2020-01-01'                  its index        its index
#   at >= now() - interval '1 day'      its index        its index
#   at >= current_date                  its index        all of the tenant's rows
#   at >= current_date::timestamptz     its index        its index
#   number = 7                          its index        its index
#   amount = 7                          its index        all of the tenant's rows
#   state = 'open'                      its index        all of the tenant's rows
#   state_as_text = 'open'              its index        its index
# shellcheck source=findings/lib/postgresql.sh
. "$(dirname "$0")/lib/postgresql.sh"

serve_postgresql
run psql -XAtq -v ON_ERROR_STOP=1 <<'SQL' >&2 || not_tried "the table is not made"
CREATE TYPE state AS ENUM ('closed', 'open');
CREATE TABLE bill (tenant text, at timestamptz, number bigint, amount numeric, state state, state_as_text text);
INSERT INTO bill SELECT CASE i % 2 WHEN 0 THEN 'north' ELSE 'south' END, now() - i * interval '1 hour', i, i, s::state, s
    FROM generate_series(1, 100000) AS i, LATERAL (SELECT CASE i % 10000 WHEN 0 THEN 'open' ELSE 'closed' END) AS t (s);
UPDATE bill SET at = '2019-12-31' WHERE at >= '2020-01-01' AND at < now() - interval '30 days';
CREATE INDEX tenant ON bill (tenant);
CREATE INDEX own_at ON bill (at);
CREATE INDEX own_number ON bill (number);
CREATE INDEX own_amount ON bill (amount);
CREATE INDEX own_state ON bill (state);
CREATE INDEX own_state_as_text ON bill (state_as_text);
ALTER TABLE bill ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenants ON bill USING (tenant = current_setting('shop.tenant'));
CREATE ROLE clerk;
GRANT SELECT ON bill TO clerk;
ANALYZE bill;
SQL

plan() { # ROLE CONDITION
    local text
    text=$(run psql -XAtq -c "SET shop.tenant = 'north'" -c "SET ROLE $1" -c "EXPLAIN (COSTS OFF) SELECT * FROM bill WHERE $2")
    case $text in
    *"Index Cond: (${2%% *} "*) echo 'its index' ;;
    *'Seq Scan'* | *"Index Cond: (tenant = "*) echo "all of the tenant's rows" ;;
    *) echo "$text" ;;
    esac
}
{
    printf '%-35s %-16s %s\n' condition 'for the owner' 'under the policy'
    for condition in "at >= '2020-01-01'" "at >= now() - interval '1 day'" 'at >= current_date' 'at >= current_date::timestamptz' \
        'number = 7' 'amount = 7' "state = 'open'" "state_as_text = 'open'"; do
        printf '%-35s %-16s %s\n' "$condition" "$(plan postgres "$condition")" "$(plan clerk "$condition")"
    done
} | expect "condition                           for the owner    under the policy
at >= '2020-01-01'                  its index        its index
at >= now() - interval '1 day'      its index        its index
at >= current_date                  its index        all of the tenant's rows
at >= current_date::timestamptz     its index        its index
number = 7                          its index        its index
amount = 7                          its index        all of the tenant's rows
state = 'open'                      its index        all of the tenant's rows
state_as_text = 'open'              its index        its index"
