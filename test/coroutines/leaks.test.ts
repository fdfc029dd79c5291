import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe } from 'node:test';
import {
  asCompleted,
  type CancelScope,
  type CancelScopeOptions,
  cancelScope,
  currentTask,
  Future,
  fromSignal,
  gather,
  race,
  shield,
  staggeredRace,
  type TaskGroup,
  wait,
  waitFor,
} from '../../src/coroutines/index.ts';
import { type Coroutine, TimeoutError } from '../../src/interface/index.ts';
import { cheap, dear, leavesNothing } from '../support/leaks.ts';
import { fails, type Script, type Spelled, thrown } from './spellings.ts';

function* oneTurn(): Script<void> {
  yield;
}

function scope(
  spelled: Spelled,
  body: (scope: CancelScope) => Script<void>,
  options?: CancelScopeOptions,
): Coroutine<void> {
  return cancelScope<void>((inside) => spelled.source(() => body(inside))(), options);
}

/** A future that is never done, and who waits for it by way of `shield`. */
function longLived(): { wait: () => Script<void>; check: () => void } {
  const future = new Future<void>();
  return {
    *wait() {
      yield shield(future);
    },
    check: () => assert.deepEqual([future.done(), future.waiterNames()], [false, []]),
  };
}

function assertNoListeners(signal: AbortSignal): void {
  assert.equal(getEventListeners(signal, 'abort').length, 0, 'listeners of the signal');
}

describe('nothing is left of timeouts', () => {
  leavesNothing('that do not expire', cheap, (spelled) => ({
    *round() {
      yield spelled.timeout(60_000, oneTurn);
    },
  }));

  leavesNothing('that have expired when they begin', dear, (spelled) => {
    const { wait, check } = longLived();
    return {
      *round() {
        assert.ok((yield* thrown(spelled.timeout(0, wait))) instanceof TimeoutError);
      },
      check,
    };
  });

  // The heap of timers is a hundred deep, and a turn in which some are due waits for the clock.
  leavesNothing('that expire in time, a hundred at once', hundredth(dear), (spelled) => {
    const { wait, check } = longLived();
    return {
      *round() {
        const tasks = Array.from({ length: 100 }, () =>
          spelled.task(function* () {
            yield spelled.timeout(0.1, wait);
          }),
        );
        for (const error of (yield gather(tasks, { returnExceptions: true })) as unknown[]) {
          assert.ok(error instanceof TimeoutError);
        }
      },
      check,
    };
  });

  leavesNothing('of waits for several', dear, () => {
    const future = new Future<void>();
    return {
      *round() {
        const { pending } = (yield wait([future], { timeout: 0 })) as { pending: Set<unknown> };
        assert.equal(pending.size, 1);
      },
      check: () => assert.deepEqual(future.waiterNames(), []),
    };
  });

  leavesNothing('of the first of several', dear, () => {
    const future = new Future<void>();
    return {
      *round() {
        for (const next of asCompleted([future], { timeout: 0 })) yield* thrown(next);
      },
      check: () => assert.deepEqual(future.waiterNames(), []),
    };
  });
});

function hundredth(counts: typeof dear): typeof dear {
  return { 'yield*': counts['yield*'] / 100, await: counts.await / 100 };
}

describe('nothing is left of those that lose', () => {
  leavesNothing('a race', dear, (spelled) => {
    const { wait, check } = longLived();
    const sources = [spelled.source(wait), spelled.source(oneTurn)];
    return {
      *round() {
        yield race(sources);
      },
      check,
    };
  });

  leavesNothing('a staggered race', dear, (spelled) => {
    const { wait, check } = longLived();
    const starters = [spelled.source(wait), spelled.source(oneTurn)];
    return {
      *round() {
        yield staggeredRace(starters, 0);
      },
      check,
    };
  });

  leavesNothing('a gather, cancelled with its children', dear, (spelled) => {
    const { wait, check } = longLived();
    return {
      *round() {
        yield* thrown(waitFor(gather([spelled.task(wait), spelled.task(wait)]), 0));
      },
      check,
    };
  });
});

describe('nothing is left of the links between scopes and signals', () => {
  leavesNothing('a signal that lives long and is followed', cheap, (spelled) => {
    const { signal } = new AbortController();
    return {
      *round() {
        yield scope(spelled, oneTurn, { signal });
      },
      check: () => assertNoListeners(signal),
    };
  });

  leavesNothing('a signal that lives long, by fromSignal', dear, (spelled) => {
    const { signal } = new AbortController();
    return {
      *round() {
        yield fromSignal(signal, spelled.source(oneTurn));
      },
      check: () => assertNoListeners(signal),
    };
  });

  leavesNothing('a signal of its own for each scope, aborted', dear, (spelled) => {
    const { wait, check } = longLived();
    return {
      *round() {
        const controller = new AbortController();
        const body = function* () {
          controller.abort('enough');
          yield* wait();
        };
        yield scope(spelled, body, { signal: controller.signal });
        assertNoListeners(controller.signal);
      },
      check,
    };
  });

  leavesNothing('the signals of scopes, of which a task opens many', dear, (spelled) => ({
    *round() {
      yield scope(spelled, function* (inside) {
        inside.signal.addEventListener('abort', () => {});
        yield;
      });
    },
  }));

  leavesNothing('the signal of a task, which scopes follow', dear, (spelled) => {
    const task = currentTask();
    assert.ok(task !== null);
    const { signal } = task;
    return {
      *round() {
        yield scope(spelled, oneTurn, { signal });
      },
      check: () => assertNoListeners(signal),
    };
  });

  leavesNothing('the signals of tasks that are cancelled', dear, (spelled) => {
    const { wait, check } = longLived();
    return {
      *round() {
        const task = spelled.task(function* () {
          currentTask()?.signal.addEventListener('abort', () => {});
          yield* wait();
        });
        yield;
        task.cancel();
        yield* thrown(task);
      },
      check,
    };
  });
});

describe('nothing is left of tasks', () => {
  leavesNothing('in a group that lives long', dear, (spelled) => {
    const opened = new Future<TaskGroup>();
    const closed = new Future<void>();
    const owner = spelled.task(function* () {
      yield spelled.group(function* (group) {
        opened.setResult(group);
        yield closed;
      });
    });
    return {
      *round() {
        const group = (yield opened) as TaskGroup;
        yield group.createTask(spelled.source(oneTurn));
      },
      *end() {
        yield;
        assert.equal(opened.result().tasks.size, 0);
        closed.setResult();
        yield owner;
      },
    };
  });

  leavesNothing('that fail, and are looked at', dear, (spelled) => ({
    *round() {
      yield* thrown(spelled.task(fails('a failure')));
    },
  }));

  leavesNothing('that wait for a future that fails', dear, () => ({
    *round() {
      const future = new Future<void>();
      future.setException('a failure');
      yield* thrown(future);
    },
  }));
});
