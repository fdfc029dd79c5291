import assert from 'node:assert/strict';
import { describe } from 'node:test';
import {
  coroutine,
  createTask,
  Future,
  type ReturnWhen,
  sleep,
  type WaitOptions,
  wait,
} from '../../src/coroutines/index.ts';
import { CancelledError } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { ForeignFuture } from './foreign-future.ts';
import { both, fails, inLoop, returns, settle, thrown } from './spellings.ts';

class BadWeather extends Error {}

type Outcome = { done: Set<Future<unknown>>; pending: Set<Future<unknown>> };

function settled(): Future<number> {
  const future = new Future<number>();
  future.setResult(1);
  return future;
}

function failed(): Future<never> {
  const future = new Future<never>();
  future.setException(new BadWeather());
  future.markRetrieved();
  return future;
}

function cancelled(): Future<never> {
  const future = new Future<never>();
  future.cancel();
  return future;
}

describe('wait', () => {
  both(
    'gives the done and the pending, throws nothing of theirs, counts each once (B-TASK-047)',
    function* (spelled) {
      const members = [
        spelled.task(returns(1)),
        spelled.task(fails(new BadWeather())),
        settled(),
        failed(),
        cancelled(),
        new ForeignFuture<number>(getRunningLoop()),
      ] as Future<unknown>[];
      members[5]?.setResult(1);
      const { done, pending } = (yield wait([...members, ...members])) as Outcome;
      assert.deepEqual([...done], members);
      assert.deepEqual([...pending], []);
      assert.ok(members[1]?.exception() instanceof BadWeather);
    },
  );

  both('takes any iterable (B-TASK-049)', function* () {
    const members = [settled(), settled()];
    function* generate() {
      yield* members;
    }
    for (const iterable of [generate(), new Set(members), members.values()]) {
      const { done } = (yield wait(iterable)) as Outcome;
      assert.deepEqual([...done], members);
    }
  });

  inLoop('refuses what it cannot wait for (B-TASK-048)', () => {
    const future = new Future<void>();
    const idle = coroutine(function* () {
      yield;
    });
    for (const wrong of [future, createTask(idle()), idle(), Promise.resolve(), 5, null, undefined]) {
      assert.throws(() => wait(wrong as never), TypeError, String(wrong));
    }
    for (const wrong of [[idle()], [future, idle()], [Promise.resolve()], [5], 'text']) {
      assert.throws(() => wait(wrong as never), {
        name: 'TypeError',
        message: /^Cannot wait for what is no/,
      });
    }
    assert.throws(() => wait([]), RangeError);
    assert.throws(() => wait([future], { returnWhen: 'never' as ReturnWhen }), {
      name: 'RangeError',
      message: 'Cannot wait until never: no such mode',
    });
    assert.throws(() => wait([future], { timeout: Number.NaN }), RangeError);
    assert.throws(() => wait([future], { timeout: '1' as never }), TypeError);
    assert.deepEqual(future.waiterNames(), []);
    future.cancel();
  });

  both('until the first has completed (B-TASK-048)', function* () {
    const [first, second] = [new Future<number>(), new Future<number>()];
    getRunningLoop().callLater(1, () => second.setResult(1));
    const { done, pending } = (yield wait([first, second], { returnWhen: 'firstCompleted' })) as Outcome;
    assert.deepEqual([...done], [second]);
    assert.deepEqual([...pending], [first]);
    const again = (yield wait([first, second], { returnWhen: 'firstCompleted' })) as Outcome;
    assert.deepEqual([...again.done], [second]);
    assert.deepEqual(first.waiterNames(), []);
  });

  both('until the first has failed, cancelled ones not counted (B-TASK-051)', function* () {
    const members = [0, 1, 2, 3].map(() => new Future<number>());
    const [first, second, third] = members as [Future<number>, Future<number>, Future<number>];
    const loop = getRunningLoop();
    loop.callLater(1, () => first.setResult(1));
    loop.callLater(1, () => second.cancel());
    loop.callLater(2, () => third.setException(new BadWeather()));
    const mode: WaitOptions = { returnWhen: 'firstException' };
    const { done, pending } = (yield wait(members, mode)) as Outcome;
    assert.deepEqual([...done], [first, second, third]);
    assert.equal(pending.size, 1);
    const again = (yield wait(members, mode)) as Outcome;
    assert.equal(again.done.size, 3);
    third.markRetrieved();
    const none = (yield wait([first, second], mode)) as Outcome;
    assert.equal(none.done.size, 2, 'without a failure it waits for all');

    const foreign = new ForeignFuture<number>(loop);
    loop.callLater(1, () => foreign.setException(new BadWeather()));
    const last = (yield wait([foreign, members[3] as Future<number>], mode)) as Outcome;
    assert.deepEqual([...last.done], [foreign]);
  });

  both('until the first has failed sees a thrown null', function* (spelled) {
    const task = spelled.task(fails(null));
    const { done } = (yield wait([task, new Future()], { returnWhen: 'firstException' })) as Outcome;
    assert.deepEqual([...done], [task]);
    assert.equal(yield* thrown(task), null);
  });

  both('for a limited time leaves running what is not done (B-TASK-052)', function* (spelled) {
    const slow = spelled.task(function* () {
      yield sleep(3);
      return 'slow';
    });
    const { done, pending } = (yield wait([slow, settled()], { timeout: 1 })) as Outcome;
    assert.equal(done.size, 1);
    assert.deepEqual([...pending], [slow]);
    assert.equal(yield slow, 'slow');
    const nothing = (yield wait([new Future()], { timeout: 0 })) as Outcome;
    assert.equal(nothing.done.size, 0);
  });

  both('leaves no timer behind (B-TASK-052)', function* () {
    yield wait([sleepTask()], { timeout: 60_000 });
    assert.equal(getRunningLoop().timeUntilNextTimer(), null);
  });

  both('cancelled cancels none of them (B-TASK-053)', function* (spelled) {
    const members = [new Future<void>(), new Future<void>()];
    const waiting = yield* spelled.started(function* () {
      yield wait(members, { timeout: 60_000 });
    });
    waiting.cancel();
    assert.ok((yield* thrown(waiting)) instanceof CancelledError);
    for (const member of members) {
      assert.equal(member.done(), false);
      assert.deepEqual(member.waiterNames(), []);
    }
    assert.equal(getRunningLoop().timeUntilNextTimer(), null);
    yield* settle();
  });
});

function sleepTask(): Future<void> {
  return createTask(sleep(1));
}
