/** The demo itself; `npm run demo:interop` starts it. */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { Effect } from 'effect';
import express from 'express';
import pg from 'pg';
import { loadPyodide, type PyodideInterface } from 'pyodide';
import type { PyCallable, PyDict } from 'pyodide/ffi';
import { type EventLoop, Future, getRunningLoop, openConnection, run } from 'tulipa';
import { effectFrom, fx } from 'tulipa/adapters/effect';
import { StreamSocket, serve } from 'tulipa/adapters/node';
import { installPyodide } from 'tulipa/adapters/pyodide';
import type { DriverName } from '../cell-names.ts';
import { pythonPackages } from '../python-packages.ts';
import type { RealServer } from '../real-server.ts';
import { password, startPostgres, user } from '../servers.ts';

const { values } = parseArgs({
  options: { loop: { type: 'string' }, epoll: { type: 'boolean' }, node: { type: 'boolean' } },
});
const driver = values.epoll === true ? 'epoll' : values.node === true ? 'node' : values.loop;

/** One step from one framework to another, and the loop that carries it. */
function hop(from: string, to: string, what: string): void {
  const loop = getRunningLoop() as EventLoop & { driverName: string };
  console.log(`  [${loop.driverName}] ${`${from} → ${to}`.padEnd(22)} ${what}`);
}

/** Connections that are libuv's own: with a loop of ours, none. */
function connectionsOfHost(): number {
  return process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP')).length;
}

/** @param givenUp told when a question that nobody waits for any more has been taken back */
function application(pool: pg.Pool, notes: { port: number }, givenUp: Future<void>): express.Express {
  const app = express();
  app.get('/tulips/:id', async (request, response) => {
    hop('Express', 'PostgreSQL', 'SELECT … FROM tulips, by pg');
    const { rows } = await pool.query('SELECT name FROM tulips WHERE id = $1', [request.params.id]);
    const { name } = rows[0] as { name: string };
    hop('PostgreSQL', 'Express', `'${name}'`);
    hop('Express', 'Twisted', `'${name}', as a line`);
    const { reader, writer } = await openConnection({ host: '127.0.0.1', port: notes.port });
    await writer.write(`${name}\n`);
    await reader.readLine();
    writer.close();
    hop('Express', 'aiohttp', '200 OK');
    response.json({ name });
  });
  app.get('/bulbs', async (_request, response) => {
    const client = await pool.connect();
    const { processID } = client as unknown as { processID: number };
    response.once('close', () => {
      hop('Express', 'PostgreSQL', 'its client has gone: pg_cancel_backend');
      void pool.query('SELECT pg_cancel_backend($1)', [processID]);
    });
    hop('Express', 'PostgreSQL', 'SELECT pg_sleep(3600), by pg');
    try {
      await client.query('SELECT pg_sleep(3600)');
    } catch (error) {
      hop('PostgreSQL', 'Express', (error as Error).message);
    }
    client.release();
    givenUp.setResult();
  });
  return app;
}

async function main(postgres: RealServer, pyodide: PyodideInterface): Promise<void> {
  const pool = new pg.Pool({
    host: postgres.host,
    port: postgres.port,
    user,
    password,
    database: 'postgres',
    stream: () => new StreamSocket() as never,
  });
  pool.on('error', () => {});
  await pool.query('CREATE TABLE tulips (id int PRIMARY KEY, name text)');
  await pool.query("INSERT INTO tulips VALUES (1, 'Queen of Night'), (2, 'Semper Augustus'), (3, 'Viceroy')");

  const python = installPyodide(pyodide);
  const globals = pyodide.globals as PyDict;
  globals.set('hop', hop);
  pyodide.runPython(readFileSync(new URL('program.py', import.meta.url), 'utf8'));
  const port = await python.run<number>('await take_notes()');

  const givenUp = new Future<void>();
  const app = application(pool, { port }, givenUp);
  const server = await serve(http.createServer(app), { host: '127.0.0.1', port: 0 });
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ask = globals.get('ask') as PyCallable;
  const asked = (path: string) =>
    Effect.suspend(() => {
      hop('Effect', 'Python', `ask('/${path}')`);
      return effectFrom<string, never>(python.call<string>(ask, `${base}/${path}`));
    });

  console.log('\nA fiber of Effect asks, through everything:');
  await fx(asked('tulips/1'));

  console.log('\nThree at once:');
  const names = await fx(
    Effect.all(['tulips/1', 'tulips/2', 'tulips/3'].map(asked), { concurrency: 'unbounded' }),
  );
  console.log(`  ${names.join(', ')}`);

  console.log('\nA time-out of Effect, through everything:');
  const late = asked('bulbs').pipe(
    Effect.timeout('300 millis'),
    Effect.catchTag('TimeoutError', () => Effect.sync(() => hop('Effect', 'its caller', 'TimeoutError'))),
  );
  await fx(late);
  await givenUp;

  console.log(`\nConnections of libuv's own: ${connectionsOfHost()}`);
  server.close();
  server.closeAllConnections();
  await pool.end();
  await python.run('reactor.stop()');
  await python.close();
}

async function python(): Promise<PyodideInterface> {
  const pyodide = await loadPyodide();
  pyodide.mountNodeFS('/packages', pythonPackages);
  pyodide.runPython("import sys; sys.path.insert(0, '/packages')");
  return pyodide;
}

const ends: (() => Promise<void>)[] = [];
try {
  const [postgres, pyodide] = await Promise.all([
    startPostgres(undefined, (end) => ends.push(end)),
    python(),
  ]);
  if (postgres === null) {
    console.error('Cannot run the demo: PostgreSQL is not installed (on Debian: apt-get install postgresql)');
    process.exitCode = 1;
  } else
    await run(() => main(postgres, pyodide), driver === undefined ? {} : { driver: driver as DriverName });
} finally {
  for (const end of ends) await end();
}
