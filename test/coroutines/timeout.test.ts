import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  allTasks,
  createTask,
  currentTask,
  Future,
  openTimeout,
  sleep,
  type Task,
  type Timeout,
  timeout,
  timeoutAt,
  wait,
  wrapFuture,
} from '../../src/coroutines/index.ts';
import { CancelledError, GroupError, StateError, TimeoutError } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { busyFor, runSimulated } from '../support/simulated.ts';
import { both, fails, inLoop, inTask, returns, type Script, settle, thrown } from './spellings.ts';

class BadWeather extends Error {}

/** The scope that a body was given: kept to be looked at afterwards. */
class Kept {
  scope: Timeout | null = null;

  get expired(): boolean | undefined {
    return this.scope?.expired();
  }
}

function* forever(): Script<never> {
  return (yield new Future<never>()) as never;
}

describe('timeout', () => {
  both('stops a body that takes too long, and throws (B-TO-001)', function* (spelled) {
    const kept = new Kept();
    const loop = getRunningLoop();
    const start = loop.time();
    let stoppedBy: unknown;
    const error = yield* thrown(
      spelled.timeout(2, function* (scope) {
        kept.scope = scope;
        try {
          yield sleep(60_000);
        } catch (caught) {
          stoppedBy = caught;
          throw caught;
        }
      }),
    );
    assert.ok(error instanceof TimeoutError);
    assert.equal(error.code, 'ERR_TIMEOUT');
    assert.ok(stoppedBy instanceof CancelledError);
    assert.equal(error.cause, stoppedBy);
    assert.equal(stoppedBy.scope, kept.scope);
    assert.ok(stoppedBy.reason instanceof TimeoutError);
    assert.equal(kept.expired, true);
    assert.equal(loop.time() - start, 2);
  });

  both('lets a body that ends in time return, and leaves no timer (B-TO-002)', function* (spelled) {
    const kept = new Kept();
    const result = yield spelled.timeout(60_000, function* (scope) {
      kept.scope = scope;
      yield sleep(1);
      return 'in time';
    });
    assert.equal(result, 'in time');
    assert.equal(kept.expired, false);
  });

  both('of null is none (B-TO-003)', function* (spelled) {
    for (const make of [spelled.timeout, spelled.timeoutAt]) {
      const kept = new Kept();
      const result = yield make.call(spelled, null, function* (scope) {
        kept.scope = scope;
        assert.equal(scope.when(), null);
        assert.equal(getRunningLoop().timeUntilNextTimer(), null);
        yield sleep(1);
        return 'in time';
      });
      assert.equal(result, 'in time');
      assert.equal(kept.expired, false);
    }
  });

  both('of Infinity never comes', function* (spelled) {
    assert.equal(yield spelled.timeout(Infinity, returns(1)), 1);
  });

  both('that has passed strikes at the first wait, not before (B-TO-004)', function* (spelled) {
    for (const make of [
      (body: (scope: Timeout) => Script<unknown>) => spelled.timeout(0, body),
      (body: (scope: Timeout) => Script<unknown>) => spelled.timeout(-10, body),
      (body: (scope: Timeout) => Script<unknown>) => spelled.timeout(-Infinity, body),
      (body: (scope: Timeout) => Script<unknown>) => spelled.timeoutAt(getRunningLoop().time() - 5, body),
    ]) {
      const seen: string[] = [];
      const error = yield* thrown(
        make(function* () {
          seen.push('began');
          yield sleep(0);
          seen.push('waited');
        }),
      );
      assert.ok(error instanceof TimeoutError);
      assert.deepEqual(seen, ['began']);
    }
    assert.equal(yield spelled.timeout(0, returns('without a wait')), 'without a wait');
  });

  both('lets other errors of the body through (B-TO-006)', function* (spelled) {
    const error = new BadWeather();
    assert.equal(yield* thrown(spelled.timeout(60_000, fails(error))), error);
  });

  both(
    'lets an error through that the body makes of its cancellation (B-TO-006, differs)',
    function* (spelled) {
      const kept = new Kept();
      const error = (yield* thrown(
        spelled.timeout(0, function* (scope) {
          kept.scope = scope;
          try {
            yield* forever();
          } catch (cause) {
            throw new BadWeather('hail', { cause });
          }
        }),
      )) as Error;
      assert.ok(error instanceof BadWeather);
      assert.ok(error.cause instanceof CancelledError);
      assert.equal(error.cause.scope, kept.scope, 'the scope tells that it was the timeout');
      assert.equal(kept.expired, true);
    },
  );

  both('lets a cancellation from elsewhere through (B-TO-007)', function* (spelled) {
    const kept = new Kept();
    const task = yield* spelled.started(function* () {
      yield spelled.timeout(60_000, function* (scope) {
        kept.scope = scope;
        yield* forever();
      });
    });
    task.cancel('elsewhere');
    const error = yield* thrown(task);
    assert.ok(error instanceof CancelledError);
    assert.equal(error.reason, 'elsewhere');
    assert.equal(error.scope, null);
    assert.equal(kept.expired, false);
  });

  both('lets the cancellation of what the body waits for through', function* (spelled) {
    const future = new Future<void>();
    getRunningLoop().callSoon(() => future.cancel('of the future alone'));
    const error = yield* thrown(
      spelled.timeout(60_000, function* () {
        yield future;
      }),
    );
    assert.ok(error instanceof CancelledError);
    assert.equal(error.reason, 'of the future alone');
  });

  both('leaves the task as if nothing had been (B-TO-008)', function* (spelled) {
    const task = spelled.task(function* () {
      const self = currentTask() as Task<unknown>;
      for (let i = 0; i < 3; i++) {
        assert.ok((yield* thrown(spelled.timeout(0, forever))) instanceof TimeoutError);
        assert.equal(self.cancelling(), 0);
        yield sleep(0);
      }
      return 'went on';
    });
    assert.equal(yield task, 'went on');
    assert.equal(task.cancelled(), false);
  });

  both(
    'inside another of the same deadline leaves the error to the outer one (B-TO-009)',
    function* (spelled) {
      const [outer, inner] = [new Kept(), new Kept()];
      let throughInner: unknown;
      const error = yield* thrown(
        spelled.timeout(60_000, function* (outerScope) {
          outer.scope = outerScope;
          try {
            yield spelled.timeout(60_000, function* (innerScope) {
              inner.scope = innerScope;
              const when = getRunningLoop().time() + 1;
              for (const scope of [outerScope, innerScope]) scope.reschedule(when);
              // Both are due when the loop next looks.
              busyFor(2);
              yield* forever();
            });
          } catch (caught) {
            throughInner = caught;
            throw caught;
          }
        }),
      );
      assert.ok(error instanceof TimeoutError);
      assert.ok(throughInner instanceof CancelledError);
      assert.equal(throughInner.scope, outer.scope);
      assert.equal(error.cause, throughInner);
      assert.deepEqual([outer.expired, inner.expired], [true, true]);
    },
  );

  both('that comes before the one around it is its own error', function* (spelled) {
    const outer = new Kept();
    const result = yield spelled.timeout(60_000, function* (scope) {
      outer.scope = scope;
      const error = yield* thrown(spelled.timeout(1, forever));
      assert.ok(error instanceof TimeoutError);
      yield sleep(0);
      return 'in time';
    });
    assert.equal(result, 'in time');
    assert.equal(outer.expired, false);
  });

  both('around another that would come later stops both', function* (spelled) {
    const inner = new Kept();
    let throughInner: unknown;
    const error = yield* thrown(
      spelled.timeout(1, function* () {
        throughInner = yield* thrown(
          spelled.timeout(60_000, function* (scope) {
            inner.scope = scope;
            yield* forever();
          }),
        );
        throw throughInner;
      }),
    );
    assert.ok(error instanceof TimeoutError);
    assert.ok(throughInner instanceof CancelledError);
    assert.equal(inner.expired, false);
  });

  both('in the clean-up after another one works by itself (B-TO-011)', function* (spelled) {
    const causes: unknown[] = [];
    const error = (yield* thrown(
      spelled.timeout(0, function* () {
        try {
          yield* forever();
        } finally {
          const inner = (yield* thrown(spelled.timeout(0, forever))) as Error;
          assert.ok(inner instanceof TimeoutError);
          causes.push(inner.cause);
        }
      }),
    )) as Error;
    assert.ok(error instanceof TimeoutError);
    causes.push(error.cause);
    assert.equal(new Set(causes).size, 2);
    for (const cause of causes) assert.ok(cause instanceof CancelledError);
  });

  both('works in a task that has swallowed a cancellation (B-TO-012)', function* (spelled) {
    const task = yield* spelled.started(function* () {
      yield* thrown(new Future<void>());
      const self = currentTask() as Task<unknown>;
      assert.equal(self.cancelling(), 1);
      assert.ok((yield* thrown(spelled.timeout(0, forever))) instanceof TimeoutError);
      assert.equal(self.cancelling(), 1);
      return 'went on';
    });
    task.cancel();
    assert.equal(yield task, 'went on');
  });

  both('leaves a later cancellation one, in a task that has swallowed one (B-TO-013)', function* (spelled) {
    const kept = new Kept();
    const task = yield* spelled.started(function* () {
      yield* thrown(new Future<void>());
      yield spelled.timeout(60_000, function* (scope) {
        kept.scope = scope;
        yield* forever();
      });
    });
    task.cancel('swallowed');
    yield* settle();
    task.cancel('meant');
    assert.equal(((yield* thrown(task)) as CancelledError).reason, 'meant');
    assert.equal(task.cancelled(), true);
    assert.equal(kept.expired, false);
  });

  both('is moved by reschedule (B-TO-014)', function* (spelled) {
    const loop = getRunningLoop();
    const later = yield spelled.timeout(1, function* (scope) {
      const when = loop.time() + 60_000;
      scope.reschedule(when);
      assert.equal(scope.when(), when);
      yield sleep(2);
      return 'moved away';
    });
    assert.equal(later, 'moved away');
    const off = yield spelled.timeout(1, function* (scope) {
      scope.reschedule(null);
      assert.equal(scope.when(), null);
      yield sleep(2);
      return 'switched off';
    });
    assert.equal(off, 'switched off');
    const on = yield* thrown(
      spelled.timeout(null, function* (scope) {
        scope.reschedule(loop.time() + 1);
        yield* forever();
      }),
    );
    assert.ok(on instanceof TimeoutError);
    const past = yield* thrown(
      spelled.timeout(60_000, function* (scope) {
        scope.reschedule(loop.time() - 1);
        yield* forever();
      }),
    );
    assert.ok(past instanceof TimeoutError);
  });

  both('is moved by reschedule from another task and from callbacks (B-TO-014)', function* (spelled) {
    const kept = new Kept();
    const task = yield* spelled.started(function* () {
      yield spelled.timeout(60_000, function* (scope) {
        kept.scope = scope;
        yield* forever();
      });
    });
    kept.scope?.reschedule(getRunningLoop().time());
    assert.ok((yield* thrown(task)) instanceof TimeoutError);

    const again = yield* spelled.started(function* () {
      yield spelled.timeout(60_000, function* (scope) {
        kept.scope = scope;
        yield* forever();
      });
    });
    getRunningLoop().callSoon(() => kept.scope?.reschedule(getRunningLoop().time()));
    assert.ok((yield* thrown(again)) instanceof TimeoutError);
  });

  both('cannot be moved before it begins, once it has expired, or is over', function* (spelled) {
    const kept = new Kept();
    yield* thrown(
      spelled.timeout(0, function* (scope) {
        kept.scope = scope;
        try {
          yield* forever();
        } finally {
          assert.throws(() => scope.reschedule(null), {
            message: 'Cannot reschedule the timeout: it has expired',
          });
        }
      }),
    );
    assert.throws(() => kept.scope?.reschedule(null), StateError);
    yield spelled.timeout(60_000, function* (scope) {
      kept.scope = scope;
      yield;
      assert.throws(() => scope.reschedule(Number.NaN), RangeError);
      assert.throws(() => scope.reschedule('1' as never), TypeError);
      assert.ok((scope.when() as number) > 0);
    });
    assert.throws(() => kept.scope?.reschedule(null), {
      code: 'ERR_SCOPE_STATE',
      message: 'Cannot reschedule the timeout: it is not active',
    });
  });

  both('can be used once (B-TO-016)', function* (spelled) {
    const used = spelled.timeout(1, returns(1));
    assert.equal(yield used, 1);
    assert.ok((yield* thrown(used)) instanceof StateError);
  });

  it('cannot be entered outside a loop (B-TO-016)', () => {
    const entered = timeout(1, returnsNothing)[Symbol.iterator]();
    assert.throws(() => entered.next(), { code: 'ERR_NO_RUNNING_LOOP' });
  });

  inTask('cannot be entered by a callback (B-TO-016)', function* () {
    let error: unknown;
    getRunningLoop().callSoon(() => {
      try {
        timeout(1, returnsNothing)[Symbol.iterator]().next();
      } catch (caught) {
        error = caught;
      }
    });
    yield;
    assert.equal((error as StateError)?.message, 'Cannot enter the Timeout: this is no task');
  });

  inLoop('refuses what is no time, or no body', () => {
    for (const make of [timeout, timeoutAt]) {
      assert.throws(() => make(Number.NaN, returnsNothing), RangeError);
      assert.throws(() => make('1' as never, returnsNothing), TypeError);
      assert.throws(() => make(undefined as never, returnsNothing), TypeError);
      assert.throws(() => make(1, 5 as never), TypeError);
    }
  });

  both('refuses a body that gives nothing to wait for', function* () {
    const error = yield* thrown(timeout(60_000, (() => 5) as never));
    assert.match(String(error), /^TypeError: Cannot run the body: /);
  });

  both('takes a body that gives a future, a coroutine, or what else can be waited for', function* () {
    const future = new Future<number>();
    getRunningLoop().callSoon(() => future.setResult(1));
    assert.equal(yield timeout(60_000, () => future), 1);
    assert.equal(yield timeout(60_000, () => sleep(1, 'slept')), 'slept');
    assert.equal(yield timeout(60_000, () => Promise.resolve('promised')), 'promised');
    const never = new Future<void>();
    assert.ok((yield* thrown(timeout(0, () => never))) instanceof TimeoutError);
    assert.equal(never.cancelled(), true);
    assert.ok((yield* thrown(timeout(0, () => sleep(60_000)))) instanceof TimeoutError);
  });

  both(
    'around a group cancels the children; what they fail with is a GroupError (B-TO-017)',
    function* (spelled) {
      const cancelled: string[] = [];
      const cleanly = yield* thrown(
        spelled.timeout(1, function* () {
          yield spelled.group(function* (group) {
            group.createTask(
              spelled.source(function* () {
                try {
                  yield* forever();
                } finally {
                  cancelled.push('child');
                }
              }),
            );
            yield* forever();
          });
        }),
      );
      assert.ok(cleanly instanceof TimeoutError);
      assert.deepEqual(cancelled, ['child']);

      const error = new BadWeather();
      const badly = yield* thrown(
        spelled.timeout(1, function* () {
          yield spelled.group(function* (group) {
            group.createTask(
              spelled.source(function* () {
                yield* thrown(new Future<void>());
                throw error;
              }),
            );
            yield* forever();
          });
        }),
      );
      assert.ok(badly instanceof GroupError);
      assert.deepEqual(badly.errors, [error]);
      yield sleep(0);
    },
  );

  both('inside a group inside a timeout is each one’s own', function* (spelled) {
    const seen: string[] = [];
    const result = yield spelled.timeout(60_000, function* () {
      return yield spelled.group(function* (group) {
        for (const delay of [1, 2]) {
          group.createTask(
            spelled.source(function* () {
              const error = yield* thrown(spelled.timeout(delay, forever));
              assert.ok(error instanceof TimeoutError);
              seen.push(`child ${delay}`);
            }),
          );
        }
        yield sleep(0);
        return 'all in time';
      });
    });
    assert.equal(result, 'all in time');
    assert.deepEqual(seen, ['child 1', 'child 2']);
    assert.equal(allTasks().size, 1);
  });

  both('that fails a child fails the group around it', function* (spelled) {
    const error = yield* thrown(
      spelled.timeout(60_000, function* () {
        yield spelled.group(function* (group) {
          group.createTask(spelled.source(() => thrownBy(spelled.timeout(1, forever))));
          yield* forever();
        });
      }),
    );
    assert.ok(error instanceof GroupError);
    assert.ok(error.errors[0] instanceof TimeoutError);
  });

  describe('and a cancellation of the task in the same turn', () => {
    for (const first of ['the deadline', 'the cancellation'] as const) {
      both(`is a cancellation, where ${first} comes first`, function* (spelled) {
        const loop = getRunningLoop();
        const kept = new Kept();
        const task = yield* spelled.started(function* () {
          yield spelled.timeout(60_000, function* (scope) {
            kept.scope = scope;
            yield* forever();
          });
        });
        const when = loop.time() + 1;
        kept.scope?.reschedule(when);
        loop.callAt(first === 'the deadline' ? when : when - 0.5, () => task.cancel('elsewhere'));
        busyFor(2);
        const error = yield* thrown(task);
        assert.ok(error instanceof CancelledError, String(error));
        assert.equal(error.reason, 'elsewhere');
        assert.equal(task.cancelled(), true);
        assert.equal(task.cancelling(), 1);
      });
    }

    both('is one also where the body resists for a while', function* (spelled) {
      // The stronger one must not be lost when the weaker one comes second.
      const loop = getRunningLoop();
      const kept = new Kept();
      const end = new Future<void>();
      const task = yield* spelled.started(function* () {
        yield spelled.timeout(60_000, function* (scope) {
          kept.scope = scope;
          try {
            yield* forever();
          } finally {
            yield* thrown(end);
          }
        });
      });
      task.cancel('elsewhere');
      yield* settle();
      kept.scope?.reschedule(loop.time());
      const error = yield* thrown(task);
      assert.ok(error instanceof CancelledError, String(error));
      assert.equal(error.reason, 'elsewhere');
    });

    both(
      'is one where it comes while the body waits for a foreign promise after the deadline',
      function* (spelled) {
        let finish: () => void = () => {};
        const promise = new Promise<void>((resolve) => {
          finish = resolve;
        });
        const task = spelled.task(function* () {
          const error = yield* thrown(
            timeout(0, async () => {
              try {
                await new Future<void>();
              } finally {
                await promise;
              }
            }),
          );
          assert.ok(error instanceof CancelledError, String(error));
          assert.equal(error.reason, 'elsewhere');
          yield sleep(0);
          return 'thrown once';
        });
        yield* settle();
        task.cancel('elsewhere');
        finish();
        assert.equal(yield task, 'thrown once');
      },
    );

    both('is one where it comes while the body cleans up after the deadline', function* (spelled) {
      const end = new Future<void>();
      const task = yield* spelled.started(function* () {
        yield spelled.timeout(0, function* () {
          try {
            yield* forever();
          } finally {
            yield end;
          }
        });
      });
      task.cancel('elsewhere');
      assert.equal(end.cancelled(), true);
      const error = yield* thrown(task);
      assert.ok(error instanceof CancelledError, String(error));
      assert.equal(error.reason, 'elsewhere');
    });
  });

  both('waits for a body that resists, and gives what it returns', function* (spelled) {
    const kept = new Kept();
    const result = yield spelled.timeout(0, function* (scope) {
      kept.scope = scope;
      yield* thrown(new Future<void>());
      yield sleep(1);
      return 'in spite of it';
    });
    assert.equal(result, 'in spite of it');
    assert.equal(kept.expired, true);
  });

  both('lets a result through that is on its way when time runs out', function* (spelled) {
    const kept = new Kept();
    const future = new Future<string>();
    const task = yield* spelled.started(function* () {
      return (yield spelled.timeout(60_000, function* (scope) {
        kept.scope = scope;
        return (yield future) as string;
      })) as string;
    });
    kept.scope?.reschedule(getRunningLoop().time());
    future.setResult('just in time');
    assert.equal(yield task, 'just in time');
    assert.equal(kept.expired, true);
    assert.equal(task.cancelling(), 0);
  });

  both('is not taken back by uncancel, which is for requests from outside', function* (spelled) {
    const kept = new Kept();
    const future = new Future<void>();
    const task = yield* spelled.started(function* () {
      yield* thrown(new Future<void>());
      yield spelled.timeout(60_000, function* (scope) {
        kept.scope = scope;
        yield future;
        const self = currentTask() as Task<unknown>;
        assert.equal(self.uncancel(), 0);
        yield* forever();
      });
    });
    task.cancel('swallowed');
    yield* settle();
    kept.scope?.reschedule(getRunningLoop().time());
    // The deadline finds the result on its way, and so is due when the body takes the request back.
    future.setResult();
    assert.ok((yield* thrown(task)) instanceof TimeoutError);
  });

  both('stops a body that waits for a foreign promise once that has ended', function* (spelled) {
    let finish: () => void = () => {};
    const promise = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const task = spelled.task(function* () {
      yield timeout(0, async () => {
        await promise;
        await sleep(60_000);
      });
    });
    yield* settle();
    assert.equal(task.done(), false);
    finish();
    assert.ok((yield* thrown(task)) instanceof TimeoutError);
  });

  both('stops a wrapped promise at once', function* (spelled) {
    const error = yield* thrown(
      spelled.timeout(0, function* () {
        yield wrapFuture(new Promise(() => {}));
      }),
    );
    assert.ok(error instanceof TimeoutError);
  });

  both(
    'keeps a cancellation in flight that its own body has on its way, when time runs out',
    function* (spelled) {
      // The body, an async function, is between its last wait and its end when the deadline comes.
      const kept = new Kept();
      let finish: () => void = () => {};
      const promise = new Promise<void>((resolve) => {
        finish = resolve;
      });
      const task = yield* spelled.started(function* () {
        yield timeout(60_000, async (scope) => {
          kept.scope = scope;
          try {
            await new Future<void>();
          } finally {
            await promise;
          }
        });
      });
      task.cancel('elsewhere');
      yield* settle();
      kept.scope?.reschedule(getRunningLoop().time());
      yield* settle();
      finish();
      const error = yield* thrown(task);
      assert.ok(error instanceof CancelledError, String(error));
      assert.equal(error.reason, 'elsewhere');
    },
  );
});

