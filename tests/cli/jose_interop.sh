#!/bin/bash
# Tokens and keys of every algorithm, to and from PyJWT, npm jose and the openssl command.
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
set -o pipefail
export PGOPTIONS="-c client_min_messages=error"
sql() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }

# Debian's packages are of Debian's Python, which need not be the first in the path.
python=
for candidate in /usr/bin/python3 python3; do
    "$candidate" -c 'import jwt, cryptography' 2>/dev/null && python=$candidate && break
done
ok "PyJWT is here" test -n "$python"
tools=(PyJWT jose)
why=$(tests/harness/npm.sh interop)
case $? in
0)
    echo "ok - npm jose is here"
    if node -e 'process.exit(typeof globalThis.crypto === "object" ? 0 : 1)'; then
        tools+=(jose6)
    else
        echo "ok - npm jose 6 # skipped: it wants Node.js 20"
    fi
    ;;
77) echo "ok - npm jose # skipped: ${why##*$'\n'}" && tools=(PyJWT) ;;
*) printf 'not ok - npm jose is here\n%s\n' "$why" ;;
esac
PyJWT() { "$python" tests/interop/pyjwt.py "$@"; }
jose() { node tests/interop/jose.mjs "$@"; }
jose6() { JOSE=jose6 jose "$@"; }

