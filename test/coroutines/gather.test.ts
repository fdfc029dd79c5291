import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  allTasks,
  coroutine,
  createTask,
  Future,
  gather,
  sleep,
  type Task,
} from '../../src/coroutines/index.ts';
import { CancelledError } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { newEventLoop } from '../../src/runtime/index.ts';
import { runSimulated } from '../support/simulated.ts';
import { ForeignFuture } from './foreign-future.ts';
import { both, fails, inLoop, returns, settle, thrown } from './spellings.ts';

class BadWeather extends Error {}

const slowly = coroutine(function* <T>(result: T) {
  yield* sleep(1);
  return result;
});

describe('gather', () => {
  both('of nothing completes with an empty array (B-TASK-061)', function* () {
    const gathered = gather([]);
    assert.equal(gathered.done(), true);
    assert.deepEqual(yield gathered, []);
    assert.deepEqual(yield gather([], { returnExceptions: true }), []);
  });

  both('gives the results in the order of the arguments', function* (spelled) {
    const last = new Future<string>();
    getRunningLoop().callLater(2, () => last.setResult('future'));
    const foreign = new ForeignFuture<string>(getRunningLoop());
    foreign.setResult('foreign');
    const all = [
      last,
      slowly('coroutine'),
      spelled.task(returns('task')),
      Promise.resolve('promise'),
      foreign,
    ];
    assert.deepEqual(yield gather(all), ['future', 'coroutine', 'task', 'promise', 'foreign']);
  });

  both('runs once what is given twice', function* () {
    const once = slowly({});
    const [a, b] = (yield gather([once, once])) as [object, object];
    assert.equal(a, b);
  });

  both('fails with the first failure; the others run on (B-TASK-062)', function* (spelled) {
    const end = new Future<string>();
    const other = yield* spelled.started(function* () {
      return (yield end) as string;
    });
    const error = new BadWeather();
    const failing = spelled.task(fails(error));
    assert.equal(yield* thrown(gather([other, failing])), error);
    assert.equal(other.done(), false);
    end.setResult('went on');
    assert.equal(yield other, 'went on');
  });

  both('counts what fails after the first failure as seen (B-TASK-063)', function* (spelled) {
    const gathered = gather([
      spelled.task(fails(new BadWeather())),
      spelled.task(function* () {
        yield* settle();
        throw new BadWeather();
      }),
    ]);
    yield* thrown(gathered);
    yield* settle();
    yield* settle();
    // `both` fails if anything is reported.
  });

  both('puts errors and cancellations in their places (B-TASK-064)', function* (spelled) {
    const error = new BadWeather();
    const cancelled = new Future<void>();
    cancelled.cancel('enough');
    const all = [spelled.task(fails(error)), cancelled, slowly('result'), spelled.task(fails(undefined))];
    const results = (yield gather(all, { returnExceptions: true })) as unknown[];
    assert.equal(results[0], error);
    assert.ok(results[1] instanceof CancelledError);
    assert.equal((results[1] as CancelledError).reason, 'enough');
    assert.deepEqual(results.slice(2), ['result', undefined]);
  });

  both('fails with any thrown value', function* (spelled) {
    for (const value of [null, undefined, 0]) {
      const gathered = gather([spelled.task(fails(value)), slowly(1)]);
      assert.equal(yield* thrown(gathered), value);
      assert.equal(gathered.done(), true);
    }
    yield sleep(2);
  });

  both('fails with the cancellation of one of them, and is not cancelled (B-TASK-062)', function* (spelled) {
    const child = new Future<void>();
    const gathered = gather([child, spelled.task(returns(1))]);
    child.cancel('elsewhere');
    const error = yield* thrown(gathered);
    assert.ok(error instanceof CancelledError);
    assert.equal(error.reason, 'elsewhere');
    assert.equal(gathered.cancelled(), false);
  });

  both(
    'cancelled cancels all that are not done, and says whether there were any (B-TASK-066)',
    function* (spelled) {
      const done = new Future<number>();
      done.setResult(1);
      const children = [new Future<void>(), yield* spelled.started(() => never())] as const;
      const gathered = gather([done, ...children]);
      yield* settle();
      assert.equal(gathered.cancel('enough'), true);
      const error = (yield* thrown(gathered)) as CancelledError;
      assert.equal(error.reason, 'enough');
      assert.equal(gathered.cancelled(), true);
      for (const child of children) {
        yield* thrown(child);
        assert.throws(() => child.result(), { reason: 'enough' });
      }
      assert.equal(gathered.cancel(), false);
    },
  );

  both('cancelled when all are done keeps the results (B-TASK-067)', function* (spelled) {
    const children = [spelled.task(returns(1)), spelled.task(returns(2))];
    const gathered = gather(children);
    for (const child of children) yield child;
    const finished = gather(children);
    assert.equal(finished.done(), true, 'no turn is spent on what is done already');
    assert.equal(finished.cancel(), false);
    assert.deepEqual(finished.result(), [1, 2]);
    assert.deepEqual(yield gathered, [1, 2]);

    const last = new Future<number>();
    const unaware = gather([last]);
    last.setResult(3);
    assert.equal(unaware.done(), false);
    assert.equal(unaware.cancel(), false, 'it is not told yet, but there is nothing left to cancel');
    assert.deepEqual(yield unaware, [3]);
  });

  both(
    'cancelled through its waiter hands that on, also with returnExceptions (B-TASK-068)',
    function* (spelled) {
      for (const returnExceptions of [true, false]) {
        const child = new Future<void>();
        const waiting = yield* spelled.started(function* () {
          yield gather([child], { returnExceptions: returnExceptions as true });
        });
        waiting.cancel('enough');
        assert.equal(child.cancelled(), true);
        const error = yield* thrown(waiting);
        assert.ok(error instanceof CancelledError);
        assert.equal(error.reason, 'enough');
        assert.equal(waiting.cancelled(), true);
      }
    },
  );

  both('cancelled fails with what a child fails with in its clean-up', function* (spelled) {
    const error = new BadWeather();
    const child = yield* spelled.started(function* () {
      yield* thrown(new Future<void>());
      throw error;
    });
    const gathered = gather([child]);
    gathered.cancel();
    assert.equal(yield* thrown(gathered), error);
  });

  both('gathers gathers', function* () {
    const gathered = gather([gather([slowly(1), slowly(2)]), gather([])]);
    assert.deepEqual(yield gathered, [[1, 2], []]);
    const child = new Future<void>();
    const outer = gather([gather([child])]);
    outer.cancel();
    assert.equal(child.cancelled(), true);
    yield* thrown(outer);
  });

  it('refuses futures of different loops (B-TASK-069)', async () => {
    const other = newEventLoop();
    await runSimulated(async () => {
      const elsewhere = new Future({ loop: other });
      assert.throws(() => gather([new Future(), elsewhere]), RangeError);
      // All of one loop, though not of this one, are gathered there.
      assert.equal(gather([elsewhere]).getLoop(), other);
    });
    other.close();
  });

  inLoop('refuses what cannot be waited for, and starts nothing (B-TASK-069)', () => {
    const before = allTasks().size;
    const unused = slowly(1);
    for (const wrong of [[unused, 5], [unused, slowly], [{}], 'text', [unused, null]]) {
      assert.throws(() => gather(wrong as never), TypeError, String(wrong));
    }
    for (const wrong of [unused, new Future(), Promise.resolve(), 5, null, undefined]) {
      assert.throws(() => gather(wrong as never), {
        name: 'TypeError',
        message: 'Cannot gather: give an array of things to wait for',
      });
    }
    assert.equal(allTasks().size, before);
    unused.close();
  });
});

function* never(): Generator<Future<void>, void, unknown> {
  yield new Future<void>();
}

describe('a task that is gathered', () => {
  both('may be cancelled alone', function* () {
    const [first, second]: Task<number>[] = [createTask(slowly(1)), createTask(slowly(2))];
    const gathered = gather([first, second] as Task<number>[], { returnExceptions: true });
    first?.cancel();
    const [one, two] = (yield gathered) as unknown[];
    assert.ok(one instanceof CancelledError);
    assert.equal(two, 2);
  });
});
