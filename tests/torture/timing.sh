#!/bin/bash
# How long a refused sign-in takes, for addresses unknown, known, locked, banned and without a password, and
# how long it takes to refuse a token wrong at its begin and at its end: interleaved at random, medians compared
# by bootstrap. A difference that is there and is more than a fiftieth of a sign-in is a finding.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

if [ -z "${HARNESS_ROOT-}" ]; then
    echo "run by: make torture"
    exit 2
fi
dir=$work/timing
cluster_create "$dir" autovacuum=off synchronous_commit=on || exit 1
cluster_start "$dir" || exit 1
rounds=${ROUNDS:-150}
psql -XqAt -v ON_ERROR_STOP=1 >"$dir/setup.log" 2>&1 <<'SQL' || { cat "$dir/setup.log" && exit 1; }
CREATE EXTENSION pg_principal;
SELECT auth.create_signing_key();
SELECT auth.add_user(jsonb_build_object('email', k || n || '@example.com', 'password', 'Th1sIsAStrong!Pass'))
FROM unnest(ARRAY['known', 'banned', 'locked']) AS k, generate_series(1, 20) AS n;
SELECT auth.add_user(jsonb_build_object('email', 'passwordless' || n || '@example.com')) FROM generate_series(1, 20) AS n;
SELECT auth.ban(email) FROM auth.users WHERE email LIKE 'banned%';
INSERT INTO auth.sign_in_attempts (user_id, source, failures, last_failure_at, locked_until)
SELECT id, '', 9, now(), now() + interval '1 day' FROM auth.users WHERE email LIKE 'locked%';
CREATE TABLE took (kind text, us double precision);
CREATE PROCEDURE measure(rounds int) LANGUAGE plpgsql AS $$
DECLARE
    kind text;
    begun timestamptz;
BEGIN
    FOR n IN 1..rounds LOOP
        FOR kind IN SELECT k FROM unnest(ARRAY['known', 'unknown', 'banned', 'locked', 'passwordless']) AS k ORDER BY random() LOOP
            begun := clock_timestamp();
            PERFORM auth.sign_in(kind || 1 + n % 20 || '@example.com', 'wrong');
            COMMIT;
            INSERT INTO took VALUES (kind, extract(epoch FROM clock_timestamp() - begun) * 1000000);
            COMMIT;
        END LOOP;
    END LOOP;
END $$;
CREATE FUNCTION refused(token text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM auth.authenticate(token);
EXCEPTION WHEN OTHERS THEN
    NULL;
END $$;
CREATE PROCEDURE measure_tokens(rounds int, good text) LANGUAGE plpgsql AS $$
DECLARE
    kind text;
    bad text;
    begun timestamptz;
    signature int := length(good) - 42;
BEGIN
    FOR n IN 1..rounds LOOP
        FOR kind IN SELECT k FROM unnest(ARRAY['token, first byte', 'token, last byte', 'token, all bytes']) AS k ORDER BY random() LOOP
            bad := CASE kind WHEN 'token, first byte' THEN overlay(good PLACING CASE substr(good, signature, 1) WHEN 'A' THEN 'B' ELSE 'A' END FROM signature FOR 1)
                WHEN 'token, last byte' THEN overlay(good PLACING CASE substr(good, length(good) - 1, 1) WHEN 'A' THEN 'B' ELSE 'A' END FROM length(good) - 1 FOR 1)
                ELSE left(good, signature - 1) || repeat('A', 43) END;
            begun := clock_timestamp();
            FOR i IN 1..50 LOOP
                PERFORM refused(bad);
            END LOOP;
            INSERT INTO took VALUES (kind, extract(epoch FROM clock_timestamp() - begun) * 1000000 / 50);
        END LOOP;
    END LOOP;
END $$;
SQL
# the strangers' hour of audit entries is over at once; that of a principal lasts longer: does it show?
psql -XqAtc "SELECT count(auth.sign_in('stranger' || n || '@example.com', 'x')) FROM generate_series(1, 70) AS n" >"$dir/out"
psql -Xqc "CALL measure(10)" -c "TRUNCATE took" -c "CALL measure($rounds)"
token=$(psql -XqAtc "SELECT (s.payload->'tokens'->>'accessToken') FROM auth.add_user('{\"email\": \"one@example.com\", \"password\": \"Th1sIsAStrong!Pass\"}') AS a, LATERAL auth.sign_in('one@example.com', CASE WHEN a.ok THEN 'Th1sIsAStrong!Pass' END) AS s")
psql -Xqc "CALL measure_tokens($((rounds * 4)), '$token')"
psql -XqAt -F ' ~ ' -c "SELECT kind, us FROM took" >"$dir/took"
python3 - "$dir/took" <<'PYTHON'
import random, statistics, sys

random.seed(1)
took = {}
for line in open(sys.argv[1]):
    kind, us = line.split(" ~ ")
    took.setdefault(kind, []).append(float(us))


def compare(kind, base, allowed):
    a, b = took[kind], took[base]
    draws = sorted(statistics.median(random.choices(a, k=len(a))) - statistics.median(random.choices(b, k=len(b))) for _ in range(2000))
    low, high, middle = draws[1], draws[-2], statistics.median(b)
    good = low < allowed * middle and high > -allowed * middle
    print(f"{'ok' if good else 'not ok'} - {kind} beside {base}: {statistics.median(a):.0f} and {middle:.0f} us, difference within {low:.0f} to {high:.0f} (99.9 %)")


for kind in ("unknown", "banned", "locked", "passwordless"):
    compare(kind, "known", 0.02)
compare("token, last byte", "token, first byte", 0.02)
compare("token, all bytes", "token, first byte", 0.02)
PYTHON