# Their tokens: a row for each, with the key as they export it. Prints a line for each.
verify_theirs() { # TOOL FILE WHOSE
    sql -v tool="$1" -v whose="$3" -v rows="$(cat "$2")" <<'SQL'
SELECT concat(CASE WHEN good THEN 'ok' ELSE 'not ok' END, ' - we verify ', :'tool', '''s ', alg, ' under ', :'whose', form)
FROM (SELECT alg, form, coalesce(auth.jws_verify(jws, k.public) = decode(payload, 'hex')
        AND (auth.jws_verify(jws, k.private) IS NOT NULL OR k.private->'key_ops' = '["sign"]')
        AND auth.jwt_verify(jwt, k.public, 'api', 'us') = claims
        AND auth.jwk_thumbprint(k.public) = coalesce(thumbprint, auth.jwk_thumbprint(k.private)), false) AS good
    FROM jsonb_to_recordset(:'rows') AS r (alg text, form text, private jsonb, public jsonb, jws text, payload text, jwt text, claims jsonb, thumbprint text),
        LATERAL (SELECT r.private, r.public) AS k) AS checked;
SQL
}

# Our tokens: under keys of our own and, where there are any, under theirs. As JSON.
sign_ours() { # FILE ALGORITHMS
    sql -v rows="$(cat "$1")" -v algs="$2" <<'SQL'
WITH keys AS (
    SELECT alg, 'a key of ours' AS form, auth.generate_jwk(alg) AS key FROM unnest(ARRAY['HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'Ed448']) AS alg
        WHERE alg = ANY (string_to_array(:'algs', ','))
    UNION ALL SELECT alg, 'their ' || form, private FROM jsonb_to_recordset(:'rows') AS r (alg text, form text, private jsonb) WHERE form <> 'text'
), forms AS (
    SELECT alg, form, key, CASE jsonb_typeof(key) WHEN 'string' THEN auth.pem_to_jwk(key #>> '{}') ELSE key END AS private_jwk FROM keys
), made AS (
    SELECT alg, form, private_jwk, CASE private_jwk->>'kty' WHEN 'oct' THEN private_jwk ELSE auth.public_jwk(key) END AS public_jwk, CASE private_jwk->>'kty' WHEN 'oct' THEN NULL ELSE auth.public_pem(key) END AS public_pem,
        auth.jwk_thumbprint(key) AS thumbprint, auth.jws_sign('\x00ff0a', key, alg) AS jws, '00ff0a' AS payload, auth.jws_sign('\x01', key, alg) AS other,
        auth.jwt_sign(claims, key, alg) AS jwt, claims FROM forms, (SELECT '{"sub": "we", "aud": "api", "iss": "us", "exp": 4102444800, "n": 1.5}'::jsonb) AS c (claims)
)
SELECT jsonb_agg(to_jsonb(made) || jsonb_build_object('forged', regexp_replace(jws, '[^.]*$', '') || regexp_replace(other, '^.*\.', ''))) FROM made;
SQL
}

for tool in "${tools[@]}"; do
    if $tool make >"$work/theirs" 2>"$work/err"; then
        verify_theirs $tool "$work/theirs" "its "
        # of RFC 9864 each knows what it knows
        sign_ours "$work/theirs" "$($tool algorithms)" >"$work/ours"
        $tool check "$work/ours" >"$work/signed" 2>"$work/told"
        is "$tool read our tokens to the end" "$?" 0
        cat "$work/told"
        verify_theirs $tool "$work/signed" ""
    else
        echo "not ok - $tool makes keys"
        cat "$work/err"
    fi
done

# The openssl command knows no JOSE: raw signatures, and for ECDSA DER, which is put together here.
hex() { od -An -v -tx1 | tr -d ' \n'; }
unhex() { printf '%b' "$(sed 's/../\\x&/g')"; }
raw_to_der() { # RAWHEX
    local half=$((${#1} / 2))
    printf 'asn1=SEQUENCE:s\n[s]\nr=INTEGER:0x%s\ns=INTEGER:0x%s\n' "${1:0:half}" "${1:half}" >"$work/asn1"
    openssl asn1parse -genconf "$work/asn1" -noout -out "$work/der"
}
der_to_raw() { # SIZE of a half in hexadecimal digits
    openssl asn1parse -inform DER -in "$work/der" | sed -n 's/.*INTEGER *:\([0-9A-F]*\)$/\1/p' | while read -r n; do
        while [ ${#n} -lt "$1" ]; do n=0$n; done
        printf '%s' "$n"
    done
}
printf 'a message' >"$work/message"
message=$(hex <"$work/message")
for alg in HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519 Ed448; do
    bits=${alg:2} options=() half=
    case $alg in
    HS*)
        secret=$(openssl rand -hex 64)
        key="{\"kty\":\"oct\",\"k\":\"$(unhex <<<"$secret" | base64 -w 0 | tr '+/' '-_' | tr -d =)\"}"
        signature=$(openssl dgst "-sha$bits" -mac HMAC -macopt "hexkey:$secret" -binary "$work/message" | hex)
        is "we verify openssl's $alg" "$(sql -c "SELECT auth.verify_signature('$alg', '$key', '\\x$message', '\\x$signature')")" t
        token=$(sql -c "SELECT auth.jws_sign('\\x$message', '$key', '$alg')")
        is "openssl makes our $alg" "$(printf '%s' "${token%.*}" | openssl dgst "-sha$bits" -mac HMAC -macopt "hexkey:$secret" -binary | base64 -w 0 | tr '+/' '-_' | tr -d =)" "${token##*.}"
        continue
        ;;
    RS*) openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$work/key" 2>/dev/null ;;
    PS*)
        openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$work/key" 2>/dev/null
        options=(-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest)
        ;;
    ES*)
        [ "$bits" = 512 ] && curve=P-521 half=132 || curve=P-$bits half=$((bits / 4))
        openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:$curve" -out "$work/key"
        ;;
    EdDSA | Ed25519) openssl genpkey -algorithm ED25519 -out "$work/key" ;;
    Ed448) openssl genpkey -algorithm ED448 -out "$work/key" ;;
    esac
    openssl pkey -in "$work/key" -pubout -out "$work/public"
    if [ "${alg:0:2}" = Ed ]; then
        openssl pkeyutl -sign -rawin -inkey "$work/key" -in "$work/message" -out "$work/der"
    else
        openssl dgst "-sha$bits" -sign "$work/key" "${options[@]}" -out "$work/der" "$work/message"
    fi
    [ -n "$half" ] && signature=$(der_to_raw "$half") || signature=$(hex <"$work/der")
    public=$(cat "$work/public") private=$(cat "$work/key")
    is "we verify openssl's $alg, by PEM and by JWK, and not for another message" \
        "$(sql -v pem="$public" -v alg=$alg -v s="\\x$signature" -v m="\\x$message" <<<"SELECT auth.verify_signature(:'alg', to_jsonb(:'pem'::text), :'m', :'s'), auth.verify_signature(:'alg', auth.pem_to_jwk(:'pem'), :'m', :'s'), auth.verify_signature(:'alg', to_jsonb(:'pem'::text), '', :'s')")" "t|t|f"
    token=$(sql -v pem="$private" -v alg=$alg -v m="\\x$message" <<<"SELECT auth.jws_sign(:'m', to_jsonb(:'pem'::text), :'alg')")
    printf '%s' "${token%.*}" >"$work/input"
    raw=$(printf '%s==' "${token##*.}" | tr -- '-_' '+/' | base64 -di 2>/dev/null | hex)
    if [ -n "$half" ]; then
        raw_to_der "$raw"
    else
        unhex <<<"$raw" >"$work/der"
    fi
    if [ "${alg:0:2}" = Ed ]; then
        ok "openssl verifies our $alg" openssl pkeyutl -verify -rawin -pubin -inkey "$work/public" -in "$work/input" -sigfile "$work/der"
    else
        ok "openssl verifies our $alg" openssl dgst "-sha$bits" -verify "$work/public" "${options[@]}" -signature "$work/der" "$work/input"
    fi
    is "openssl writes our PEM of $alg" "$(sql -v pem="$private" <<<"SELECT auth.public_pem(to_jsonb(:'pem'::text))")" "$public"
done
