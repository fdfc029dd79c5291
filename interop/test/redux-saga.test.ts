import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { runSaga, stdChannel } from 'redux-saga';
import { all, call, cancel, cancelled, fork, put, take } from 'redux-saga/effects';
import { CancelledError, createTask, sleep } from 'tulipa';
import { forSaga, perform } from 'tulipa/adapters/redux-saga';
import { assertRejects } from '../assert-rejects.ts';
import { row } from '../cells.ts';

// biome-ignore lint/suspicious/noExplicitAny: sagas yield whatever they like
type Saga<T> = Generator<any, T, any>;

function start<T>(saga: () => Saga<T>) {
  const channel = stdChannel<{ type: string }>();
  return runSaga(
    { channel, dispatch: (action: { type: string }) => channel.put(action), getState: () => ({}) },
    saga,
  );
}

row('redux-saga', {}, (it) => {
  it('waits for futures, coroutines and functions', function* (loop) {
    const future = loop.createFuture<number>();
    loop.callLater(1, () => future.setResult(1));
    const results = yield* perform(
      start(function* (): Saga<unknown[]> {
        const listening = yield fork(function* (): Saga<string> {
          return (yield take('done')).type;
        });
        const one = yield forSaga(future);
        const rest = yield all([call(forSaga, sleep(2, 2) as never), forSaga(async () => await sleep(1, 3))]);
        yield put({ type: 'done' });
        const bare = yield loop.createTask(async () => await sleep(1, 4));
        return [one, ...rest, bare, listening.result()];
      }),
    );
    assert.deepEqual(results, [1, 2, 3, 4, 'done']);
  });

  it('passes errors on, both ways', function* () {
    const wrong = new Error('wrong');
    const caught = yield* perform(
      start(function* (): Saga<unknown> {
        try {
          yield forSaga(async () => {
            await sleep(1);
            throw wrong;
          });
          return null;
        } catch (error) {
          return error;
        }
      }),
    );
    assert.equal(caught, wrong);
    const failing = function* (): Saga<void> {
      yield forSaga(sleep(1));
      throw wrong;
    };
    const silent = { onError: () => {} };
    const channel = stdChannel();
    yield* assertRejects(
      perform(runSaga({ channel, dispatch: () => {}, getState: () => ({}), ...silent }, failing)),
      wrong,
    );
  });

  it('cancels the task when the saga is cancelled', function* () {
    const seen: string[] = [];
    yield* perform(
      start(function* (): Saga<void> {
        const child = yield fork(function* (): Saga<void> {
          yield forSaga(function* () {
            try {
              yield* sleep(1_000);
            } catch (error) {
              seen.push(String((error as CancelledError).reason));
              throw error;
            }
          });
        });
        yield forSaga(sleep(1));
        yield cancel(child);
        yield forSaga(sleep(1));
      }),
    );
    assert.deepEqual(seen, ['the saga was cancelled']);
  });

  it('cancels the saga when the task that waits for it is cancelled', function* () {
    let told = false;
    const task = createTask(function* () {
      yield* perform(
        start(function* (): Saga<void> {
          try {
            yield forSaga(sleep(1_000));
          } finally {
            told = yield cancelled();
          }
        }),
      );
    });
    yield* sleep(1);
    task.cancel('enough');
    yield* assertRejects(
      task,
      (error: unknown) => error instanceof CancelledError && error.reason === 'enough',
    );
    assert.equal(told, true);
  });

  it('keeps the stores of AsyncLocalStorage', async () => {
    const storage = new AsyncLocalStorage<string>();
    await storage.run('ours', async () => {
      const seen = await perform(
        start(function* (): Saga<unknown> {
          yield forSaga(sleep(1));
          return storage.getStore();
        }),
      );
      assert.deepEqual([seen, storage.getStore()], ['ours', 'ours']);
    });
  });
});
