import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  createTask,
  currentTask,
  Future,
  gather,
  type OpenTimeout,
  openTimeout,
  openTimeoutAt,
  sleep,
  type Task,
  waitFor,
} from '../../src/coroutines/index.ts';
import { CancelledError, GroupError, StateError, TimeoutError } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { nativePromise, runSimulated } from '../support/simulated.ts';
import { both, inTask, type Script, settle, thrown } from './spellings.ts';

class BadWeather extends Error {}

function* forever(): Script<never> {
  return (yield new Future<never>()) as never;
}

describe('openTimeout', () => {
  both('stops a block that takes too long, which throws a TimeoutError', function* (spelled) {
    let scope: OpenTimeout | undefined;
    let inside: unknown;
    const error = yield* thrown(
      spelled.call(function* () {
        using limit = openTimeout(2);
        scope = limit;
        try {
          yield sleep(60_000);
        } catch (caught) {
          inside = caught;
          assert.ok(caught instanceof CancelledError, 'inside it is a request to stop');
          assert.equal(caught instanceof TimeoutError, false);
          assert.equal(caught.scope, limit);
          assert.ok(caught.reason instanceof TimeoutError);
          yield sleep(0); // cleaning up may wait
          throw caught;
        }
      }),
    );
    assert.equal(error, inside);
    assert.ok(error instanceof TimeoutError);
    assert.equal(error instanceof CancelledError, false);
    assert.equal(error.name, 'TimeoutError');
    assert.equal(error.code, 'ERR_TIMEOUT');
    assert.equal(String(error), 'TimeoutError: Timed out');
    assert.match(error.stack ?? '', /Timed out/);
    const { cause } = error;
    assert.ok(cause instanceof CancelledError);
    assert.equal(cause.scope, scope);
    assert.ok(cause.reason instanceof TimeoutError);
    assert.deepEqual(Object.keys(error).sort(), Object.keys(new TimeoutError()).sort());
    assert.equal(scope?.expired(), true);
    assert.equal(scope?.caught(error), true);
    assert.equal(scope?.caught(new TimeoutError()), false);
  });

  both('lets a block that ends in time be, and leaves no timer', function* (spelled) {
    const result = yield spelled.call(function* () {
      using scope = openTimeout(60_000);
      yield sleep(1);
      assert.equal(scope.expired(), false);
      assert.equal(scope.caught(null), false);
      return 'in time';
    });
    assert.equal(result, 'in time');
    assert.equal((currentTask() as Task<unknown>).scopes, 0);
  });

  both('of null is none; up to a moment is openTimeoutAt; both may be moved', function* (spelled) {
    yield spelled.call(function* () {
      using _never = openTimeout(null);
      assert.equal(getRunningLoop().timeUntilNextTimer(), null);
      yield sleep(1);
    });
    const past = yield* thrown(
      spelled.call(function* () {
        using _past = openTimeoutAt(getRunningLoop().time() - 5);
        yield sleep(0);
      }),
    );
    assert.ok(past instanceof TimeoutError);
    yield spelled.call(function* () {
      using scope = openTimeout(1);
      scope.reschedule(null);
      yield sleep(2);
    });
    const moved = yield* thrown(
      spelled.call(function* () {
        using scope = openTimeoutAt(null);
        scope.reschedule(getRunningLoop().time() + 1);
        yield* forever();
      }),
    );
    assert.ok(moved instanceof TimeoutError);
  });

  both('of 0 strikes at the first wait; a block without one is not stopped', function* (spelled) {
    const seen: string[] = [];
    const error = yield* thrown(
      spelled.call(function* () {
        using _limit = openTimeout(0);
        seen.push('began');
        yield sleep(0);
        seen.push('waited');
      }),
    );
    assert.ok(error instanceof TimeoutError);
    assert.deepEqual(seen, ['began']);
    {
      using _limit = openTimeout(0);
    }
    yield sleep(1);
  });

  both('lets errors of the block and cancellations from elsewhere through', function* (spelled) {
    const failure = new BadWeather();
    const error = yield* thrown(
      spelled.call(function* () {
        using _limit = openTimeout(60_000);
        yield;
        throw failure;
      }),
    );
    assert.equal(error, failure);
    const task = yield* spelled.started(function* () {
      using _limit = openTimeout(60_000);
      yield* forever();
    });
    task.cancel('elsewhere');
    const cancelled = yield* thrown(task);
    assert.ok(cancelled instanceof CancelledError);
    assert.equal(cancelled.reason, 'elsewhere');
  });

  both('fails the task that it comes out of, which is not cancelled', function* (spelled) {
    const task = spelled.task(function* () {
      using _limit = openTimeout(1);
      yield* forever();
    });
    assert.ok((yield* thrown(task)) instanceof TimeoutError);
    assert.equal(task.cancelled(), false);
  });

  both(
    'is no TimeoutError to what is inside: a retry there does not take it for its own',
    function* (spelled) {
      let tries = 0;
      const error = yield* thrown(
        spelled.call(function* () {
          using _limit = openTimeout(5);
          for (;;) {
            tries++;
            try {
              yield waitFor(new Future<void>(), 1_000);
            } catch (caught) {
              if (!(caught instanceof TimeoutError)) throw caught;
            }
          }
        }),
      );
      assert.ok(error instanceof TimeoutError);
      assert.equal(tries, 1);
    },
  );

  both('around a group cancels the children, and is a TimeoutError', function* (spelled) {
    const seen: string[] = [];
    const error = yield* thrown(
      spelled.call(function* () {
        using _limit = openTimeout(1);
        yield spelled.group(function* (group) {
          group.createTask(
            spelled.source(function* () {
              try {
                yield* forever();
              } finally {
                seen.push('child cancelled');
              }
            }),
          );
          yield* forever();
        });
      }),
    );
    assert.ok(error instanceof TimeoutError);
    assert.deepEqual(seen, ['child cancelled']);
  });

  both('in a child fails the group', function* (spelled) {
    const error = yield* thrown(
      spelled.group(function* (group) {
        group.createTask(
          spelled.source(function* () {
            using _limit = openTimeout(1);
            yield* forever();
          }),
        );
        yield* forever();
      }),
    );
    assert.ok(error instanceof GroupError);
    assert.ok(error.errors[0] instanceof TimeoutError);
  });

  both('inside another, also of the other form, is each one’s own', function* (spelled) {
    const seen: unknown[] = [];
    const error = yield* thrown(
      spelled.call(function* () {
        using outer = openTimeout(60_000);
        const inner = yield* thrown(
          spelled.call(function* () {
            using _inner = openTimeout(1);
            yield* forever();
          }),
        );
        seen.push(inner instanceof TimeoutError, outer.caught(inner));
        seen.push((yield* thrown(spelled.timeout(1, forever))) instanceof TimeoutError);
        outer.reschedule(getRunningLoop().time() + 1);
        yield spelled.timeout(60_000, function* () {
          using _inner = openTimeout(60_000);
          yield* forever();
        });
      }),
    );
    assert.ok(error instanceof TimeoutError);
    assert.deepEqual(seen, [true, false, true]);
  });

  both('and a cancellation in the same turn are both heard of', function* (spelled) {
    for (const first of ['timeout', 'cancellation']) {
      const scopes: OpenTimeout[] = [];
      const task = yield* spelled.started(function* () {
        for (;;) {
          try {
            using scope = openTimeout(60_000);
            scopes.push(scope);
            yield* forever();
          } catch (error) {
            if (!(error instanceof TimeoutError)) throw error;
          }
        }
      });
      const strike = () => scopes[0]?.reschedule(getRunningLoop().time());
      if (first === 'timeout') {
        strike();
        yield;
        task.cancel('elsewhere');
      } else {
        task.cancel('elsewhere');
        strike();
      }
      const error = yield* thrown(task);
      assert.ok(error instanceof CancelledError, String(error));
      assert.equal(error.reason, 'elsewhere');
    }
  });

  both('gives way to a result that is on its way', function* (spelled) {
    const future = new Future<string>();
    const scopes: OpenTimeout[] = [];
    const task = yield* spelled.started(function* () {
      using scope = openTimeout(60_000);
      scopes.push(scope);
      return (yield future) as string;
    });
    scopes[0]?.reschedule(getRunningLoop().time());
    future.setResult('just in time');
    assert.equal(yield task, 'just in time');
    assert.equal(scopes[0]?.expired(), true);
  });

  both('whose error the block swallows is over with the block', function* (spelled) {
    yield spelled.call(function* () {
      using _limit = openTimeout(0);
      assert.ok((yield* thrown(new Future<void>())) instanceof CancelledError);
      yield sleep(1);
    });
    yield sleep(1);
  });

  it('works in a plain async function, and with native promises', () =>
    runSimulated(async () => {
      await assert.rejects(async () => {
        using _limit = openTimeout(1);
        await nativePromise();
        await new Future<void>();
      }, TimeoutError);
    }));
});

