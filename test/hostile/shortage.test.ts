import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { realKinds } from '../contract/kinds.ts';
import { programCommand } from '../support/run-program.ts';

/** Of which Node itself takes a few dozen. */
const descriptors = 256;
const attempts = 400;

describe('a client without descriptors', { concurrency: 2, skip: process.platform === 'win32' }, () => {
  for (const kind of realKinds) {
    it(`fails with EMFILE on the ${kind} loop, goes on with what it has, and connects when there are some`, {
      timeout: 30_000,
    }, async () => {
      const server = createServer((socket) => {
        socket.on('error', () => {});
        socket.pipe(socket);
      }).listen(0, '127.0.0.1', attempts);
      await once(server, 'listening');
      const { driver, runner } = kind;
      const { command, args } = programCommand(
        'test/support/programs/crowded-client.ts',
        driver,
        runner,
        String((server.address() as AddressInfo).port),
        String(attempts),
      );
      const limited = ['-c', `ulimit -n ${descriptors} && exec "$0" "$@"`, command, ...args];
      const child = spawn('sh', limited, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 20_000 });
      const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
      server.close();
      assert.equal(stderr, '');
      const { opened, refused, codes } = JSON.parse(stdout);
      assert.deepEqual(codes, ['EMFILE']);
      assert.ok(opened > 100 && refused > 100, `${opened} opened, ${refused} refused`);
      assert.equal(opened + refused, attempts);
    });
  }
});
