import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { all, type Operation, race, spawn, suspend } from 'effection';
import { CancelledError, createTask, sleep, TimeoutError, timeout } from 'tulipa';
import { operationFrom, perform, sleep as sleepInEffection } from 'tulipa/adapters/effection';
import { assertRejects } from '../assert-rejects.ts';
import { row } from '../cells.ts';

row('effection', {}, (it) => {
  it('sleeps, races and spawns by the loop', function* (loop) {
    const begun = loop.time();
    function* after<T>(duration: number, value: T): Operation<T> {
      yield* sleepInEffection(duration);
      return value;
    }
    const result = yield* perform(function* () {
      const child = yield* spawn(() => after(3, 'child'));
      const first = yield* race([after(2, 'fast'), after(3_600_000, 'slow')]);
      return [first, yield* child, ...(yield* all([after(2, 1), after(1, 2)]))];
    });
    assert.deepEqual(result, ['fast', 'child', 1, 2]);
    const took = loop.time() - begun;
    assert.ok(took >= 5 && took < 3_600_000, `${took}`);
  });

  it('has futures, coroutines, functions and promises as operations', function* (loop) {
    const future = loop.createFuture<number>();
    loop.callLater(1, () => future.setResult(1));
    const counted = operationFrom(function* () {
      yield* sleep(1);
      return 3;
    });
    const results = yield* perform(function* () {
      return [
        yield* operationFrom(future),
        yield* operationFrom(sleep(1, 2)),
        yield* counted,
        yield* counted,
        yield* operationFrom(async () => await sleep(1, 4)),
        yield* operationFrom(Promise.resolve(5)),
      ];
    });
    assert.deepEqual(results, [1, 2, 3, 3, 4, 5]);
  });

  it('passes errors on, both ways', function* () {
    const wrong = new Error('wrong');
    const failing = operationFrom(async () => {
      await sleep(1);
      throw wrong;
    });
    yield* assertRejects(perform(failing), wrong);
    const caught = yield* perform(function* () {
      try {
        return yield* failing;
      } catch (error) {
        return error;
      }
    });
    assert.equal(caught, wrong);
  });

  it('halts the operation when the task is cancelled, and waits until it has cleaned up', function* () {
    const seen: string[] = [];
    const task = createTask(function* () {
      try {
        yield* perform(function* () {
          try {
            yield* suspend();
          } finally {
            yield* sleepInEffection(3);
            seen.push('cleaned');
          }
        });
      } catch (error) {
        seen.push(`thrown ${(error as CancelledError).reason}`);
        throw error;
      }
    });
    yield* sleep(1);
    task.cancel('enough');
    yield* assertRejects(task, CancelledError);
    assert.deepEqual(seen, ['cleaned', 'thrown enough']);
  });

  it('halts the operation when a scope of an async function ends', async () => {
    let halted = false;
    await assert.rejects(async () => {
      await timeout(2, async () => {
        await perform(function* () {
          try {
            yield* suspend();
          } finally {
            halted = true;
          }
        });
      });
    }, TimeoutError);
    assert.equal(halted, true);
  });

  it('throws what cleaning up throws in a halt', function* () {
    const wrong = new Error('wrong');
    const task = createTask(function* () {
      yield* perform(function* () {
        try {
          yield* suspend();
        } finally {
          // biome-ignore lint/correctness/noUnsafeFinally: what is tested
          throw wrong;
        }
      });
    });
    yield* sleep(1);
    task.cancel();
    yield* assertRejects(task, wrong);
  });

  it('cancels the task when the operation is halted, and waits until it has cleaned up', function* () {
    const seen: string[] = [];
    yield* perform(function* () {
      const child = yield* spawn(() =>
        operationFrom(function* () {
          try {
            yield* sleep(1000);
          } catch (error) {
            yield* sleep(2);
            seen.push(`cleaned ${(error as CancelledError).reason}`);
            throw error;
          }
        }),
      );
      yield* sleepInEffection(1);
      yield* child.halt();
      seen.push('halted');
    });
    assert.deepEqual(seen, ['cleaned halted', 'halted']);
  });

  it('throws a cancellation by somebody else', function* (loop) {
    const future = loop.createFuture<void>();
    loop.callLater(1, () => future.cancel('by somebody'));
    yield* assertRejects(perform(operationFrom(future)), CancelledError);
  });

  it('keeps the stores of AsyncLocalStorage: in operations, in tasks, and behind the await', async () => {
    const storage = new AsyncLocalStorage<string>();
    await storage.run('ours', async () => {
      const seen = await perform(function* () {
        const atOnce = storage.getStore();
        yield* sleepInEffection(1);
        const slept = storage.getStore();
        yield* operationFrom(() => sleep(1));
        return [atOnce, slept, storage.getStore()];
      });
      assert.deepEqual(seen, ['ours', 'ours', 'ours']);
      assert.equal(storage.getStore(), 'ours');
    });
  });
});
