import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { it } from 'node:test';
import { programCommand } from '../../support/run-program.ts';

/** What a test without special rights may open itself is 1024 at the least. */
const waves = 10;
const waveSize = 500;
/** Connections that are opened at once: not more than the kernel queues for the server. */
const batchSize = 50;

interface Client {
  socket: Socket;
  /** What became of it: its greeting came back, or the server closed it. */
  outcome: 'served' | 'closed';
}

function enter(port: number): Promise<Client> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('hello'));
    socket.once('data', () => resolve({ socket, outcome: 'served' }));
    for (const event of ['end', 'error', 'close'])
      socket.on(event, () => resolve({ socket, outcome: 'closed' }));
  });
}

async function leave(clients: readonly Client[]): Promise<void> {
  const left = clients.filter(({ socket }) => !socket.closed).map(({ socket }) => once(socket, 'close'));
  for (const { socket } of clients) socket.destroy();
  await Promise.all(left);
}

async function isServed({ socket }: Client): Promise<void> {
  socket.write('x');
  await once(socket, 'data');
}

it('a server survives 5 000 clients with 256 descriptors: says so, serves those it has, and takes others later (B-SRV-004)', {
  timeout: 60_000,
  skip: process.platform === 'win32' ? 'no limit to set' : false,
}, async () => {
  const { command, args } = programCommand('test/support/programs/crowded-server.ts');
  const server = spawn('sh', ['-c', 'ulimit -n 256 && exec "$0" "$@"', command, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, TULIPA_LOOP: 'node' },
  });
  const exited = once(server, 'exit');
  const lines: string[] = [];
  try {
    server.stdout.setEncoding('utf8').on('data', (text: string) => {
      lines.push(...text.split('\n').filter((line) => line !== ''));
    });
    await once(server.stdout, 'data');
    const port = Number(lines.shift());
    const began = performance.now();
    const regulars = await Promise.all(Array.from({ length: 20 }, () => enter(port)));
    for (let wave = 1; wave <= waves; wave++) {
      const crowd: Client[] = [];
      while (crowd.length < waveSize) {
        crowd.push(...(await Promise.all(Array.from({ length: batchSize }, () => enter(port)))));
      }
      const served = crowd.filter(({ outcome }) => outcome === 'served').length;
      assert.ok(served > 100 && served < 256, `${served} were served in wave ${wave}`);
      await Promise.all(regulars.map(isServed));
      await leave(crowd);
      // Its descriptors are free again as soon as it has noticed.
      let newcomer = await enter(port);
      while (newcomer.outcome === 'closed') newcomer = await enter(port);
      await leave([newcomer]);
    }
    const seconds = (performance.now() - began) / 1000;
    await Promise.all(regulars.map(isServed));
    await leave(regulars);
    const reports = lines.map((line) => JSON.parse(line));
    assert.ok(
      reports.length >= 1 && reports.length <= seconds + 1,
      `${reports.length} reports in ${seconds} s`,
    );
    for (const { message, code, why } of reports) {
      assert.deepEqual([message, code], ['Cannot accept connections for now', 'EMFILE']);
      assert.match(
        why,
        new RegExp(`^Cannot accept connections on 127\\.0\\.0\\.1:${port}: too many open files`),
      );
    }
    server.stdin.end();
    assert.deepEqual(await exited, [0, null]);
  } finally {
    server.kill('SIGKILL');
    await exited;
  }
});
