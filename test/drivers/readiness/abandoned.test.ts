import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { it } from 'node:test';
import type { EventLoop } from '../../../src/runtime/index.ts';
import { newEventLoop } from '../../../src/runtime/index.ts';
import { socketPath } from '../../contract/endpoints.ts';
import { realKinds } from '../../contract/kinds.ts';

const turnsMax = 6;

function openCount(): number {
  return readdirSync('/proc/self/fd').length;
}

for (const kind of realKinds) {
  if (kind.driver === 'node' || !kind.blocks) continue; // who turns it does not matter

  it(`closing a ${kind.driver} loop in the middle of whatever it opens leaves no descriptor`, {
    skip: process.platform !== 'linux' && 'descriptors are counted in /proc',
  }, async () => {
    const path = socketPath();
    const server = createServer(() => {}).listen(path);
    await once(server, 'listening');
    const own = socketPath();
    const opens: Record<string, (loop: EventLoop) => PromiseLike<unknown>> = {
      'a Unix connection': (loop) => loop.createUnixConnection(() => ({}), { path }),
      'a TCP connection': (loop) => loop.createConnection(() => ({}), { host: '127.0.0.1', port: 9 }),
      'a Unix server': (loop) => loop.createUnixServer(() => ({}), { path: own }),
      'a TCP server': (loop) => loop.createServer(() => ({}), { host: '127.0.0.1', port: 0 }),
      'a look-up': (loop) => loop.getaddrinfo('localhost', 80),
    };
    const before = openCount();
    for (const [what, open] of Object.entries(opens)) {
      for (let turns = 0; turns < turnsMax; turns++) {
        const loop = newEventLoop({ driver: kind.driver });
        loop.setExceptionHandler(() => {});
        loop.createTask(() => open(loop) as never);
        for (let turn = 0; turn < turns; turn++) loop.runOnce(0);
        loop.close();
        // A look-up that is under way keeps its libuv loop, which the next one takes.
        if (what !== 'a look-up') assert.equal(openCount(), before, `${what}, after ${turns} turns`);
      }
    }
    server.close();
  });
}
