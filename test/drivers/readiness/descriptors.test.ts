import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { it } from 'node:test';
import { realKinds } from '../../contract/kinds.ts';
import { programCommand } from '../../support/run-program.ts';

const descriptors = 256;
/** So many the server can have; with those that come then it cannot, which the kernel's queue of 100 has room for. */
const welcomeCount = 180;
const clientCount = 270;
/** milliseconds, and what the report of it may take to get here */
const pause = 1_000;
const reportLatency = 100;

/** Resolves when its greeting has come back. */
async function isServed(socket: Socket): Promise<void> {
  socket.write('hello');
  await once(socket, 'data');
}

function startServer(driver: string, runner: string): ChildProcessWithoutNullStreams {
  const { command, args } = programCommand('test/support/programs/crowded-server.ts');
  return spawn('sh', ['-c', `ulimit -n ${descriptors} && exec "$0" "$@"`, command, ...args], {
    env: { ...process.env, TULIPA_LOOP: driver, TULIPA_RUNNER: runner },
  });
}

for (const kind of realKinds) {
  if (kind.driver === 'node') continue; // test/drivers/node/descriptors.test.ts: Node has a way of its own
  it(`a server without descriptors on the ${kind} loop says so once, serves those it has, and takes the others after a second (B-SRV-004)`, {
    timeout: 60_000,
  }, async () => {
    const server = startServer(kind.driver, kind.runner);
    const exited = once(server, 'exit');
    const sockets: Socket[] = [];
    try {
      const lines: string[] = [];
      const output = createInterface({ input: server.stdout }).on('line', (line) => lines.push(line));
      const line = () =>
        Promise.race([once(output, 'line'), exited.then((how) => assert.fail(`ended: ${how}`))]);
      const [port] = await line();
      const reported = line();

      const served = new Set<Socket>();
      const serving: Promise<void>[] = [];
      while (sockets.length < clientCount) {
        const socket = connect(Number(port), '127.0.0.1').on('error', () => {});
        sockets.push(socket);
        await once(socket, 'connect');
        const service = isServed(socket).then(() => void served.add(socket));
        serving.push(service);
        if (sockets.length <= welcomeCount) await service;
      }
      await reported;
      const began = performance.now();
      const [regular, ...others] = served;
      assert.ok(regular !== undefined && others.length > 100, `${served.size} are served`);
      for (const socket of others) socket.destroy();
      await isServed(regular);
      assert.ok(served.size < clientCount);
      await Promise.all(serving);
      assert.ok(performance.now() - began >= pause - reportLatency, 'it went on at once');

      const { code, why } = JSON.parse(lines[1] ?? '');
      assert.equal(code, 'EMFILE');
      assert.match(why, /^Cannot accept connections on 127\.0\.0\.1:\d+: too many open files/);
      assert.equal(lines.length, 2);
    } finally {
      for (const socket of sockets) socket.destroy();
      server.kill('SIGKILL');
      await exited;
    }
  });
}
