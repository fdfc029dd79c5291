import assert from 'node:assert/strict';
import { extname } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { threadId } from 'node:worker_threads';
import {
  BrokenExecutorError,
  CancelledError,
  createTask,
  gather,
  getRunningLoop,
  moduleFunction,
  type RunnerOptions,
  run,
  StateError,
  sleep,
  ThreadPoolExecutor,
  toThread,
} from 'tulipa';
import { listDrivers } from '../../src/runtime/index.ts';
import type * as work from './work.ts';
import { add } from './work.ts';

type Work = typeof work;

function of<Name extends keyof Work & string>(name: Name) {
  const file = new URL(`./work${extname(fileURLToPath(import.meta.url))}`, import.meta.url);
  return moduleFunction<Extract<Work[Name], (...args: never[]) => unknown>>(file, name);
}

const epoll = listDrivers().find(({ name }) => name === 'epoll')?.unavailable === null;
const blocking: RunnerOptions = { driver: 'epoll', runner: 'blocking' };

describe('executors of a loop that blocks its thread', { skip: epoll ? false : 'there is no epoll' }, () => {
  it('give results and errors, more than they have threads (B-EV-004, B-THR-001)', () =>
    run(function* () {
      const pool = new ThreadPoolExecutor({ maxWorkers: 2 });
      getRunningLoop().setDefaultExecutor(pool);
      assert.deepEqual(
        yield* gather(Array.from({ length: 10 }, (_, n) => toThread(add, n, 1))),
        Array.from({ length: 10 }, (_, n) => n + 1),
      );
      assert.notEqual((yield* toThread(of('where'))).thread, threadId);
      const [error] = yield* gather([toThread(of('fail'))], { returnExceptions: true });
      assert.match(String(error), /bad line/);
    }, blocking));

  it('give them to async functions as well', () =>
    run(async () => assert.equal(await toThread(add, 1, 2), 3), blocking));

  it('end a job that is cancelled, with its thread, and go on', () =>
    run(function* () {
      getRunningLoop().setDefaultExecutor(new ThreadPoolExecutor({ maxWorkers: 1 }));
      const begun = new Int32Array(new SharedArrayBuffer(4));
      const spinning = createTask(toThread(of('spin'), begun));
      yield* sleep(0);
      Atomics.wait(begun, 0, 0);
      spinning.cancel();
      const [outcome] = yield* gather([spinning], { returnExceptions: true });
      assert.ok(outcome instanceof CancelledError);
      assert.equal(yield* toThread(add, 1, 2), 3);
    }, blocking));

  it('tell of a job whose thread has ended', () =>
    run(function* () {
      for (const [call, why] of [
        [toThread(of('exit'), 3), /exit code 3/],
        [toThread(of('crash')), /thrown by nobody/],
      ] as const) {
        const [error] = yield* gather([call], { returnExceptions: true });
        assert.ok(error instanceof BrokenExecutorError);
        assert.match(error.message, why);
      }
      assert.equal(yield* toThread(add, 1, 2), 3);
    }, blocking));

  it('are shut down with the run, which waits for what they do', () =>
    run(function* () {
      const pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const job = pool.submit(add, 20, 22);
      const loop = getRunningLoop();
      loop.setDefaultExecutor(pool);
      yield* loop.shutdownDefaultExecutor(10_000);
      assert.equal(yield* loop.wrapFuture(job), 42);
      assert.throws(() => pool.submit(add, 1, 2), StateError);
    }, blocking));

  it('do what was asked of one loop while another one waits', async () => {
    const pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const gate = new Int32Array(new SharedArrayBuffer(4));
    const before = pool.submit(of('waitForGate'), gate);
    await run(function* () {
      const job = getRunningLoop().runInExecutor(pool, add, 1, 2);
      Atomics.store(gate, 0, 7);
      Atomics.notify(gate, 0);
      assert.equal(yield* job, 3);
    }, blocking);
    assert.equal(await before, 7);
    await pool.shutdown();
  });
});
