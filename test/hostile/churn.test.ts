import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { realKinds } from '../contract/kinds.ts';
import { churn } from './churning.ts';

/** How long it goes on, in seconds: a few, unless somebody has the patience. */
const duration = 1_000 * Number(process.env['CHURN_SECONDS'] ?? 3);
const connections = 150 * (duration / 1_000);

const MiB = 1024 * 1024;

describe('thousands of connections that do as they please', {
  concurrency: 2,
  skip: process.platform !== 'linux' && 'descriptors are counted in /proc',
}, () => {
  for (const kind of realKinds) {
    if (kind.driver === 'node') continue; // its sockets are Node's, and so would be what they leave
    it(`lose no byte and no call on the ${kind} loop, and leave neither descriptors nor memory`, {
      timeout: 100_000 + 4 * duration,
    }, async (context) => {
      const outcome = await churn(kind, { seed: 4711, duration, connections, collectOneIn: 0 });
      const { idle, receivedBytes } = outcome;
      context.diagnostic(
        `${outcome.connections} connections, ${Math.round(receivedBytes / MiB)} MiB; idle: ${idle
          .map(({ heapBytes, residentBytes }) =>
            [heapBytes, residentBytes].map((bytes) => (bytes / MiB).toFixed(1)).join('/'),
          )
          .join(', ')} MiB`,
      );
      // What is made once is made in the first round.
      const [, first, ...rounds] = idle;
      const last = rounds.at(-1);
      assert.ok(first !== undefined && last !== undefined);
      assert.ok(last.heapBytes - first.heapBytes < 4 * MiB, 'the heap grows');
      // The C library gives back what it likes, when it likes: in an hour it is the same up and down.
      assert.ok(last.residentBytes - first.residentBytes < 128 * MiB, 'the process grows');
    });
  }
});