describe('openTimeout, used wrongly', () => {
  it('is refused outside a loop and outside a task', () => {
    assert.throws(() => openTimeout(1), { code: 'ERR_NO_RUNNING_LOOP' });
    return runSimulated(async () => {
      const error = new Future<unknown>();
      getRunningLoop().callSoon(() => {
        try {
          openTimeout(1);
        } catch (caught) {
          error.setResult(caught);
        }
      });
      const caught = await error;
      assert.ok(caught instanceof StateError);
      assert.equal(caught.message, 'Cannot enter the OpenTimeout: this is no task');
      assert.equal(getRunningLoop().timeUntilNextTimer(), null);
    });
  });

  inTask('refuses what is no time', function* () {
    for (const open of [openTimeout, openTimeoutAt]) {
      assert.throws(() => open(Number.NaN), RangeError);
      assert.throws(() => open('1' as never), TypeError);
    }
    yield;
  });

  both('cannot be moved after its block, and ends once', function* (spelled) {
    let kept: OpenTimeout | undefined;
    yield spelled.call(function* () {
      using scope = openTimeout(60_000);
      kept = scope;
      yield;
    });
    assert.throws(() => kept?.reschedule(null), {
      code: 'ERR_SCOPE_STATE',
      message: 'Cannot reschedule the timeout: it is not active',
    });
    kept?.[Symbol.dispose]();
  });

  both('ended by another task says so, and is ended', function* (spelled) {
    const scopes: OpenTimeout[] = [];
    const gate = new Future<void>();
    const task = yield* spelled.started(function* () {
      const scope = openTimeout(60_000);
      scopes.push(scope);
      yield gate;
      scope[Symbol.dispose]();
      return 'undisturbed';
    });
    task.setName('owner');
    assert.throws(() => scopes[0]?.[Symbol.dispose](), {
      code: 'ERR_SCOPE_STATE',
      message: 'Cannot end the OpenTimeout: it was opened in task owner, and this is not that',
    });
    assert.equal(getRunningLoop().timeUntilNextTimer(), null);
    gate.setResult();
    assert.equal(yield task, 'undisturbed');
  });

  both(
    'ended before one that was opened after it says so; the order is right again afterwards',
    function* (spelled) {
      yield spelled.call(function* () {
        using outermost = openTimeout(60_000);
        const outer = openTimeout(60_000);
        const inner = openTimeout(60_000);
        assert.throws(() => outer[Symbol.dispose](), {
          code: 'ERR_SCOPE_STATE',
          message: 'Cannot end the OpenTimeout: a scope that was opened after it has not ended',
        });
        inner[Symbol.dispose]();
        yield sleep(1);
        assert.equal(outermost.expired(), false);
      });
      assert.equal((currentTask() as Task<unknown>).scopes, 0);
    },
  );

  both('forgotten inside another scope does nothing once that has ended', function* (spelled) {
    yield spelled.timeout(60_000, function* () {
      openTimeout(1);
      yield;
    });
    yield sleep(3);
  });

  it('of two functions that one task runs at once has no order, which is told', () =>
    runSimulated(async () => {
      const limited = async (delay: number, work: number) => {
        using _limit = openTimeout(delay);
        await sleep(work);
      };
      await assert.rejects(Promise.all([limited(60_000, 1), limited(60_000, 2)]), {
        code: 'ERR_SCOPE_STATE',
      });
      await sleep(3);
      // Each in a task of its own, they do not meet.
      await gather([createTask(() => limited(60_000, 1)), createTask(() => limited(60_000, 2))]);
      await settled();
    }));
});

async function settled(): Promise<void> {
  for (const _ of settle()) await sleep(0);
}
