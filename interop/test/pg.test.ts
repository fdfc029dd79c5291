import assert from 'node:assert/strict';
import { once } from 'node:events';
import pg from 'pg';
import { createTask, gather, TimeoutError, timeout, wrapFuture } from 'tulipa';
import { StreamSocket } from 'tulipa/adapters/node';
import { selfSigned } from '../../test/support/self-signed.ts';
import { row } from '../cells.ts';
import { withoutServer } from '../real-server.ts';
import { password, startPostgres, user } from '../servers.ts';

const pem = selfSigned();
const server = await startPostgres(pem);

/** What a user writes. */
const stream = () => new StreamSocket() as never;

const place = { host: server?.host, port: server?.port, user, password, database: 'postgres', stream };

async function connected(options: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({ ...place, ...options });
  await client.connect();
  return client;
}

row('pg', { without: withoutServer(server, 'PostgreSQL') }, (it) => {
  it('logs in by SCRAM, and asks with parameters and prepared statements', async () => {
    const client = await connected();
    const { rows } = await client.query('SELECT $1::int + 1 AS n, $2::text AS words, now() AS at', [
      41,
      'grüß',
    ]);
    assert.deepEqual([rows[0].n, rows[0].words, rows[0].at instanceof Date], [42, 'grüß', true]);
    for (const n of [1, 2, 3]) {
      const answer = await client.query({ name: 'twice', text: 'SELECT $1::int * 2 AS n', values: [n] });
      assert.equal(answer.rows[0].n, n * 2);
    }
    await client.end();
  });

  it('takes a result that is larger than all buffers, and sends one', async () => {
    const client = await connected();
    const { rows } = await client.query(
      "SELECT i, repeat('x', 100) AS x FROM generate_series(1, 50000) AS i",
    );
    assert.deepEqual([rows.length, rows[49_999].i, rows[49_999].x.length], [50_000, 50_000, 100]);
    const large = 'y'.repeat(5_000_000);
    const answer = await client.query('SELECT length($1) AS n, $1 AS back', [large]);
    assert.ok(answer.rows[0].n === 5_000_000 && answer.rows[0].back === large);
    await client.end();
  });

  it('rolls back what fails, and hears notifications', async () => {
    const client = await connected();
    await client.query('CREATE TEMPORARY TABLE t (n int PRIMARY KEY)');
    await client.query('BEGIN');
    await client.query('INSERT INTO t VALUES (1)');
    await assert.rejects(client.query('INSERT INTO t VALUES (1)'), { code: '23505' });
    await client.query('ROLLBACK');
    assert.equal((await client.query('SELECT * FROM t')).rowCount, 0);
    await client.query('LISTEN news');
    const heard = once(client, 'notification');
    const other = await connected();
    await other.query("NOTIFY news, 'hello'");
    assert.equal((await heard)[0].payload, 'hello');
    await other.end();
    await client.end();
  });

  it('shares the connections of a pool', async () => {
    const pool = new pg.Pool({ ...place, max: 4, idleTimeoutMillis: 50 });
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => pool.query('SELECT $1::int AS n, pg_backend_pid() AS pid', [i])),
    );
    assert.deepEqual(
      answers.map(({ rows }) => rows[0].n),
      Array.from({ length: 40 }, (_, i) => i),
    );
    const connections = new Set(answers.map(({ rows }) => rows[0].pid));
    assert.ok(connections.size > 1 && connections.size <= 4, String(connections.size));
    await pool.end();
    assert.equal(pool.totalCount, 0);
  });

  it('is asked by tasks of ours, and given up in the middle', function* () {
    const client = yield* wrapFuture(connected());
    const other = yield* wrapFuture(connected());
    const sleeping = client.query('SELECT pg_sleep(30)');
    const refused = assert.rejects(sleeping, { code: '57014' });
    let failure: unknown;
    try {
      yield* timeout(50, () => wrapFuture(sleeping));
    } catch (error) {
      failure = error;
    }
    assert.ok(failure instanceof TimeoutError, String(failure));
    const { processID } = client as unknown as { processID: number };
    yield* wrapFuture(other.query('SELECT pg_cancel_backend($1)', [processID]));
    yield* wrapFuture(refused);
    const asking = [1, 2].map((n) =>
      createTask(function* () {
        return (yield* wrapFuture(client.query('SELECT $1::int AS n', [n]))).rows[0].n;
      }),
    );
    assert.deepEqual(yield* gather(asking), [1, 2]);
    yield* wrapFuture(Promise.all([client.end(), other.end()]));
  });

  it('gives up what takes too long', async () => {
    const client = await connected({ query_timeout: 30 });
    await assert.rejects(client.query('SELECT pg_sleep(30)'), /timeout/);
    const ended = once(client, 'error');
    (client as unknown as { connection: { stream: StreamSocket } }).connection.stream.destroy();
    await ended;
  });

  it('tells that the password is wrong, that nobody listens, and that the server has gone', async () => {
    await assert.rejects(connected({ password: 'wrong' }), { code: '28P01' });
    await assert.rejects(connected({ port: 1 }), { code: 'ECONNREFUSED', syscall: 'connect', port: 1 });
    const client = await connected();
    const other = await connected();
    const told = once(client, 'error');
    const sleeping = assert.rejects(client.query('SELECT pg_sleep(30)'), /terminat/);
    const { processID } = client as unknown as { processID: number };
    await other.query('SELECT pg_terminate_backend($1)', [processID]);
    await sleeping;
    assert.match(String((await told)[0]), /terminat/);
    await assert.rejects(client.query('SELECT 1'));
    await other.end();
  });

  it('is encrypted by the same hook, and speaks on a Unix socket', async () => {
    const secure = await connected({ ssl: { ca: pem.cert, servername: 'localhost' } });
    const { rows } = await secure.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
    assert.equal(rows[0].ssl, true);
    assert.equal((await secure.query("SELECT repeat('x', 3000000) AS x")).rows[0].x.length, 3_000_000);
    await secure.end();
    await assert.rejects(connected({ ssl: { servername: 'localhost' } }), {
      code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    });
    const near = await connected({ host: server?.directory ?? '' });
    assert.equal((await near.query('SELECT inet_client_addr() AS address')).rows[0].address, null);
    await near.end();
  });

  it('destroyed in the middle of a write, leaves the server to itself', async () => {
    const client = await connected();
    client.on('error', () => {});
    const refused = assert.rejects(client.query('SELECT length($1)', ['z'.repeat(20_000_000)]));
    const { stream: socket } = (client as unknown as { connection: { stream: StreamSocket } }).connection;
    assert.ok(socket.writableLength > 0);
    socket.destroy();
    await refused;
    const other = await connected();
    assert.equal((await other.query('SELECT 1 AS one')).rows[0].one, 1);
    await other.end();
  });
});
