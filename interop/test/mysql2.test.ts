import assert from 'node:assert/strict';
import mysql from 'mysql2/promise';
import { StreamSocket } from 'tulipa/adapters/node';
import { row } from '../cells.ts';
import { withoutServer } from '../real-server.ts';
import { password, startMariadb, user } from '../servers.ts';

const server = await startMariadb();

const options: mysql.ConnectionOptions = {
  host: server?.host ?? '',
  port: server?.port ?? 0,
  user,
  password,
  database: 'tulipa',
  // What a user writes.
  stream: ({ config: { host, port } }: { config: { host: string; port: number } }) =>
    StreamSocket.connect({ host, port }),
};

row('mysql2', { without: withoutServer(server, 'MariaDB') }, (it) => {
  it('logs in, asks, and executes prepared statements', async () => {
    const connection = await mysql.createConnection(options);
    const [[one]] = await connection.query<mysql.RowDataPacket[]>('SELECT 1 + ? AS n, ? AS words', [
      41,
      'grüß',
    ]);
    assert.deepEqual({ ...one }, { n: 42, words: 'grüß' });
    for (const n of [1, 2, 3]) {
      const [[twice]] = await connection.execute<mysql.RowDataPacket[]>('SELECT ? * 2 AS n', [n]);
      assert.equal(Number(twice?.['n']), n * 2);
    }
    await connection.end();
  });

  it('takes a result that is larger than all buffers, and sends one', async () => {
    const connection = await mysql.createConnection(options);
    const sql = "SELECT seq, repeat('x', 100) AS x FROM seq_1_to_30000";
    const [rows] = await connection.query<mysql.RowDataPacket[]>(sql);
    assert.deepEqual([rows.length, rows[29_999]?.['seq']], [30_000, 30_000]);
    const large = 'y'.repeat(3_000_000);
    const [[answer]] = await connection.query<mysql.RowDataPacket[]>('SELECT length(?) AS n', [large]);
    assert.equal(answer?.['n'], large.length);
    await connection.end();
  });

  it('rolls back what fails', async () => {
    const connection = await mysql.createConnection(options);
    await connection.query('CREATE TEMPORARY TABLE t (n int PRIMARY KEY) ENGINE=InnoDB');
    await connection.beginTransaction();
    await connection.query('INSERT INTO t VALUES (1)');
    await assert.rejects(connection.query('INSERT INTO t VALUES (1)'), { code: 'ER_DUP_ENTRY' });
    await connection.rollback();
    const [rows] = await connection.query<mysql.RowDataPacket[]>('SELECT * FROM t');
    assert.equal(rows.length, 0);
    await connection.end();
  });

  it('shares the connections of a pool', async () => {
    const pool = mysql.createPool({ ...options, connectionLimit: 3 });
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        pool.query<mysql.RowDataPacket[]>('SELECT ? AS n, connection_id() AS id', [i]),
      ),
    );
    assert.deepEqual(
      answers.map(([rows]) => rows[0]?.['n']),
      Array.from({ length: 30 }, (_, i) => i),
    );
    const connections = new Set(answers.map(([rows]) => rows[0]?.['id']));
    assert.ok(connections.size >= 1 && connections.size <= 3, String(connections.size));
    await pool.end();
  });

  it('tells that the password is wrong, that nobody listens, and that the server has gone', async () => {
    await assert.rejects(mysql.createConnection({ ...options, password: 'wrong' }), {
      code: 'ER_ACCESS_DENIED_ERROR',
    });
    await assert.rejects(mysql.createConnection({ ...options, port: 1 }), { code: 'ECONNREFUSED' });
    const connection = await mysql.createConnection(options);
    const other = await mysql.createConnection(options);
    const sleeping = assert.rejects(connection.query('SELECT sleep(30)'), {
      code: 'PROTOCOL_CONNECTION_LOST',
    });
    await other.query(`KILL ${connection.threadId}`);
    await sleeping;
    await other.end();
  });
});
