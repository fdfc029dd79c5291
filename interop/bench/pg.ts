/**
 * Question: what does a query of pg cost through StreamSocket on epoll, beside Node's own sockets?
 *
 *     node --conditions=source --import ./interop/resolve.ts interop/bench/pg.ts [rounds]
 *
 * One client, one query at a time, and 10 clients of a pool with 10 queries under way; a real PostgreSQL on this machine. CPU
 * time is this process's own; the way that is measured first changes with each round.
 */
import pg from 'pg';
import { run } from 'tulipa';
import { StreamSocket } from 'tulipa/adapters/node';
import { password, startPostgres, user } from '../servers.ts';

const rounds = Number(process.argv[2] ?? 7);
const queries = 4000;

const server = await startPostgres();
if (server === null) throw new Error('Cannot measure: there is no PostgreSQL here');
const place = { host: server.host, port: server.port, user, password, database: 'postgres' };

const ways = {
  'node:net': (main: () => Promise<void>) => main(),
  'epoll, guest': (main: () => Promise<void>) => run(main, { driver: 'epoll' }),
  'node driver': (main: () => Promise<void>) => run(main, { driver: 'node' }),
};
type Way = keyof typeof ways;

const figures = new Map<string, number[]>();

async function measure(way: Way, clients: number, samples: boolean): Promise<void> {
  const stream = way === 'node:net' ? {} : { stream: () => new StreamSocket() as never };
  const pool = new pg.Pool({ ...place, ...stream, max: clients });
  // Its connections may outlive it by the moment in which the server is stopped.
  pool.on('error', () => {});
  const ask = async (count: number) => {
    for (let i = 0; i < count; i++)
      await pool.query({ name: 'add', text: 'SELECT $1::int + 1 AS n', values: [i] });
  };
  await Promise.all(Array.from({ length: clients }, () => ask(200)));
  const before = process.cpuUsage();
  const begun = performance.now();
  await Promise.all(Array.from({ length: clients }, () => ask(queries / clients)));
  const took = performance.now() - begun;
  const { user: inUser, system } = process.cpuUsage(before);
  await pool.end();
  if (!samples) return;
  const add = (name: string, figure: number) => {
    const key = `${clients} under way, ${way}: ${name}`;
    figures.set(key, [...(figures.get(key) ?? []), figure]);
  };
  add('CPU µs/query', (inUser + system) / queries);
  add('queries/s', (queries / took) * 1000);
}

try {
  for (let round = -1; round < rounds; round++) {
    const order = Object.keys(ways) as Way[];
    for (let i = 0; i < order.length; i++) {
      const way = order[(i + round + order.length) % order.length] as Way;
      for (const clients of [1, 10]) await ways[way](() => measure(way, clients, round >= 0));
    }
  }
} finally {
  await server.stop();
}

for (const [key, values] of [...figures].sort(([a], [b]) => a.localeCompare(b))) {
  const sorted = values.sort((a, b) => a - b);
  console.log(`${key} ${(sorted[sorted.length >> 1] as number).toFixed(1)}`);
}
