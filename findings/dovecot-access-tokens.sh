#!/bin/bash
# Dovecot 2.3.19.1 (Debian 12) with npm oidc-provider 9.13.3: Dovecot's local validation refuses access tokens as their RFC wants them:
# "Cannot find 'typ' field", which is there.
#
# A JWT that is an access token says `typ: at+jwt`, and who validates it rejects any other (RFC 9068, sections 2.1 and 4). Dovecot accepts
# `typ: JWT` alone, in these letters, although RFC 7519, section 5.1 leaves typ out where nobody needs it, and reports both as missing. So what
# oidc-provider hands out for a resource, with no setting for another typ, opens no mailbox, with introspection_mode = local. An exp with a
# fraction, which section 2 of RFC 7519 allows ("non-integer values can be represented"), is "Malformed". Dovecot's documentation of local
# validation names none of this. (Debian's libjwt 1.10.2 refuses at+jwt as well, as "Invalid argument": benmcollins/libjwt#105, mended since.)
# Way out: let Dovecot ask the provider (introspection_mode = auth or post), or have a provider that can be told the typ.
#
#   oidc-provider's access token, typ at+jwt: Cannot find 'typ' field
#   the same claims, typ JWT: accepted
#   the same claims, typ jwt: Cannot find 'typ' field
#   the same claims, no typ: Cannot find 'typ' field
#   the same claims, typ JWT, half a second more: Malformed 'exp' field
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

need unshare
debian dovecot-core=1:2.3.19.1+dfsg1-2.1+deb12u6
node_packages oidc-provider@9.13.3

cat >"$work/tokens.mjs" <<'JS'
import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http';
import { mkdirSync, writeFileSync } from 'node:fs';
import Provider from 'oidc-provider';

console.info = () => {}; // it has advice about settings
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const server = createServer();
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(issuer, {
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'key', alg: 'RS256' }] },
    clients: [{ client_id: 'ann', client_secret: 'secret', grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }],
    features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        resourceIndicators: { enabled: true, defaultResource: () => 'https://mail.example.com',
            getResourceServerInfo: () => ({ scope: 'mail', accessTokenFormat: 'jwt' }) },
    },
});
server.on('request', provider.callback());
const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: 'ann', client_secret: 'secret', scope: 'mail' });
const { access_token } = await (await fetch(`${issuer}/token`, { method: 'POST', body })).json();
const [header, claims] = access_token.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')));

const again = (typ, changed = {}) => {
    const signed = [{ alg: 'RS256', kid: 'key', typ }, { ...claims, ...changed }].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`;
};
const keys = `${process.argv[2]}/keys/default/RS256`;
mkdirSync(keys, { recursive: true });
writeFileSync(`${keys}/key`, publicKey.export({ format: 'pem', type: 'spki' }));
console.log([
    ["oidc-provider's access token, typ " + header.typ, access_token],
    ['the same claims, typ JWT', again('JWT')],
    ['the same claims, typ jwt', again('jwt')],
    ['the same claims, no typ', again(undefined)],
    ['the same claims, typ JWT, half a second more', again('JWT', { exp: claims.exp + 0.5 })],
].map((row) => row.join('|')).join('\n'));
process.exit(0);
JS
timeout 60 node "$work/tokens.mjs" "$work" >"$work/tokens" || not_tried "oidc-provider gives no token"

cat >"$work/dovecot.conf" <<END
base_dir = $work/run
state_dir = $work/run
log_path = $work/log
protocols =
ssl = no
default_internal_user = nobody
default_internal_group = nogroup
default_login_user = nobody
auth_verbose = yes
auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
passdb {
  driver = oauth2
  args = $work/oauth2.conf
}
userdb {
  driver = static
  args = uid=65534 gid=65534 home=/
}
END
cat >"$work/oauth2.conf" <<END
introspection_mode = local
local_validation_key_dict = fs:posix:prefix=$work/keys/
username_attribute = sub
END
cat >"$work/ask.sh" <<'SH'
# Its programs are where it was compiled to be, for this process and its children.
mount -t overlay overlay -o lowerdir="$1/root/usr:/usr" /usr 2>&1 || exit 2
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
timeout 60 dovecot -c "$1/dovecot.conf" 2>&1 || exit 2
while IFS='|' read -r name token; do
    : >"$1/log"
    if timeout 10 doveadm -c "$1/dovecot.conf" auth test -a "$1/run/auth-client" ann "$token" >/dev/null 2>&1; then
        echo "$name: accepted"
    else
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            ! grep -q failed: "$1/log" || break
            sleep 0.1
        done
        echo "$name: $(sed -n 's/.*oauth2 failed: Local validation failed: //p' "$1/log")"
    fi
done <"$1/tokens"
doveadm -c "$1/dovecot.conf" stop
SH
chmod -R a+rX "$work"
root=()
[ "$(id -u)" = 0 ] || root=(--map-root-user)
timeout 120 unshare --mount "${root[@]}" bash "$work/ask.sh" "$work" >"$work/told" </dev/null || not_tried "dovecot does not start: $(tail -n 3 "$work/told")"
expect "oidc-provider's access token, typ at+jwt: Cannot find 'typ' field
the same claims, typ JWT: accepted
the same claims, typ jwt: Cannot find 'typ' field
the same claims, no typ: Cannot find 'typ' field
the same claims, typ JWT, half a second more: Malformed 'exp' field" <"$work/told"
