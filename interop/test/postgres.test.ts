import assert from 'node:assert/strict';
import postgres from 'postgres';
import { StreamSocket } from 'tulipa/adapters/node';
import { row } from '../cells.ts';
import { withoutServer } from '../real-server.ts';
import { password, startPostgres, user } from '../servers.ts';

const server = await startPostgres();

/** What a user writes, behind a cast: the library's types do not know it. */
const socket = ({ host: [host], port: [port] }: { host: [string]; port: [number] }) =>
  new Promise((resolve, reject) => {
    const connecting = StreamSocket.connect({ host, port }, () => resolve(connecting));
    connecting.once('error', reject);
  });

function client(options: postgres.Options<Record<string, never>> = {}): postgres.Sql {
  return postgres({
    host: server?.host ?? '',
    port: server?.port ?? 0,
    user,
    password,
    database: 'postgres',
    max: 3,
    ...({ socket } as object),
    ...options,
  });
}

row('postgres.js', { without: withoutServer(server, 'PostgreSQL') }, (it) => {
  it('logs in, asks by tagged templates, and shares its connections', async () => {
    const sql = client();
    const [first] = await sql`SELECT ${41}::int + 1 AS n, ${'grüß'} AS words`;
    assert.deepEqual({ ...first }, { n: 42, words: 'grüß' });
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => sql`SELECT ${i}::int AS n`));
    assert.deepEqual(
      answers.map(([row]) => row?.['n']),
      Array.from({ length: 20 }, (_, i) => i),
    );
    await sql.end();
  });

  it('reads by a cursor, and copies in and out', async () => {
    const sql = client({ max: 1 });
    let sum = 0;
    await sql`SELECT i FROM generate_series(1, 10000) AS i`.cursor(1000, async (rows) => {
      for (const { i } of rows as unknown as { i: number }[]) sum += i;
    });
    assert.equal(sum, 50_005_000);
    await sql`CREATE TEMPORARY TABLE t (n int)`;
    const writable = await sql`COPY t FROM STDIN`.writable();
    const written = new Promise((resolve, reject) => writable.once('finish', resolve).once('error', reject));
    for (let i = 0; i < 5000; i++) writable.write(`${i}\n`);
    writable.end();
    await written;
    let text = '';
    for await (const chunk of await sql`COPY t TO STDOUT`.readable()) text += chunk;
    assert.equal(text.split('\n').length, 5001);
    await sql.end();
  });

  it('rolls back, hears notifications and cancels', async () => {
    const sql = client();
    const failing = sql.begin(async (transaction) => {
      await transaction`SELECT 1`;
      throw new Error('no');
    });
    await assert.rejects(failing, /^Error: no$/);
    const heard = new Promise<string>((resolve, reject) => {
      sql.listen('news', resolve, () => void sql.notify('news', 'hello').catch(reject)).catch(reject);
    });
    assert.equal(await heard, 'hello');
    await sql`SELECT 1`;
    await sql.end();
  });

  it('tells that the password is wrong, that nobody listens, and that the server has gone', async () => {
    const wrong = client({ password: 'wrong' });
    await assert.rejects(async () => await wrong`SELECT 1`, { code: '28P01' });
    await wrong.end();
    const sql = client();
    await assert.rejects(
      async () => await sql`SELECT pg_terminate_backend(pg_backend_pid())`,
      /terminat|CONNECTION_CLOSED/,
    );
    assert.equal((await sql`SELECT 1 AS one`)[0]?.['one'], 1);
    // Without a limit it waits for ever for the connection that is gone, over sockets of node:net too.
    await sql.end({ timeout: 0.01 });
  });
});
