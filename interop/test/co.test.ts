import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import co from 'co';
import { CancelledError, sleep, wrapFuture } from 'tulipa';
import { assertRejects } from '../assert-rejects.ts';
import { row } from '../cells.ts';

row('co', {}, (it) => {
  it('takes futures, tasks and coroutines where it takes promises', function* (loop) {
    const future = loop.createFuture<number>();
    loop.callLater(1, () => future.setResult(1));
    const results = yield* wrapFuture(
      co(function* () {
        const one: number = yield future;
        const all: unknown[] = yield [sleep(2, 2), loop.createTask(async () => await sleep(1, 3))];
        return [one, ...all];
      }),
    );
    assert.deepEqual(results, [1, 2, 3]);
  });

  it('passes errors and cancellations on', function* (loop) {
    const wrong = new Error('wrong');
    const future = loop.createFuture<void>();
    loop.callLater(1, () => future.cancel());
    const caught = yield* wrapFuture(
      co(function* () {
        const seen: unknown[] = [];
        for (const failing of [loop.createTask(() => Promise.reject(wrong)), future]) {
          try {
            yield failing;
          } catch (error) {
            seen.push(error);
          }
        }
        return seen;
      }),
    );
    assert.equal(caught[0], wrong);
    assert.ok(caught[1] instanceof CancelledError);
    yield* assertRejects(
      wrapFuture(
        co(function* () {
          yield sleep(1);
          throw wrong;
        }),
      ),
      wrong,
    );
  });

  it('keeps the stores of AsyncLocalStorage behind promises of the engine', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen = await storage.run('ours', () =>
      co(function* () {
        yield Promise.resolve(sleep(1));
        return storage.getStore();
      }),
    );
    assert.equal(seen, 'ours');
  });
});
