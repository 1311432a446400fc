#!/bin/bash
# Databases in other encodings than UTF-8: whatever is text means the same there. Tokens say it in UTF-8, and are what a
# database in UTF-8 mints and verifies; passwords are hashed as UTF-8, whatever the client speaks.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

if [ -z "${HARNESS_ROOT-}" ]; then
    echo "run by: make test ONLY=system"
    exit 2
fi
dir=$work/encodings
mkdir -p "$dir" && chmod 755 "$dir"
cluster_create "$dir" fsync=off || exit 1
master_key "$dir/master_key" || exit 1
cluster_start "$dir" || exit 1
sql() { # DATABASE STATEMENT..: the last one's answer, or the error
    local database=$1 statements=()
    shift
    for statement in "$@"; do statements+=(-c "$statement"); done
    PGCLIENTENCODING=${client-UTF8} psql -XqAt -F ' ' -v VERBOSITY=verbose -d "$database" "${statements[@]}" 2>&1 | sed -n '/LOCATION/d;p'
}
strong='-Th1sIsAStrong!Pass'

database() { # NAME ENCODING WORD: a word beyond ASCII that the encoding has
    createdb -T template0 -E "$2" --locale=C "$1"
    sql "$1" "CREATE EXTENSION pg_principal" "ALTER DATABASE $1 SET pg_principal.issuer = 'https://idp.example/$3'" "ALTER DATABASE $1 SET pg_principal.audience = 'service $3'" \
        "ALTER DATABASE $1 SET pg_principal.master_key_file = '$dir/master_key'"
    sql "$1" "SELECT auth.import_signing_key(auth.generate_jwk('ES256') || jsonb_build_object('kid', 'key $3'))" \
        "SELECT auth.push_people(jsonb_build_array(jsonb_build_object('email', 'zoe@example.com', 'name', '$3')))" "SELECT auth.provision()" >/dev/null
}
means_the_same() { # DATABASE WORD
    local db=$1 word=$2 token access refresh
    token=$(sql "$db" "SELECT auth.issue('zoe@example.com', '1h', 'label $word')")
    is "$db: tokens that are minted are verified" "$(sql "$db" "SELECT auth.authenticate('$token')->>'email'")" zoe@example.com
    is "$db: and say in UTF-8 what was meant" "$(sql utf8 "SELECT p->>'iss', p->>'aud', p->'user_metadata'->>'name' FROM (SELECT convert_from(decode(rpad(translate(split_part('$token', '.', 2), '-_', '+/'), (length(split_part('$token', '.', 2)) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::jsonb) AS t (p)")" \
        "https://idp.example/$word service $word $word"
    is "$db: and come back in its own encoding" "$(sql "$db" "SET pg_principal.token = '$token'" "SELECT auth.jwt()->>'iss', auth.email()")" "https://idp.example/$word zoe@example.com"
    is "$db: a key is known by its kid, sealed or not" "$(sql "$db" "SELECT kid, sealed FROM auth.list_signing_keys()") $(sql "$db" "SELECT auth.seal_signing_keys()")" "key $word t 0"
    is "$db: the same key and claims are the same token as in UTF-8" \
        "$(sql "$db" "SELECT auth.jwt_sign(jsonb_build_object('a', '$word', 'exp', 9999999999), to_jsonb('${word}a-secret-of-more-than-thirty-two-bytes'::text))")" \
        "$(sql utf8 "SELECT auth.jwt_sign(jsonb_build_object('a', '$word', 'exp', 9999999999), to_jsonb('${word}a-secret-of-more-than-thirty-two-bytes'::text))")"
    token=$(sql utf8 "SELECT auth.jwt_sign(jsonb_build_object('aud', '$word', 'iss', 'i$word', 'exp', 9999999999), to_jsonb('${word}a-secret-of-more-than-thirty-two-bytes'::text))")
    is "$db: audience and issuer are compared as what they mean" \
        "$(sql "$db" "SELECT auth.jwt_verify('$token', to_jsonb('${word}a-secret-of-more-than-thirty-two-bytes'::text), audience => '$word', issuer => 'i$word')->>'iss'")" "i$word"
    is "$db: an imported secret, too" "$(sql "$db" "BEGIN" "SELECT auth.import_signing_key('${word}a-secret-of-more-than-thirty-two-bytes', false)")" \
        "$(sql utf8 "BEGIN" "SELECT auth.import_signing_key('${word}a-secret-of-more-than-thirty-two-bytes', false)")"

    is "$db: a profile" "$(sql "$db" "SELECT payload->'user'->>'firstName', payload->'user'->'userMetadata'->>'w' FROM auth.add_user(jsonb_build_object('email', 'ann@example.com', 'password', '$word$strong', 'firstName', '$word', 'userMetadata', jsonb_build_object('w', '$word')))")" "$word $word"
    is "$db: a password" "$(sql "$db" "SELECT status FROM auth.sign_in('ann@example.com', '$word$strong')" "SELECT status FROM auth.sign_in('ann@example.com', 'x$strong')" | tr '\n' ' ')" "200 401 "
    is "$db: hashed as it is in UTF-8" "$(sql "$db" "SELECT status FROM auth.add_user(jsonb_build_object('email', 'ben@example.com', 'passwordHash', '$(sql utf8 "SELECT hash FROM auth.password_hashes h JOIN auth.users u ON u.id = h.user_id WHERE email = 'ann@example.com'")'))" \
        "SELECT status FROM auth.sign_in('ben@example.com', '$stored$strong')" | tr '\n' ' ')" "201 200 "
    read -r access refresh < <(sql "$db" "SELECT payload->'tokens'->>'accessToken', payload->'tokens'->>'refreshToken' FROM auth.sign_in('ann@example.com', '$word$strong')")
    is "$db: what changes it and what renews" "$(sql "$db" "SELECT status FROM auth.refresh('$refresh')" "SET pg_principal.token = '$access'" "SELECT status FROM auth.change_password('$word$strong', 'new $word$strong')" \
        "SELECT status FROM auth.sign_in('ann@example.com', 'new $word$strong')" | tr '\n' ' ')" "200 200 200 "
    is "$db: the longest name" "$(sql "$db" "SELECT status FROM auth.add_user(jsonb_build_object('email', 'cy@example.com', 'firstName', repeat('${word:0:1}', 64), 'jobTitle', repeat('${word:0:1}', 128)))" \
        "SELECT status, payload->'errors'->0->>'message' FROM auth.add_user(jsonb_build_object('email', 'di@example.com', 'firstName', repeat('${word:0:1}', 65)))" | tr '\n' ' ')" "201 400 firstName is longer than 64 characters "
    sql "$db" "SELECT auth.ban('ann@example.com', reason => '$word')" >/dev/null
    is "$db: the audit holds and says why" "$(sql "$db" "SELECT count(*) FROM auth.audit_verify()" "SELECT reason FROM auth.audit_log WHERE reason IS NOT NULL AND changes ? 'bannedUntil'" | tr '\n' ' ')" "0 $word "
    is "$db: an error quotes it" "$(sql "$db" "SELECT auth.create_signing_key('$word')" | head -n 1)" "ERROR:  22023: unknown signature algorithm \"$word\""
    token=$(sql "$db" "SELECT auth.issue('zoe@example.com', '1h')")
    is "$db: claims of a trusted front" "$(sql "$db" "SET pg_principal.trust_request_claims = on" "SET request.jwt.claims = '{\"role\": \"$word\", \"scope\": \"$word x\"}'" "SELECT auth.role(), auth.has_scope('$word')")" "$word t"
}
stored=é
database utf8 UTF8 é
sql utf8 "SELECT auth.add_user(jsonb_build_object('email', 'ann@example.com', 'password', 'é$strong'))" >/dev/null
database latin1 LATIN1 é
means_the_same latin1 é
like "latin1: a roster with one is told where they fit" "$(printf 'email,name\na@example.com,日\n' | "$PG_PRINCIPAL" --dsn dbname=latin1 people push --format csv - 2>&1)" \
    'has no equivalent.*hint: .*UTF8'
is "latin1: a character that it lacks is a clean error" "$(sql latin1 "SELECT auth.jwt_verify('$(sql utf8 "SELECT auth.jwt_sign('{\"a\": \"日\", \"exp\": 9999999999}', to_jsonb('a-secret-of-more-than-thirty-two-bytes'::text))")', to_jsonb('a-secret-of-more-than-thirty-two-bytes'::text))" | head -n 2)" \
    $'ERROR:  28000: token refused\nDETAIL:  malformed: a number or character in it that the database cannot hold'
database euc_jp EUC_JP 日本
stored=é
means_the_same euc_jp 日本
database sql_ascii SQL_ASCII é
means_the_same sql_ascii é
# what is escaped in JSON of others means what it says
secret=$'to_jsonb(\'a-secret-of-more-than-thirty-two-bytes\'::text)'
escaped=$(sql utf8 "SELECT auth.jws_sign(convert_to('{\"a\": \"caf\\u00e9 \\\\u00e9 \\ud83d\\ude00 \\u0041\", \"exp\": 9999999999}', 'UTF8'), $secret)")
for db in utf8 sql_ascii; do
    is "$db: escapes in a token" "$(sql "$db" "SELECT auth.jwt_verify('$escaped', $secret)->>'a'")" 'café \u00e9 😀 A'
done
client=SQL_ASCII
is "sql_ascii: a password that is no UTF-8 is a wrong one" "$(sql sql_ascii "SELECT status, reason FROM auth.sign_in('zoe@example.com', E'\\xe9$strong')")" "401 wrong-password"
for call in "auth.issue(E'zo\\xe9@example.com')" "auth.add_user(jsonb_build_object('email', 'x@example.com', 'firstName', E'\\xe9'))" "auth.import_signing_key(E'\\xe9a-secret-of-more-than-thirty-two-bytes')"; do
    is "sql_ascii: bytes that are no UTF-8 are refused, and not told: ${call%%(*}" "$(LC_ALL=C sql sql_ascii "SELECT $call" | head -n 1)" "ERROR:  22021: the text is not valid UTF-8"
done

# Where a small I has no dot, names, addresses and keywords are as elsewhere.
client=UTF8
createdb -T template0 -E UTF8 --locale=C.UTF-8 --locale-provider=icu --icu-locale=tr turkish
sql turkish "CREATE EXTENSION pg_principal" "ALTER DATABASE turkish SET pg_principal.issuer = 'https://ID.example.com'" "CREATE TABLE public.orders (owner text)"
is "turkish: small letters are others" "$(sql turkish "SELECT lower('ID')")" ıd
is "turkish: a form of the issuer's own page" "$(sql turkish "SELECT status, reason FROM auth.open_device_page('{}', 'https://id.example.com')")" "401 unknown-email"
is "turkish: policies have the names that they have elsewhere" "$(sql turkish "SET client_min_messages = error" "SELECT auth.clamp('public.orders', 'owner')" "SELECT auth.clamp_agents('public.orders', 'read', 'write')" \
    "SELECT string_agg(policyname, ' ' ORDER BY policyname COLLATE \"C\") FROM pg_policies WHERE policyname LIKE '%agents%'" | tail -n 1)" \
    "pg_principal_agents_delete pg_principal_agents_insert pg_principal_agents_select pg_principal_agents_update"
is "turkish: an address" "$(sql turkish "SELECT status FROM auth.add_user('{\"email\": \"INA@EXAMPLE.COM\"}')" "SELECT email FROM auth.users")" $'201\nina@example.com'
cluster_stop "$dir" fast
