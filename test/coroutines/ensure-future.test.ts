import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  coroutine,
  createTask,
  ensureFuture,
  Future,
  sleep,
  Task,
  wrapFuture,
} from '../../src/coroutines/index.ts';
import { CancelledError, type Suspension } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { newEventLoop, run } from '../../src/runtime/index.ts';
import { runSimulated, simulatedLoop } from '../support/simulated.ts';
import { ForeignFuture } from './foreign-future.ts';
import { both, inLoop, inTask, settle, thrown } from './spellings.ts';

class BadWeather extends Error {}

const answer = coroutine(function* answer() {
  yield;
  return 42;
});

/** What the streams give for a write: it waits in both spellings and is no coroutine. */
class Parcel {
  readonly arrived = new Future<string>();

  *[Symbol.iterator](): Generator<Suspension, string, unknown> {
    return yield* this.arrived;
  }

  then: Future<string>['then'] = (...args) => createTask(() => this[Symbol.iterator]()).then(...args);
}

describe('ensureFuture', () => {
  inLoop('gives a future back as it is (B-FUT-027)', () => {
    const future = new Future();
    const foreign = new ForeignFuture(getRunningLoop());
    for (const wrap of [ensureFuture, wrapFuture]) {
      assert.equal(wrap(future), future);
      assert.equal(wrap(foreign), foreign);
    }
    assert.equal(getRunningLoop().wrapFuture(future), future);
    assert.equal(ensureFuture(future, { loop: getRunningLoop() }), future);
  });

  both('makes a task of a coroutine (B-TASK-018)', function* () {
    const task = ensureFuture(answer());
    assert.ok(task instanceof Task);
    assert.match(String(task), /^<Task pending name="Task-\d+" coroutine=answer>$/);
    assert.equal(yield task, 42);
    const wrapped = wrapFuture(answer());
    assert.ok(wrapped instanceof Task);
    assert.equal(yield wrapped, 42);
  });

  both('waits for whatever else can be waited for, and cancels it (B-TASK-018)', function* () {
    const kept = new Parcel();
    const following = ensureFuture(kept);
    kept.arrived.setResult('here');
    assert.equal(yield following, 'here');

    const lost = new Parcel();
    const waiting = ensureFuture(lost);
    yield* settle();
    waiting.cancel();
    assert.equal(lost.arrived.cancelled(), true);
    assert.ok((yield* thrown(waiting)) instanceof CancelledError);
  });

  both('refuses what cannot be waited for (B-TASK-018)', function* () {
    yield;
    for (const wrap of [ensureFuture, wrapFuture]) {
      for (const wrong of [
        undefined,
        null,
        5,
        'text',
        {},
        { then: 1 },
        answer,
        answer()[Symbol.iterator](),
      ]) {
        assert.throws(() => wrap(wrong as never), TypeError, String(wrong));
      }
    }
  });

  inLoop('refuses a future of another loop than the one given (B-TASK-019)', () => {
    const other = newEventLoop();
    assert.throws(() => ensureFuture(new Future({ loop: other }), { loop: getRunningLoop() }), RangeError);
    assert.throws(() => ensureFuture(new Future(), { loop: other }), RangeError);
    other.close();
  });

  it('uses the loop given where none runs', async () => {
    const loop = simulatedLoop();
    const future = ensureFuture(Promise.resolve(5), { loop });
    assert.equal(future.getLoop(), loop);
    assert.throws(() => ensureFuture(Promise.resolve(5)), { code: 'ERR_NO_EVENT_LOOP' });
    assert.equal(await run(future, { loopFactory: () => loop }), 5);
  });
});

