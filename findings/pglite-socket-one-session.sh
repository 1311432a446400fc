#!/bin/bash
# npm @electric-sql/pglite-socket 0.2.17 with pg 8.23.1: all its connections are one session; who comes in is a superuser, until anybody says SET ROLE.
#
# PGlite is PostgreSQL in WebAssembly, and this is a server before it, so that tests need no other. Told so, it takes several connections ("through a
# multiplexer over the single conn, therefore not all cases might be covered", by its README) and gives each of them the same session. The name,
# database and password that a connection comes with are not looked at: everybody is postgres, whom row-level security does not bind, so that a
# test of a policy sees every row. When one connection says SET ROLE or binds somebody by set_config(), this holds in the others at once, and for
# those that come when it has gone: what closing a connection undoes stays. Prepared statements are everybody's by their names. A transaction is kept
# apart: others wait for its end. So a test with a connection for each person is right or wrong by the order of its statements. Of PGlite
# within one program its maintainers say that it is one session and asks for no password (electric-sql/pglite#401).
# Way out: begin each transaction with SET LOCAL ROLE and set_config(.., true).
#
#   two connections as app: postgres sees ann bob; postgres sees ann bob
#   the first is app and ann: app sees ann; app sees ann
#   the second is bob: app sees bob; app sees bob
#   both prepare by one name: done; prepared statement "p" already exists
#   closed, a third as dba: app sees bob; after DISCARD ALL: postgres sees ann bob
#   in transactions, by SET LOCAL: app sees ann; app sees bob; behind them: postgres sees ann bob
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

node_packages @electric-sql/pglite@0.5.14 @electric-sql/pglite-socket@0.2.17 pg@8.23.1

cat >"$work/ask.mjs" <<'JS'
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import pg from 'pg';

const db = await PGlite.create();
await db.exec(`CREATE ROLE app LOGIN; CREATE ROLE dba LOGIN; CREATE TABLE bill (owner text); INSERT INTO bill VALUES ('ann'), ('bob'); GRANT SELECT ON bill TO app;
    ALTER TABLE bill ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON bill USING (owner = current_setting('shop.person', true))`);
const folder = process.argv[2];
await new PGLiteSocketServer({ db, path: `${folder}/.s.PGSQL.5432`, maxConnections: 10 }).start();

async function connect(user) {
    const client = new pg.Client({ host: folder, user, database: 'shop', password: 'any' });
    await client.connect();
    return client;
}
async function sees(client) {
    const answer = await client.query("SELECT concat_ws(' ', current_user, 'sees', (SELECT string_agg(owner, ' ' ORDER BY owner) FROM bill)) AS told");
    return answer.rows[0].told;
}
const bind = (client, person, local) => client.query("SELECT set_config('shop.person', $1, $2)", [person, local]);

const one = await connect('app');
const two = await connect('app');
console.log(`two connections as app: ${await sees(one)}; ${await sees(two)}`);
await one.query('SET ROLE app');
await bind(one, 'ann', false);
console.log(`the first is app and ann: ${await sees(one)}; ${await sees(two)}`);
await bind(two, 'bob', false);
console.log(`the second is bob: ${await sees(one)}; ${await sees(two)}`);
const prepare = (client, text) => client.query({ name: 'p', text }).then(() => 'done', (error) => error.message);
console.log(`both prepare by one name: ${await prepare(one, 'SELECT 1')}; ${await prepare(two, 'SELECT 2')}`);
await one.end();
await two.end();
const three = await connect('dba');
const before = await sees(three);
await three.query('DISCARD ALL');
console.log(`closed, a third as dba: ${before}; after DISCARD ALL: ${await sees(three)}`);

async function apart(person) {
    const client = await connect('app');
    await client.query('BEGIN');
    await client.query('SET LOCAL ROLE app');
    await bind(client, person, true);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const told = await sees(client);
    await client.query('COMMIT');
    return told;
}
console.log(`in transactions, by SET LOCAL: ${(await Promise.all([apart('ann'), apart('bob')])).join('; ')}; behind them: ${await sees(three)}`);
process.exit();
JS
timeout 120 node "$work/ask.mjs" "$work" | expect 'two connections as app: postgres sees ann bob; postgres sees ann bob
the first is app and ann: app sees ann; app sees ann
the second is bob: app sees bob; app sees bob
both prepare by one name: done; prepared statement "p" already exists
closed, a third as dba: app sees bob; after DISCARD ALL: postgres sees ann bob
in transactions, by SET LOCAL: app sees ann; app sees bob; behind them: postgres sees ann bob'
