// node-pg logs in with a token as its password. Lines on standard input: role, database, sslmode, token, statement,
// with tabs between them; for each a line with the answer, or with SQLSTATE and message.
import { createInterface } from 'node:readline';
import pg from 'pg';

async function answer(user, database, sslmode, password, statement) {
    const ssl = sslmode === 'require' ? { rejectUnauthorized: false } : false; // the tests' own certificate
    const client = new pg.Client({ host: '127.0.0.1', port: process.env.PGPORT, user, database, password, ssl });
    client.on('error', () => {}); // a connection that ends while nobody waits for an answer
    try {
        await client.connect();
        const result = await client.query({ text: statement, rowMode: 'array' });
        return String(result.rows[0][0]);
    } catch (error) {
        return `${error.code} ${error.message}`;
    } finally {
        await client.end().catch(() => {});
    }
}

for await (const line of createInterface({ input: process.stdin }))
    console.log((await answer(...line.split('\t'))).replaceAll('\n', ' '));