describe('a future of a promise', () => {
  both('gets its outcome (B-TASK-018)', function* () {
    assert.equal(yield wrapFuture(Promise.resolve(1)), 1);
    const error = new BadWeather();
    assert.equal(yield* thrown(wrapFuture(Promise.reject(error))), error);
  });

  both('follows thenables as the engine does', function* () {
    const nested = {
      then: (resolve: (value: unknown) => void) => resolve(Promise.resolve('nested')),
    } as PromiseLike<unknown>;
    assert.equal(yield wrapFuture(nested), 'nested');
    const twice = {
      then: (resolve: (value: number) => void, reject: (error: unknown) => void) => {
        resolve(1);
        resolve(2);
        reject(new BadWeather());
        throw new BadWeather();
      },
    } as unknown as PromiseLike<number>;
    assert.equal(yield wrapFuture(twice), 1);
    const throwing = {
      then() {
        throw new BadWeather();
      },
    } as unknown as PromiseLike<number>;
    assert.ok((yield* thrown(wrapFuture(throwing))) instanceof BadWeather);
  });

  both('is cancelled where the promise rejects with a cancellation', function* () {
    const future = wrapFuture(Promise.reject(new CancelledError('elsewhere')));
    yield* thrown(future);
    assert.equal(future.cancelled(), true);
  });

  both('gives up when cancelled, and what comes later counts as seen (B-FUT-032)', function* () {
    for (const settleIt of ['resolve', 'reject'] as const) {
      const settlers = new Map<string, (value: unknown) => void>();
      const promise = new Promise<unknown>((resolve, reject) => {
        settlers.set('resolve', resolve).set('reject', reject);
      });
      const future = wrapFuture(promise);
      assert.equal(future.cancel('enough'), true);
      settlers.get(settleIt)?.(new BadWeather());
      yield* settle();
      assert.equal(future.cancelled(), true);
    }
  });

  both(
    'asks a job to stop when it is cancelled before the end (B-FUT-028, B-FUT-029, B-T13-009)',
    function* (spelled) {
      // What an executor gives: a promise with a `cancel`, settled by the worker.
      const makeJob = () => {
        const reasons: unknown[] = [];
        let finish: (value: string) => void = () => {};
        const promise = new Promise<string>((resolve) => {
          finish = resolve;
        });
        const job = Object.assign(promise, { cancel: (reason: unknown) => reasons.push(reason) });
        return { job, reasons, finish };
      };
      const done = makeJob();
      const waiting = spelled.task(function* () {
        return (yield wrapFuture(done.job)) as string;
      });
      yield* settle();
      done.finish('result of the worker');
      assert.equal(yield waiting, 'result of the worker');
      waiting.cancel();
      assert.deepEqual(done.reasons, []);

      const stopped = makeJob();
      const stopping = yield* spelled.started(function* () {
        yield wrapFuture(stopped.job);
      });
      stopping.cancel('enough');
      assert.deepEqual(stopped.reasons, ['enough']);
      assert.ok((yield* thrown(stopping)) instanceof CancelledError);
      assert.deepEqual(stopped.reasons, ['enough']);
    },
  );

  it('may be settled after its loop was closed', async () => {
    let reject: (error: unknown) => void = () => {};
    await runSimulated(function* () {
      const future = wrapFuture(
        new Promise<void>((_resolve, rejectIt) => {
          reject = rejectIt;
        }),
      );
      future.addDoneCallback(() => assert.fail('called back on a closed loop'));
      yield* sleep(0);
    });
    reject(new BadWeather());
    // An error in that reaction would be an unhandled rejection, which fails the test.
    await new Promise((resolve) => setImmediate(resolve));
  });
});

describe('a future of a foreign make', () => {
  both('is waited for like one of ours (B-FUT-026)', function* (spelled) {
    const foreign = new ForeignFuture<number>(getRunningLoop());
    const waiting = yield* spelled.started(function* () {
      return (yield foreign) as number;
    });
    foreign.setResult(5);
    assert.equal(yield waiting, 5);
    assert.equal(yield foreign, 5);
  });

  both('throws its exception', function* (spelled) {
    const foreign = new ForeignFuture<number>(getRunningLoop());
    const waiting = yield* spelled.started(function* () {
      yield foreign;
    });
    const error = new BadWeather();
    foreign.setException(error);
    assert.equal(yield* thrown(waiting), error);
  });

  // An `async` function awaits it by its own `then`, which knows of no task.
  for (const when of ['while it is waited for', 'before that'] as const) {
    inTask(`is cancelled with the task, ${when}`, function* () {
      const foreign = new ForeignFuture<number>(getRunningLoop());
      const first = new Future<void>();
      const waiting = createTask(function* () {
        yield* first;
        try {
          yield* foreign;
        } catch (error) {
          return error;
        }
        return null;
      });
      yield;
      first.setResult();
      if (when === 'while it is waited for') yield* sleep(0);
      waiting.cancel('enough');
      assert.equal(foreign.cancelled(), when === 'while it is waited for');
      const error = yield* waiting;
      assert.equal(foreign.cancelled(), true);
      assert.ok(error instanceof CancelledError);
      assert.equal(error.reason, 'enough');
    });
  }
});
