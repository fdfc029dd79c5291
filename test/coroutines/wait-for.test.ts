import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { coroutine, Future, sleep, waitFor } from '../../src/coroutines/index.ts';
import { CancelledError, TimeoutError } from '../../src/interface/index.ts';
import { busyFor } from '../support/simulated.ts';
import { both, returns, settle, thrown } from './spellings.ts';

describe('waitFor', () => {
  both('gives the result that comes in time, or waits as long as it takes (B-WF-001)', function* (spelled) {
    assert.equal(yield waitFor(spelled.task(returns('in time')), 60_000), 'in time');
    assert.equal(yield waitFor(sleep(1, 'at last'), null), 'at last');
    assert.equal(yield waitFor(Promise.resolve('of a promise'), 60_000), 'of a promise');
  });

  both('cancels, waits until that has ended, and throws (B-WF-002, B-WF-009)', function* (spelled) {
    const log: string[] = [];
    const slow = yield* spelled.started(function* slow() {
      try {
        yield new Future<never>();
      } finally {
        yield* settle();
        log.push('cleaned up');
      }
    });
    const error = yield* thrown(waitFor(slow, 1));
    assert.ok(error instanceof TimeoutError);
    assert.ok(error.cause instanceof CancelledError);
    assert.deepEqual(log, ['cleaned up']);
    assert.equal(slow.cancelled(), true);
  });

  both(
    'with no time left takes what is done, starts nothing, and stops what runs (B-WF-003)',
    function* (spelled) {
      const done = new Future<string>();
      done.setResult('done');
      assert.equal(yield waitFor(done, 0), 'done');

      let started = false;
      const unstarted = coroutine(function* unstarted() {
        started = true;
        yield;
      });
      assert.ok((yield* thrown(waitFor(unstarted(), -1))) instanceof TimeoutError);
      assert.equal(started, false);

      const running = yield* spelled.started(function* running() {
        yield new Future<never>();
      });
      assert.ok((yield* thrown(waitFor(running, 0))) instanceof TimeoutError);
      assert.equal(running.cancelled(), true);
    },
  );

  both('returns the value of a task that would not be cancelled (B-WF-004)', function* (spelled) {
    const stubborn = yield* spelled.started(function* stubborn() {
      try {
        yield new Future<never>();
      } catch {
        return 'all the same';
      }
      return 'never';
    });
    assert.equal(yield waitFor(stubborn, 1), 'all the same');
  });

  both('takes a result that comes in the turn of the deadline (B-WF-006)', function* (spelled) {
    const loop = spelled.task(returns(null)).getLoop();
    const future = new Future<string>({ loop });
    const end = loop.time() + 2;
    loop.callAt(end, () => future.setResult('just in time'));
    const waiting = spelled.task(function* waits() {
      return (yield waitFor(future, Math.max(0.001, end - loop.time()))) as string;
    });
    yield;
    busyFor(3);
    assert.equal(yield waiting, 'just in time');
  });

  both('cancelled itself cancels what it waits for, also without a limit (B-WF-007)', function* (spelled) {
    for (const limit of [60_000, null]) {
      const inner = yield* spelled.started(function* inner() {
        yield new Future<never>();
      });
      const outer = yield* spelled.started(function* outer() {
        yield waitFor(inner, limit);
      });
      outer.cancel('enough');
      const error = yield* thrown(outer);
      assert.ok(error instanceof CancelledError);
      assert.equal(error.reason, 'enough');
      assert.equal(inner.cancelled(), true);
    }
  });

  both('loses neither the result nor a cancel of the same turn (B-WF-008)', function* (spelled) {
    const future = new Future<string>();
    const log: unknown[] = [];
    const outer = yield* spelled.started(function* outer() {
      log.push(yield waitFor(future, 60_000));
      yield new Future<never>();
    });
    future.setResult('kept');
    outer.cancel();
    assert.ok((yield* thrown(outer)) instanceof CancelledError);
    assert.deepEqual(log, ['kept']);
  });

  it('refuses what is no time', () => {
    assert.throws(() => waitFor(Promise.resolve(), 'soon' as never), TypeError);
  });
});
