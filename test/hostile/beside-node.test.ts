import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { realKinds } from '../contract/kinds.ts';
import { programCommand } from '../support/run-program.ts';

const local = '127.0.0.1';
/** How much longer work may take under load: generous, for machines with other things to do. */
const factor = 10;
const extra = 10;

interface Load {
  readonly rounds: number;
  /** Resolves when each client has been answered once. */
  readonly begun: Promise<unknown>;
  stop(): Promise<void>;
}

function echoLoad(port: number, clientCount = 16): Load {
  let rounds = 0;
  const sockets = Array.from({ length: clientCount }, () => connect(port, local));
  const message = new Uint8Array(64);
  for (const socket of sockets) {
    socket.setNoDelay();
    let left = message.length;
    socket.on('data', (data) => {
      left -= data.length;
      if (left > 0) return;
      left = message.length;
      rounds++;
      socket.write(message);
    });
  }
  const begun = Promise.all(sockets.map((socket) => once(socket, 'data')));
  for (const socket of sockets) socket.write(message);
  return {
    get rounds() {
      return rounds;
    },
    begun,
    async stop() {
      const closed = sockets.map((socket) => once(socket, 'close'));
      for (const socket of sockets) socket.destroy();
      await Promise.all(closed);
    },
  };
}

function webLoad(port: number, clientCount = 8): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: clientCount });
  let rounds = 0;
  let stopped = false;
  const ask = () =>
    new Promise<void>((resolve, reject) => {
      get({ host: local, port, agent }, (response) => {
        response.resume().on('end', () => {
          rounds++;
          resolve();
        });
      }).on('error', reject);
    });
  const first = Array.from({ length: clientCount }, () => ask());
  const clients = first.map(async (answered) => {
    await answered;
    while (!stopped) await ask();
  });
  return {
    get rounds() {
      return rounds;
    },
    begun: Promise.all(first),
    async stop() {
      stopped = true;
      await Promise.all(clients);
      agent.destroy();
    },
  };
}

for (const kind of realKinds) {
  // What Node's own loop does beside itself is its own affair; and beside one that blocks nothing happens.
  if (kind.driver === 'node' || kind.blocks) continue;

  describe(`Node beside the ${kind} loop`, () => {
    it('goes on while ours is under load, and ours while Node is, neither much slower than alone', {
      timeout: 60_000,
    }, async (context) => {
      const { command, args } = programCommand('test/support/programs/beside-node.ts', kind.driver);
      const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], timeout: 50_000 });
      const exited = once(child, 'exit');
      const lines = createInterface({ input: child.stdout });
      const line = async () => JSON.parse((await once(lines, 'line'))[0]);
      const measure = async (): Promise<Record<string, number>> => {
        child.stdin.write('\n');
        return await line();
      };
      const { port, webPort } = await line();
      await measure(); // what is compiled and opened at the first use is
      const alone = await measure();
      for (const [what, begin] of [
        ['our server', () => echoLoad(port)],
        ['node:http', () => webLoad(webPort)],
      ] as const) {
        const load = begin();
        await load.begun;
        const before = load.rounds;
        const loaded = await measure();
        const rounds = load.rounds - before;
        await load.stop();
        context.diagnostic(
          `${what} under load, ${rounds} rounds: ${Object.entries(loaded)
            .map(([name, time]) => `${name} ${time.toFixed(2)} ms (${alone[name]?.toFixed(2)})`)
            .join(', ')}`,
        );
        assert.ok(rounds > 50, `${what} was asked ${rounds} times only`);
        for (const [name, time] of Object.entries(loaded)) {
          const before = alone[name] ?? 0;
          assert.ok(
            time < factor * before + extra,
            `${name} takes ${time} ms, ${before} ms alone: ${what} is under load`,
          );
        }
      }
      child.stdin.end();
      assert.deepEqual(await line(), { ended: true });
      assert.deepEqual(await exited, [0, null]);
    });
  });
}
