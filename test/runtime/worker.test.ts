import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { sleep } from '../../src/coroutines/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { run } from '../../src/runtime/index.ts';
import { programCommand } from '../support/run-program.ts';

function startWorker(): Worker {
  const { args } = programCommand('test/support/programs/worker-run.ts');
  return new Worker(args.at(-1) as string, { execArgv: args.slice(0, -1) });
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
    const [message] = await once(worker, 'message');
    const [code] = await once(worker, 'exit');
    assert.deepEqual([message, code], [expected, 0]);
  });

  it('runs beside the one of the main thread, each thread having its own (B-EV-023)', () =>
    run(async () => {
      const loop = getRunningLoop();
      const workers = [startWorker(), startWorker()];
      const ended = Promise.all(
        workers.map(async (worker) => {
          const [message] = await once(worker, 'message');
          await once(worker, 'exit');
          return message as unknown;
        }),
      );
      await sleep(1);
      assert.deepEqual(await ended, [expected, expected]);
      assert.equal(getRunningLoop(), loop);
    }));
});
