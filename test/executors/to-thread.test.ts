import assert from 'node:assert/strict';
import { extname } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { threadId } from 'node:worker_threads';
import {
  CancelledError,
  createTask,
  fromSignal,
  getRunningLoop,
  moduleFunction,
  run,
  StateError,
  shield,
  sleep,
  ThreadPoolExecutor,
  toThread,
} from 'tulipa';
import { runToEnd } from '../support/run-to-end.ts';
import type * as work from './work.ts';
import { add } from './work.ts';

const file = new URL(`./work${extname(fileURLToPath(import.meta.url))}`, import.meta.url);
const where = moduleFunction<typeof work.where>(file, 'where');
const fail = moduleFunction<typeof work.fail>(file, 'fail');
const spin = moduleFunction<typeof work.spin>(file, 'spin');
const waitForGate = moduleFunction<typeof work.waitForGate>(file, 'waitForGate');

const shared = () => new Int32Array(new SharedArrayBuffer(4));

describe('toThread', () => {
  it('runs a function once in the default executor, and brings back its value or its error (B-THR-001)', () =>
    run(function* () {
      assert.equal(yield* toThread(add, 1, 2), 3);
      const { thread, name } = yield* toThread(where);
      assert.notEqual(thread, threadId);
      // Older runtimes do not tell a thread its name.
      if (name !== undefined) assert.match(name, /^tulipa-pool_\d+$/);
      assert.throws(() => toThread('work' as never), TypeError);
      try {
        yield* toThread(fail);
        assert.fail('no error');
      } catch (error) {
        assert.deepEqual([(error as Error).name, (error as Error).message], ['ParseError', 'bad line']);
      }
    }));

  it('is awaited as well, and leaves the loop free meanwhile', () =>
    run(async () => {
      const gate = shared();
      const waiting = createTask(() => toThread(waitForGate, gate));
      await sleep(0);
      assert.equal(waiting.done(), false);
      Atomics.store(gate, 0, 42);
      Atomics.notify(gate, 0);
      assert.equal(await waiting, 42);
    }));

  it('tells at once that closures do not cross threads (B-THR-002)', () =>
    run(async () => {
      await assert.rejects(async () => toThread(() => 1), /functions do not cross threads/);
    }));

  it('ends the job when it is cancelled, and the end of the run does not wait for it', async () => {
    let ended = false;
    await run(async () => {
      const flag = shared();
      const spinning = createTask(() => toThread(spin, flag));
      await sleep(0);
      await Atomics.waitAsync(flag, 0, 0).value;
      spinning.cancel('enough');
      await assert.rejects(
        async () => spinning,
        (error) => error instanceof CancelledError && error.reason === 'enough',
      );
      createTask(() => toThread(spin, shared()));
      await sleep(0);
      ended = true;
    });
    assert.equal(ended, true);
  });

  it('ends the job when an AbortSignal says so', () =>
    run(async () => {
      const flag = shared();
      const controller = new AbortController();
      const aborted = createTask(() => fromSignal(controller.signal, () => toThread(spin, flag)));
      await sleep(0);
      await Atomics.waitAsync(flag, 0, 0).value;
      controller.abort(new Error('enough'));
      await assert.rejects(async () => aborted, /enough/);
    }));

  it('lets a shielded job go on, for which the end of the run waits (B-RUN-004)', async () => {
    const gate = shared();
    let result: number | null = null;
    await run(async () => {
      const loop = getRunningLoop();
      const job = loop.runInExecutor(null, waitForGate, gate);
      job.addDoneCallback(() => {
        result = job.result();
      });
      const waiting = createTask(() => shield(job));
      await sleep(0);
      waiting.cancel();
      await assert.rejects(async () => waiting, CancelledError);
      loop.callSoon(() => Atomics.store(gate, 0, 42));
      loop.callSoon(() => void Atomics.notify(gate, 0));
    });
    assert.equal(result, 42);
  });

  it('uses the executor that was set; null means one of the loop’s own again (B-LOOP-024)', () =>
    run(async () => {
      const loop = getRunningLoop();
      const pool = new ThreadPoolExecutor({ maxWorkers: 1, threadNamePrefix: 'weaver' });
      assert.equal(await toThread(add, 1, 2), 3);
      loop.setDefaultExecutor(pool);
      assert.equal(await toThread(add, 3, 4), 7);
      await pool.shutdown();
      await assert.rejects(async () => toThread(add, 1, 2), StateError);
      loop.setDefaultExecutor(null);
      assert.equal(await toThread(add, 5, 6), 11);
    }));

  it('leaves nothing that keeps the process alive, and what jobs print is printed', async () => {
    const { stdout, stderr, code } = await runToEnd('test/support/programs/threads.ts', []);
    assert.deepEqual([stdout, stderr, code], [`${'printed '.repeat(3)}end\n`, '', 0]);
  });
});
