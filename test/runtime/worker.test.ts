import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { getRunningLoop } from '../../src/loop/index.ts';
import { run } from '../../src/runtime/index.ts';
import { programCommand } from '../support/run-program.ts';

function startWorker(): Worker {
  const { args } = programCommand('test/support/programs/worker-run.ts');
  return new Worker(args.at(-1) as string, { execArgv: args.slice(0, -1) });
}

/** Listens for both at once: the last message and the exit may be told of in one go. */
async function outcome(worker: Worker): Promise<{ message: unknown; code: unknown }> {
  const [[message], [code]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
  return { message, code };
}

const expected = {
  order: ['callback', 'microtask', 'next callback'],
  results: ['generator', 'async'],
  signals: 'ERR_NOT_MAIN_THREAD',
  driver: 'node',
};

describe('a loop in a worker thread', () => {
  it('runs as in the main thread, but for signals (B-EV-007), and lets the thread end', async () => {
    const worker = startWorker();
    assert.deepEqual(await outcome(worker), { message: expected, code: 0 });
  });

  it('runs beside the one of the main thread, each thread having its own (B-EV-023)', () =>
    run(async () => {
      const loop = getRunningLoop();
      const ended = Promise.all([outcome(startWorker()), outcome(startWorker())]);
      const one = { message: expected, code: 0 };
      assert.deepEqual(await ended, [one, one]);
      assert.equal(getRunningLoop(), loop);
    }));
});
