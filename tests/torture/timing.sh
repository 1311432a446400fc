#!/bin/bash
# How long a refused sign-in takes, for addresses unknown, known, locked, banned and without a password, and how long
# it takes to refuse a token wrong at its begin and at its end. Measured in turns, in an order by chance, and compared
# round by round, so that what slows the machine for a while slows all of them. It goes on until the median of every
# difference is known to within 2.5 ms. A finding is 99.9 % sure to be more than a fiftieth of a sign-in, in the median
# or in the quickest tenth, where a leak stands out from noise; a planted one of 5 ms has to be found each time.
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
# nobody is locked but who is to be
cluster_create "$dir" autovacuum=off synchronous_commit=on pg_principal.max_failed_sign_ins=1000 || exit 1
cluster_start "$dir" || exit 1
rounds=${ROUNDS:-150} turns=${TURNS:-8}
psql -XqAt -v ON_ERROR_STOP=1 >"$dir/setup.log" 2>&1 <<'SQL' || { cat "$dir/setup.log" && exit 1; }
CREATE EXTENSION pg_principal;
SELECT auth.create_signing_key();
SELECT auth.add_user(jsonb_build_object('email', k || n || '@example.com', 'password', 'Th1sIsAStrong!Pass'))
FROM unnest(ARRAY['known', 'same', 'slower', 'banned', 'locked']) AS k, generate_series(1, 20) AS n;
SELECT auth.add_user(jsonb_build_object('email', 'passwordless' || n || '@example.com')) FROM generate_series(1, 20) AS n;
SELECT auth.ban(email) FROM auth.users WHERE email LIKE 'banned%';
INSERT INTO auth.sign_in_attempts (user_id, source, failures, last_failure_at, locked_until)
SELECT id, '', 1009, now(), now() + interval '1 day' FROM auth.users WHERE email LIKE 'locked%';
CREATE TABLE took (round int, kind text, us double precision, reason text);
CREATE SEQUENCE round;
CREATE PROCEDURE measure(rounds int) LANGUAGE plpgsql AS $$
DECLARE
    kind text;
    why text;
    begun timestamptz;
    this int;
BEGIN
    FOR n IN 1..rounds LOOP
        this := nextval('round');
        FOR kind IN SELECT k FROM unnest(ARRAY['known', 'same', 'slower', 'unknown', 'banned', 'locked', 'passwordless']) AS k ORDER BY random() LOOP
            begun := clock_timestamp();
            SELECT r.reason INTO why FROM auth.sign_in(kind || 1 + this % 20 || '@example.com', 'wrong') AS r;
            COMMIT;
            IF kind = 'slower' THEN
                PERFORM pg_sleep(0.005);
            END IF;
            INSERT INTO took VALUES (this, kind, extract(epoch FROM clock_timestamp() - begun) * 1000000, why);
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
            INSERT INTO took VALUES (n, kind, extract(epoch FROM clock_timestamp() - begun) * 1000000 / 50);
        END LOOP;
    END LOOP;
END $$;
SQL
# the strangers' hour of audit entries is over at once; that of a principal lasts longer: does it show?
psql -XqAtc "SELECT count(auth.sign_in('stranger' || n || '@example.com', 'x')) FROM generate_series(1, 70) AS n" >"$dir/out"
psql -Xqc "CALL measure(10)" -c "TRUNCATE took"
compare() { # OPTIONS KIND..: the first is what the others are compared with
    psql -XqAt -F ' ~ ' -c "SELECT round, kind, us FROM took ORDER BY round" | python3 tests/torture/timing.py "$@"
}
for ((turn = 1; turn <= turns; turn++)); do
    psql -Xqc "CALL measure($rounds)"
    compare --within 2500 known same unknown banned locked passwordless >"$dir/signed_in"
    compare --within 2500 known slower >"$dir/slower"
    # what is not decided, or a finding, is measured again together with what there is
    [ "$(grep -c '^ok' "$dir/signed_in")" = 5 ] && grep -q ' found' "$dir/slower" && break
done
cat "$dir/signed_in"
is "all were compared" "$(wc -l <"$dir/signed_in")" 5
like "a planted 5 ms is found" "$(cat "$dir/slower")" ' found'
is "each was refused for its own reason" "$(psql -XqAt -F ' ' -c "SELECT DISTINCT kind, reason FROM took ORDER BY 1, 2")" \
    "$(printf '%s\n' 'banned wrong-password' 'known wrong-password' 'locked locked' 'passwordless wrong-password' 'same wrong-password' 'slower wrong-password' 'unknown unknown-email')"
is "nobody else was locked" "$(psql -XqAtc "SELECT count(*) FROM auth.sign_in_attempts a JOIN auth.users u ON u.id = a.user_id WHERE a.locked_until > now() AND u.email NOT LIKE 'locked%'")" 0
token=$(psql -XqAtc "SELECT (s.payload->'tokens'->>'accessToken') FROM auth.add_user('{\"email\": \"one@example.com\", \"password\": \"Th1sIsAStrong!Pass\"}') AS a, LATERAL auth.sign_in('one@example.com', CASE WHEN a.ok THEN 'Th1sIsAStrong!Pass' END) AS s")
psql -Xqc "TRUNCATE took" -c "CALL measure_tokens($((rounds * 4)), '$token')"
compare 'token, first byte' 'token, last byte' 'token, all bytes'