describe('a cancellation that is taken back', () => {
  for (const form of ['timeout', 'openTimeout'] as const) {
    it(`leaves the deadline that has struck before it [${form}]`, () =>
      runSimulated(function* () {
        const scopes: Timeout[] = [];
        let finish: () => void = () => {};
        const foreign = new Promise<void>((resolve) => {
          finish = resolve;
        });
        async function body(scope: Timeout): Promise<string> {
          scopes.push(scope);
          await foreign;
          // Both are due by now, and the one from outside is taken back.
          assert.equal(currentTask()?.uncancel(), 0);
          await sleep(5);
          return 'not stopped';
        }
        const task = createTask<string>(
          form === 'timeout'
            ? () => timeout(60_000, body)
            : async () => {
                using scope = openTimeout(60_000);
                return await body(scope);
              },
        );
        yield;
        yield;
        scopes[0]?.reschedule(getRunningLoop().time());
        yield;
        yield;
        assert.equal(scopes[0]?.expired(), true);
        task.cancel('taken back');
        finish();
        yield* wait([task]);
        assert.ok(task.exception() instanceof TimeoutError);
      }));
  }
});

function* returnsNothing() {
  yield;
}

function* thrownBy(step: Parameters<typeof thrown>[0]): Script<void> {
  yield step;
}
