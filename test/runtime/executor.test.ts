import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTask, currentTask, sleep } from '../../src/coroutines/index.ts';
import {
  CancelledError,
  type ExceptionContext,
  type Executor,
  type ExecutorJob,
  NotSupportedError,
  StateError,
} from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { newEventLoop, run } from '../../src/runtime/index.ts';

/** Calls back in an immediate of the host; a stand-in for threads. */
class ImmediateExecutor implements Executor {
  cancels = 0;
  ended: Promise<void> = Promise.resolve();
  readonly shutdowns: ({ wait?: boolean | undefined } | undefined)[] = [];

  submit<Args extends unknown[], Result>(
    callback: (...args: Args) => Result,
    ...args: Args
  ): ExecutorJob<Awaited<Result>> {
    const job = new Promise<Result>((resolve, reject) => {
      setImmediate(() => {
        try {
          resolve(callback(...args));
        } catch (error) {
          reject(error);
        }
      });
    }) as Promise<Awaited<Result>>;
    return Object.assign(job, {
      cancel: () => {
        this.cancels++;
        return true;
      },
    });
  }

  shutdown(options?: { wait?: boolean | undefined }): Promise<void> {
    this.shutdowns.push(options);
    return this.ended;
  }
}

describe('executors', () => {
  it('run a function elsewhere, and its outcome arrives on the loop (B-EV-004)', () =>
    run(async () => {
      const loop = getRunningLoop();
      const executor = new ImmediateExecutor();
      assert.equal(await loop.runInExecutor(executor, (a: number, b: number) => a + b, 1, 2), 3);
      const error = new Error('of the function');
      await assert.rejects(
        async () =>
          loop.runInExecutor(executor, () => {
            throw error;
          }),
        (thrown) => thrown === error,
      );
    }));

  it('are used by default once one was given; this layer makes none (B-LOOP-024)', () =>
    run(async () => {
      const loop = getRunningLoop();
      assert.throws(
        () => loop.runInExecutor(null, () => 1),
        (error) =>
          error instanceof NotSupportedError &&
          error.feature === 'executors' &&
          error.driver === loop.driverName,
      );
      loop.setDefaultExecutor(new ImmediateExecutor());
      assert.equal(await loop.runInExecutor(null, () => 'default'), 'default');
      loop.setDefaultExecutor(null);
      assert.throws(() => loop.runInExecutor(null, () => 1), NotSupportedError);
    }));

  it('must have a way to submit (B-LOOP-024)', () => {
    const loop = newEventLoop();
    for (const wrong of [undefined, {}, 'threads', () => {}, { submit: 1 }]) {
      assert.throws(() => loop.setDefaultExecutor(wrong as unknown as null), TypeError);
    }
    loop.close();
  });

  it('are asked to drop the work of a future that is cancelled', () =>
    run(async () => {
      const executor = new ImmediateExecutor();
      const future = getRunningLoop().runInExecutor(executor, () => 'never asked for');
      assert.equal(future.cancel(), true);
      assert.equal(executor.cancels, 1);
      await assert.rejects(async () => future, CancelledError);
    }));

  it('are shut down with the loop, by default without waiting', () => {
    const loop = newEventLoop();
    const executor = new ImmediateExecutor();
    loop.setDefaultExecutor(executor);
    loop.close();
    assert.deepEqual(executor.shutdowns, [{ wait: false }]);
  });

  it('have a failure to shut down reported when the loop is closed', async () => {
    const loop = newEventLoop();
    const reports: ExceptionContext[] = [];
    loop.setExceptionHandler((_, context) => void reports.push(context));
    const executor = new ImmediateExecutor();
    const error = new Error('of the shutdown');
    executor.ended = Promise.reject(error);
    loop.setDefaultExecutor(executor);
    loop.close();
    await new Promise<void>((resolve) => setImmediate(resolve));
    assert.equal(reports[0]?.exception, error);
  });

  it('take no more work by default after their shutdown was waited for', () =>
    run(async () => {
      const loop = getRunningLoop();
      const executor = new ImmediateExecutor();
      loop.setDefaultExecutor(executor);
      await loop.shutdownDefaultExecutor();
      assert.deepEqual(executor.shutdowns, [{ wait: true }]);
      assert.throws(() => loop.runInExecutor(null, () => 1), StateError);
      assert.equal(await loop.runInExecutor(executor, () => 'given'), 'given');
      await loop.shutdownDefaultExecutor();
      assert.equal(executor.shutdowns.length, 1);
    }));

  it('are waited for no longer than was said, with a warning', (t) => {
    const warned = t.mock.method(process, 'emitWarning', () => {});
    return run(async () => {
      const loop = getRunningLoop();
      const executor = new ImmediateExecutor();
      executor.ended = new Promise(() => {});
      loop.setDefaultExecutor(executor);
      await loop.shutdownDefaultExecutor(1);
      assert.match(String(warned.mock.calls[0]?.arguments[0]), /within 1 ms/);
    });
  });

  it('let a cancellation of who waits for their end through', (t) => {
    const warned = t.mock.method(process, 'emitWarning', () => {});
    return run(function* () {
      const loop = getRunningLoop();
      const executor = new ImmediateExecutor();
      executor.ended = new Promise(() => {});
      loop.setDefaultExecutor(executor);
      let outcome: unknown = 'swallowed';
      const waiting = createTask(function* () {
        try {
          yield* loop.shutdownDefaultExecutor(3_600_000);
        } catch (error) {
          outcome = error;
        }
        assert.equal(currentTask()?.cancelling(), 1);
      });
      yield* sleep(0);
      waiting.cancel();
      yield* waiting;
      assert.ok(outcome instanceof CancelledError);
      assert.equal(warned.mock.callCount(), 0);
    });
  });
});
