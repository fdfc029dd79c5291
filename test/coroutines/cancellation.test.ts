import assert from 'node:assert/strict';
import { describe } from 'node:test';
import {
  allTasks,
  type Coroutine,
  cancelScope,
  coroutine,
  createTask,
  currentTask,
  Future,
  gather,
  sleep,
  type Task,
  timeout,
  wait,
  wrapFuture,
} from '../../src/coroutines/index.ts';
import { CancelledError, type Suspension, TimeoutError } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { nativePromise } from '../support/simulated.ts';
import { both, inTask, returns, type Script, type Spelled, settle, thrown } from './spellings.ts';

class BadWeather extends Error {}

/** Waits for its end, which must be a cancellation, and returns the error of that. */
function* cancellation(task: Task<unknown>): Script<CancelledError> {
  const error = yield* thrown(task);
  assert.ok(error instanceof CancelledError, String(error));
  assert.equal(task.cancelled(), true);
  return error;
}

/** A task that ignores its first cancellation and ends only when `end` is set. */
function* resisting<T>(spelled: Spelled, end: Future<T>): Script<Task<T>> {
  const never = new Future<void>();
  const task = yield* spelled.started(function* () {
    yield* thrown(never);
    return (yield end) as T;
  });
  return task;
}

describe('cancelling a task', () => {
  both('throws at its wait, and does not mark it cancelled before (B-TASK-021)', function* (spelled) {
    const seen: unknown[] = [];
    const task = yield* spelled.started(function* () {
      try {
        yield new Future<void>();
      } catch (error) {
        seen.push(error);
        throw error;
      }
    });
    assert.equal(task.cancel('enough'), true);
    assert.equal(task.cancelled(), false, 'asyncio, unlike the first Tulip (B-T13-007, differs)');
    assert.equal(task.done(), false);
    assert.deepEqual(seen, [], 'it is thrown by a queued step, not by the call (B-T13-007)');
    const error = yield* cancellation(task);
    assert.deepEqual(seen, [error]);
    assert.equal(error.reason, 'enough');
    assert.equal(task.cancel(), false);
  });

  both('cancels the future it waits for at once (B-TASK-022)', function* (spelled) {
    const future = new Future<void>();
    const task = yield* spelled.started(function* () {
      yield future;
    });
    task.cancel('enough');
    assert.equal(future.cancelled(), true);
    assert.throws(() => future.result(), { reason: 'enough' });
    yield* cancellation(task);
  });

  both('cancels the task it waits for, and then it (B-TASK-023)', function* (spelled) {
    const order: string[] = [];
    const inner = yield* spelled.started(function* () {
      try {
        yield new Future<void>();
      } finally {
        order.push('inner');
      }
    });
    const outer = yield* spelled.started(function* () {
      try {
        yield inner;
      } finally {
        order.push('outer');
      }
    });
    outer.cancel();
    yield* cancellation(outer);
    assert.equal(inner.cancelled(), true);
    assert.deepEqual(order, ['inner', 'outer']);
  });

  both('before its first step is thrown at the first wait (B-TASK-024, differs)', function* (spelled) {
    const seen: string[] = [];
    const future = new Future<void>();
    const task = spelled.task(function* () {
      seen.push('began');
      try {
        yield future;
        seen.push('went on');
      } finally {
        yield sleep(0);
        seen.push('cleaned up');
      }
    });
    task.cancel('too early');
    assert.equal((yield* cancellation(task)).reason, 'too early');
    assert.deepEqual(seen, ['began', 'cleaned up']);
    assert.equal(future.cancelled(), true);
  });

  both(
    'before its first step disposes of what it has begun to use (B-TASK-024, differs)',
    function* (spelled) {
      for (const make of [
        () => new Future<void>(),
        () => sleep(0),
        () => createTask(sleep(60_000)),
        () => timeout(60_000, () => new Future<void>()),
      ]) {
        let disposed = 0;
        const task = spelled.task(function* () {
          using _used = { [Symbol.dispose]: () => void disposed++ };
          yield make();
        });
        task.cancel();
        yield* cancellation(task);
        assert.equal(disposed, 1);
      }
    },
  );

  both('before its first step leaves a body that never waits its result', function* (spelled) {
    const task = spelled.task(returns('taken'));
    task.cancel('too early');
    assert.equal(yield task, 'taken');
    assert.equal(task.cancelled(), false);
    assert.equal(task.cancelling(), 1);
  });

  both('before its first step does so with every kind of source', function* (spelled) {
    let began = 0;
    function* work(): Generator<Suspension, void, unknown> {
      began++;
      yield;
    }
    const sources = [work(), work, coroutine(work)(), coroutine(work), () => spelled.source(() => work())()];
    for (const source of sources) {
      const task = createTask<void>(source as () => Generator<Suspension, void, unknown>);
      task.cancel();
      yield* cancellation(task);
    }
    assert.equal(began, sources.length);
  });

  both('in the turn in which its future is cancelled is one cancellation (B-TASK-026)', function* (spelled) {
    for (const order of ['task first', 'future first']) {
      const future = new Future<void>();
      let caught = 0;
      const task = yield* spelled.started(function* () {
        try {
          yield future;
        } catch {
          caught++;
        }
        yield;
        yield nativePromise();
        yield sleep(0);
        return 'went on';
      });
      if (order === 'task first') task.cancel('task');
      future.cancel('future');
      if (order === 'future first') task.cancel('task');
      assert.equal(yield task, 'went on', order);
      assert.equal(caught, 1, order);
    }
  });

  both('twice before it is thrown throws once', function* (spelled) {
    let caught = 0;
    const task = yield* spelled.started(function* () {
      for (let i = 0; i < 3; i++) {
        try {
          yield sleep(0);
          yield new Future<void>();
        } catch (error) {
          assert.equal((error as CancelledError).reason, 1);
          caught++;
          break;
        }
      }
      yield;
    });
    task.cancel(1);
    task.cancel(2);
    yield task;
    assert.equal(caught, 1);
  });

  both('that catches it and returns leaves it finished (B-TASK-027)', function* (spelled) {
    const task = yield* spelled.started(function* () {
      yield* thrown(new Future<void>());
      return 'caught';
    });
    task.cancel();
    assert.equal(yield task, 'caught');
    assert.equal(task.cancelled(), false);
  });

  both('that swallows it and waits on leaves it alive (B-TASK-028)', function* (spelled) {
    const next = new Future<string>();
    const task = yield* spelled.started(function* () {
      yield* thrown(new Future<void>());
      return `${yield next}, ${yield sleep(1, 'slept')}`;
    });
    task.cancel();
    yield* settle();
    assert.equal(task.done(), false);
    next.setResult('result');
    assert.equal(yield task, 'result, slept');
  });

  both('by itself throws at its next wait, not at the call (B-TASK-029)', function* (spelled) {
    let went = '';
    const task = spelled.task(function* () {
      assert.equal(currentTask()?.cancel('myself'), true);
      went += 'past the call';
      yield new Future<void>();
      went += ', past the wait';
    });
    assert.equal((yield* cancellation(task)).reason, 'myself');
    assert.equal(went, 'past the call');
  });

  both('may be converted into another error (B-TASK-031)', function* (spelled) {
    const task = yield* spelled.started(function* () {
      try {
        yield new Future<void>();
      } catch (error) {
        throw new BadWeather('hail', { cause: error });
      }
    });
    task.cancel('enough');
    const error = (yield* thrown(task)) as BadWeather;
    assert.ok(error instanceof BadWeather);
    assert.equal(task.cancelled(), false);
    assert.equal((error.cause as CancelledError).reason, 'enough', 'B-TASK-034');
  });

  both('hands its reason to the outermost waiter (B-TASK-033)', function* (spelled) {
    for (const reason of ['text', null, undefined, 0, new BadWeather()]) {
      const innermost = new Future<void>();
      const middle = yield* spelled.started(function* () {
        yield spelled.call(function* () {
          yield innermost;
        });
      });
      const outer = yield* spelled.started(function* () {
        yield middle;
      });
      const waiting = yield* spelled.started(function* () {
        return (yield* thrown(outer)) as CancelledError;
      });
      outer.cancel(reason);
      const error = (yield waiting) as CancelledError;
      assert.ok(error instanceof CancelledError);
      assert.equal(error.reason, reason);
      assert.throws(() => innermost.result(), { reason });
      assert.throws(() => middle.result(), { reason });
    }
  });

  both('keeps the chain of causes where it is thrown on (B-TASK-034)', function* (spelled) {
    const task = yield* spelled.started(function* () {
      try {
        yield new Future<void>();
      } catch (error) {
        throw new CancelledError('in other words', { cause: error });
      }
    });
    task.cancel('enough');
    const error = yield* cancellation(task);
    assert.equal(error.reason, 'in other words');
    assert.equal((error.cause as CancelledError).reason, 'enough');
  });

  both('is counted, and each taken back once (B-TASK-036)', function* (spelled) {
    const task = spelled.task(returns(1));
    assert.equal(task.cancelling(), 0);
    assert.equal(task.uncancel(), 0);
    task.cancel();
    task.cancel();
    assert.equal(task.cancelling(), 2);
    assert.equal(task.uncancel(), 1);
    assert.equal(task.uncancel(), 0);
    assert.equal(task.uncancel(), 0);
    assert.equal(task.cancelling(), 0);
    yield task;
  });

  both('taken back before it was thrown has never been (B-TASK-037)', function* (spelled) {
    const unstarted = spelled.task(returns('undisturbed'));
    unstarted.cancel();
    unstarted.uncancel();
    assert.equal(yield unstarted, 'undisturbed');

    const gate = new Future<void>();
    const between = yield* spelled.started(function* () {
      yield gate;
      yield sleep(0);
      yield sleep(1);
      return 'undisturbed';
    });
    gate.setResult();
    between.cancel();
    between.uncancel();
    assert.equal(yield between, 'undisturbed');
  });

  both('taken back in part is thrown all the same (B-TASK-037)', function* (spelled) {
    const task = spelled.task(function* () {
      yield sleep(0);
    });
    task.cancel('one');
    task.cancel('two');
    assert.equal(task.uncancel(), 1);
    assert.equal((yield* cancellation(task)).reason, 'one');
  });

  both('taken back after the end changes nothing (B-TASK-038)', function* (spelled) {
    const task = yield* spelled.started(function* () {
      yield new Future<void>();
    });
    task.cancel();
    yield* cancellation(task);
    assert.equal(task.cancelling(), 1);
    assert.equal(task.uncancel(), 0);
    assert.equal(task.cancelled(), true);
    assert.equal(task.done(), true);
  });

  both('lets a block of one’s own turn it into another error (B-TASK-039)', function* (spelled) {
    const later: string[] = [];
    const task = spelled.task(function* () {
      const self = currentTask() as Task<unknown>;
      const timer = getRunningLoop().callLater(1, () => self.cancel('my deadline'));
      try {
        yield new Future<void>();
      } catch (error) {
        assert.equal((error as CancelledError).reason, 'my deadline');
        assert.equal(self.uncancel(), 0);
        later.push('out of time');
      } finally {
        timer.cancel();
      }
      yield sleep(1);
      yield nativePromise();
      later.push('went on');
    });
    yield task;
    assert.deepEqual(later, ['out of time', 'went on']);
  });

  both('runs its clean-up, which may wait (B-TASK-021)', function* (spelled) {
    const seen: string[] = [];
    const task = yield* spelled.started(function* () {
      try {
        try {
          yield new Future<void>();
        } finally {
          yield sleep(1);
          seen.push('inner cleaned up');
        }
      } finally {
        yield spelled.call(function* () {
          yield sleep(0);
          seen.push('outer cleaned up');
        });
      }
    });
    task.cancel();
    yield* cancellation(task);
    assert.deepEqual(seen, ['inner cleaned up', 'outer cleaned up']);
  });

  both('during its clean-up interrupts that', function* (spelled) {
    const seen: unknown[] = [];
    const task = yield* spelled.started(function* () {
      try {
        yield new Future<void>();
      } finally {
        seen.push(((yield* thrown(new Future<void>())) as CancelledError).reason);
      }
    });
    task.cancel('one');
    yield* settle();
    task.cancel('two');
    assert.equal((yield* cancellation(task)).reason, 'one');
    assert.deepEqual(seen, ['two']);
    assert.equal(task.cancelling(), 2);
  });

  both('unwinds the calls in it, from the innermost', function* (spelled) {
    const seen: string[] = [];
    const level = (depth: number): Script<void> =>
      (function* () {
        try {
          yield depth === 0 ? new Future<void>() : spelled.call(() => level(depth - 1));
        } finally {
          seen.push(`level ${depth}`);
        }
      })();
    const task = yield* spelled.started(() => level(3));
    task.cancel();
    yield* cancellation(task);
    assert.deepEqual(seen, ['level 0', 'level 1', 'level 2', 'level 3']);
  });

  both('goes through bodies of both spellings', function* (spelled) {
    const seen: string[] = [];
    const level = (depth: number, tools: Spelled): Script<void> =>
      (function* () {
        try {
          if (depth === 0) yield new Future<void>();
          else yield tools.other.timeout(null, () => level(depth - 1, tools.other));
        } finally {
          yield sleep(0);
          seen.push(`${depth} ${tools.spelling.name}`);
        }
      })();
    const task = yield* spelled.started(() => level(3, spelled));
    task.cancel();
    yield* cancellation(task);
    const [mine, others] = [spelled.spelling.name, spelled.other.spelling.name];
    assert.deepEqual(seen, [`0 ${others}`, `1 ${mine}`, `2 ${others}`, `3 ${mine}`]);
  });

  both('goes through a coroutine that is called', function* (spelled) {
    const cleanedUp: string[] = [];
    const work: () => Coroutine<void> = coroutine(function* () {
      try {
        yield* sleep(60_000);
      } finally {
        cleanedUp.push('the coroutine');
      }
    });
    const task = yield* spelled.started(function* () {
      try {
        yield work();
      } finally {
        cleanedUp.push('the caller');
      }
    });
    task.cancel('enough');
    assert.equal((yield* cancellation(task)).reason, 'enough');
    assert.deepEqual(cleanedUp, ['the coroutine', 'the caller']);
    assert.equal(getRunningLoop().timeUntilNextTimer(), null, 'the sleep has left its timer (B-TASK-046)');
  });

  both('in the turn in which it begins to wait counts as during the wait', function* (spelled) {
    // For an `async` function the engine calls `then` only after the step in which it said `await`.
    const future = new Future<void>();
    let past = false;
    const task = spelled.task(function* () {
      currentTask()?.cancel('in the same turn');
      yield future;
      past = true;
    });
    assert.equal((yield* cancellation(task)).reason, 'in the same turn');
    assert.equal(past, false);
    assert.equal(future.cancelled(), true);
    assert.deepEqual(future.waiterNames(), []);
  });

  both('in the turn in which it begins a coroutine strikes at the first wait of that', function* (spelled) {
    let ran = false;
    const work = coroutine(function* () {
      ran = true;
      yield;
      yield;
    });
    const task = spelled.task(function* () {
      currentTask()?.cancel();
      yield work();
    });
    yield* cancellation(task);
    assert.equal(ran, true);
  });

  both('waits for the end of what it waited for', function* (spelled) {
    const cleanUp = new Future<void>();
    const tidy = function* () {
      try {
        yield new Future<void>();
      } finally {
        yield cleanUp;
      }
    };
    const inner = [yield* spelled.started(tidy), yield* spelled.started(tidy)] as const;
    const started = yield* spelled.started(function* () {
      yield inner[0];
    });
    const unstarted = spelled.task(function* () {
      currentTask()?.cancel();
      yield inner[1];
    });
    started.cancel();
    yield* settle();
    assert.deepEqual([started.done(), unstarted.done()], [false, false]);
    cleanUp.setResult();
    yield* cancellation(started);
    yield* cancellation(unstarted);
  });

  describe('where a result is on its way', () => {
    both('delivers that first, and throws at the next wait', function* (spelled) {
      const future = new Future<string>();
      const seen: unknown[] = [];
      const task = yield* spelled.started(function* () {
        seen.push(yield future);
        seen.push('before the next wait');
        seen.push(((yield* thrown(new Future<void>())) as CancelledError).reason);
        yield sleep(0);
        seen.push('once only');
      });
      future.setResult('delivered');
      task.cancel('too late for that');
      yield task;
      assert.deepEqual(seen, ['delivered', 'before the next wait', 'too late for that', 'once only']);
    });

    both('delivers an exception first too', function* (spelled) {
      const future = new Future<string>();
      const task = yield* spelled.started(function* () {
        assert.ok((yield* thrown(future)) instanceof BadWeather);
        yield new Future<void>();
      });
      future.setException(new BadWeather());
      task.cancel();
      yield* cancellation(task);
    });

    both('keeps the result of a task that returns without waiting again', function* (spelled) {
      // What it returns may be taken out of a queue or a socket: nobody else would ever see it.
      const future = new Future<string>();
      const task = yield* spelled.started(function* () {
        return (yield future) as string;
      });
      future.setResult('taken');
      assert.equal(task.cancel(), true);
      assert.equal(yield task, 'taken');
      assert.equal(task.cancelled(), false);
      assert.equal(task.cancelling(), 1);
    });

    both('does so through calls, and throws at the next wait of the caller', function* (spelled) {
      // `await call()` makes a task of the coroutine, `yield* call()` does not: that must make no difference.
      const future = new Future<string>();
      const take = coroutine(function* () {
        return yield* future;
      });
      const takeFromThat = coroutine(function* () {
        return yield* createTask(take());
      });
      const seen: unknown[] = [];
      const task = yield* spelled.started(function* () {
        seen.push(yield takeFromThat());
        seen.push(((yield* thrown(new Future<void>())) as CancelledError).reason);
        yield sleep(0);
      });
      future.setResult('taken');
      task.cancel('enough');
      yield task;
      assert.deepEqual(seen, ['taken', 'enough']);
    });

    both('does so through a chain of `then`', function* (spelled) {
      const future = new Future<string>();
      const inner = yield* spelled.started(function* () {
        return (yield future) as string;
      });
      const seen: unknown[] = [];
      const task = yield* spelled.started(function* () {
        seen.push(yield inner.then((result) => result).then((result) => result));
        seen.push(((yield* thrown(new Future<void>())) as CancelledError).reason);
      });
      future.setResult('taken');
      task.cancel('enough');
      yield task;
      assert.deepEqual(seen, ['taken', 'enough']);
    });

    both('does so where the called fails instead', function* (spelled) {
      const future = new Future<string>();
      const inner = yield* spelled.started(function* () {
        yield future;
      });
      const task = yield* spelled.started(function* () {
        assert.ok((yield* thrown(inner)) instanceof BadWeather);
        yield new Future<void>();
      });
      future.setException(new BadWeather());
      task.cancel();
      yield* cancellation(task);
    });
  });

  describe('that waits for one that resists', () => {
    both('delivers what that one chose to return', function* (spelled) {
      const end = new Future<string>();
      const inner = yield* resisting(spelled, end);
      const outer = yield* spelled.started(function* () {
        const result = yield inner;
        yield sleep(0);
        return result as string;
      });
      outer.cancel();
      yield* settle();
      assert.deepEqual([inner.done(), outer.done()], [false, false]);
      end.setResult('in the end');
      assert.equal(yield outer, 'in the end');
      assert.equal(outer.cancelling(), 1);
    });

    both('delivers that once also where the cancellation came before the wait', function* (spelled) {
      const end = new Future<string>();
      const inner = yield* resisting(spelled, end);
      const outer = yield* spelled.started(function* () {
        yield sleep(0);
        currentTask()?.cancel();
        const result = yield inner;
        yield sleep(0);
        return result as string;
      });
      end.setResult('in the end');
      assert.equal(yield outer, 'in the end');
    });

    both('asks it again when cancelled again', function* (spelled) {
      const end = new Future<string>();
      const inner = yield* resisting(spelled, end);
      const outer = yield* spelled.started(function* () {
        yield inner;
      });
      outer.cancel('one');
      yield* settle();
      outer.cancel('two');
      assert.equal(end.cancelled(), true);
      assert.equal((yield* cancellation(outer)).reason, 'one');
      assert.equal(inner.cancelled(), true);
    });
  });

  describe('in a circle of waits', () => {
    both('breaks it', function* (spelled) {
      for (const through of ['gather', 'a task']) {
        const tasks: Task<void>[] = [];
        for (let i = 0; i < 3; i++) {
          tasks.push(
            spelled.task(function* () {
              yield;
              const next = tasks[(i + 1) % 3] as Task<void>;
              yield through === 'gather' ? gather([next]) : next;
            }),
          );
        }
        yield* settle();
        tasks[0]?.cancel('a circle');
        for (const task of tasks) assert.equal((yield* cancellation(task)).reason, 'a circle');
      }
    });

    both('breaks it where a task waits for itself', function* (spelled) {
      const task = yield* spelled.started(function* () {
        yield gather([currentTask() as Task<unknown>]);
      });
      task.cancel();
      yield* cancellation(task);
    });
  });
});

describe('the error of a cancellation', () => {
  function whoAsks(task: Pick<Task<unknown>, 'cancel'>): void {
    task.cancel('enough');
  }

  function* waitsForever(): Script<void> {
    yield new Future<void>();
  }

  both('is one for all tasks it goes on to, and tells who has asked', function* (spelled) {
    const leaves: Task<unknown>[] = [];
    const inner = yield* spelled.started(waitsForever);
    const root = yield* spelled.started(function* () {
      yield spelled.group(function* (group) {
        for (let i = 0; i < 3; i++) leaves.push(group.createTask(spelled.source(waitsForever)));
        yield inner;
      });
    });
    whoAsks(root);
    const error = yield* cancellation(root);
    assert.equal(error.reason, 'enough');
    assert.match(String(error.stack), /whoAsks/);
    assert.equal(leaves.length, 3);
    for (const task of [inner, ...leaves]) assert.equal(yield* cancellation(task), error);
  });

  both('is one for all that were gathered', function* (spelled) {
    const tasks = [yield* spelled.started(waitsForever), yield* spelled.started(waitsForever)];
    const all = gather(tasks);
    whoAsks(all);
    const errors = [
      yield* cancellation(tasks[0] as Task<unknown>),
      yield* cancellation(tasks[1] as Task<unknown>),
    ];
    assert.equal(errors[0], errors[1]);
    assert.match(String(errors[0]?.stack), /whoAsks/);
    assert.equal(((yield* thrown(all)) as CancelledError).reason, 'enough');
  });

  both('of a scope stays in the task of that, and is the cause of what others get', function* (spelled) {
    const inner = yield* spelled.started(waitsForever);
    let own: unknown;
    const outer = spelled.task(function* () {
      yield cancelScope((scope) =>
        spelled.source(function* () {
          getRunningLoop().callSoon(() => scope.cancel('enough'));
          own = yield* thrown(inner);
          throw own;
        })(),
      );
    });
    const error = yield* cancellation(inner);
    yield outer;
    assert.ok(own instanceof CancelledError);
    assert.notEqual(own.scope, null);
    assert.equal(error.scope, null);
    assert.equal(error.reason, 'enough');
    assert.equal(error.cause, own);
  });
});

describe('cancelling a long chain of waits', () => {
  const length = 15_000;
  const links: Record<string, (spelled: Spelled, next: Future<unknown>) => Future<unknown>> = {
    'of tasks': (spelled, next) =>
      spelled.task(function* () {
        yield next;
      }) as Future<unknown>,
    'of tasks and gathers': (spelled, next) =>
      spelled.task(function* () {
        yield gather([next]);
      }) as Future<unknown>,
    'of `then`': (_spelled, next) => next.then((result) => result),
  };

  for (const [name, link] of Object.entries(links)) {
    both(`${name} goes from one end to the other and back`, function* (spelled) {
      const start = new Future<unknown>();
      let end: Future<unknown> = start;
      for (let i = 0; i < length; i++) end = link(spelled, end);
      const task = yield* spelled.started(function* () {
        yield end;
      });
      task.cancel('enough');
      assert.equal(start.cancelled(), true, 'it has arrived when `cancel` returns');
      assert.equal((yield* cancellation(task)).reason, 'enough');
    });

    both(`${name} is no trouble where it ends by itself`, function* (spelled) {
      const start = new Future<unknown>();
      let end: Future<unknown> = start;
      for (let i = 0; i < length; i++) end = link(spelled, end);
      start.setResult('result');
      yield end;
    });
  }

  both('cancels branches in their order, and what they share as often as it is asked', function* (spelled) {
    const seen: string[] = [];
    const resisted: string[] = [];
    const shared = yield* spelled.started(function* () {
      for (const what of ['first', 'second']) {
        const future = new Future<void>();
        future.addDoneCallback(() => seen.push(what));
        const error = yield* thrown(future);
        resisted.push(String((error as CancelledError).reason));
      }
    });
    const branches: Task<unknown>[] = [];
    for (const name of ['left', 'right']) {
      const leaf = new Future<void>();
      leaf.addDoneCallback(() => seen.push(`${name} leaf`));
      const inner = yield* spelled.started(function* () {
        yield leaf;
      });
      branches.push(
        (yield* spelled.started(function* () {
          yield gather([inner, shared]);
        })) as Task<unknown>,
      );
    }
    const root = yield* spelled.started(function* () {
      yield gather(branches);
    });
    root.cancel('enough');
    assert.equal(shared.cancelling(), 2);
    yield* cancellation(root);
    yield* settle();
    assert.deepEqual(seen, ['left leaf', 'first', 'right leaf']);
    assert.equal(shared.done(), false, 'it waits for the second');
    shared.cancel();
    yield shared;
    assert.deepEqual(resisted, ['enough', 'undefined']);
  });
});

describe('cancelling a task again while it disposes', () => {
  /** An async function that begins to wait, and once cancelled disposes of something, which waits too. */
  const disposing = (used: Future<void>, failure?: Error) => async () => {
    await using _used = {
      async [Symbol.asyncDispose]() {
        await used;
      },
    };
    try {
      await new Future<void>();
    } catch (error) {
      throw failure ?? error;
    }
  };

  inTask('leaves it cancelled, for the reason of the first time', function* () {
    const used = new Future<void>();
    const task = createTask(disposing(used));
    yield;
    task.cancel('one');
    for (let i = 0; i < 5; i++) yield;
    task.cancel('two');
    assert.equal(used.cancelled(), true);
    yield* ended(task);
    assert.equal(task.cancelled(), true);
    assert.throws(() => task.result(), { name: 'CancelledError', reason: 'one' });
  });

  inTask('does not hide what else went wrong', function* () {
    const used = new Future<void>();
    const failure = new BadWeather();
    const task = createTask(disposing(used, failure));
    yield;
    task.cancel('one');
    for (let i = 0; i < 5; i++) yield;
    task.cancel('two');
    yield* ended(task);
    assert.equal(task.cancelled(), false);
    assert.throws(
      () => task.result(),
      (error) => (error as { suppressed?: unknown }).suppressed === failure,
    );
  });

  for (const outer of ['the task', 'an outer scope'] as const) {
    inTask(`in a scope by ${outer} lets that one win`, function* () {
      const used = new Future<void>();
      let past = false;
      let stop: () => void = () => {};
      const task = createTask(function* () {
        yield* cancelScope(function* (around) {
          if (outer === 'an outer scope') stop = () => around.cancel('two');
          else stop = () => void task.cancel('two');
          yield* timeout(0, disposing(used));
        });
        past = true;
      });
      while (!(used as Future<void>).waiterNames().length) yield;
      stop();
      yield* ended(task);
      assert.equal(past, outer === 'an outer scope');
      assert.equal(task.cancelled(), outer === 'the task');
    });
  }

  both('knows what compilers throw where the language has no `using`', function* (spelled) {
    const suppressed = (error: unknown, first: unknown) =>
      Object.assign(new Error('An error was suppressed'), {
        name: 'SuppressedError',
        error,
        suppressed: first,
      });
    const one = new CancelledError('one');
    const task = spelled.task(
      // biome-ignore lint/correctness/useYield: it does not wait
      function* () {
        throw suppressed(suppressed(new CancelledError('three'), new CancelledError('two')), one);
      },
    );
    assert.equal(yield* cancellation(task), one);
  });
});

describe('cancelling an async function', () => {
  inTask('that waits for a foreign promise throws at its next wait for something of ours', function* () {
    let finish: () => void = () => {};
    const promise = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const seen: string[] = [];
    const task = createTask(async () => {
      await promise;
      seen.push('past the promise');
      await new Future<void>();
      seen.push('past the future');
    });
    yield;
    task.cancel('enough');
    for (let i = 0; i < 5; i++) yield;
    assert.equal(task.done(), false);
    finish();
    yield* ended(task);
    assert.equal(task.cancelled(), true);
    assert.deepEqual(seen, ['past the promise']);
  });

  inTask('aborts its signal with the error, so that the foreign wait ends too', function* () {
    const reasons: unknown[] = [];
    const task = createTask(async () => {
      const { signal } = currentTask() as Task<unknown>;
      await new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason);
          reject(signal.reason);
        });
      });
    });
    yield;
    task.cancel('enough');
    assert.ok(reasons[0] instanceof CancelledError);
    yield* ended(task);
    assert.equal(task.cancelled(), true);
    assert.throws(
      () => task.result(),
      (error) => error === reasons[0],
    );
  });

  inTask('gives up a wrapped promise at once', function* () {
    const task = createTask(async () => {
      await wrapFuture(new Promise(() => {}));
    });
    yield;
    task.cancel();
    yield* ended(task);
    assert.equal(task.cancelled(), true);
  });

  for (const combinator of ['all', 'race', 'allSettled', 'any'] as const) {
    for (const when of ['during the wait', 'before the wait'] as const) {
      inTask(`cancels all of a Promise.${combinator}, ${when}`, function* () {
        const futures = [new Future<void>(), new Future<void>()];
        let inner: Task<void> | null = null;
        let error: unknown = null;
        const task = createTask(async () => {
          inner = createTask(sleep(60_000));
          if (when === 'before the wait') currentTask()?.cancel('enough');
          const all = [...futures, inner, sleep(60_000)];
          try {
            const settled = await (Promise[combinator] as (all: unknown[]) => Promise<unknown>)(all);
            if (combinator === 'allSettled') error = (settled as PromiseRejectedResult[])[0]?.reason;
          } catch (caught) {
            error = combinator === 'any' ? (caught as AggregateError).errors[0] : caught;
          }
          await sleep(0);
          return 'went on';
        });
        yield;
        yield;
        if (when === 'during the wait') task.cancel('enough');
        assert.equal(yield* task, 'went on');
        assert.ok(error instanceof CancelledError);
        assert.equal(error.reason, 'enough');
        assert.deepEqual(
          futures.map((future) => future.cancelled()),
          [true, true],
        );
        assert.equal((inner as Task<void> | null)?.cancelled(), true);
        for (let i = 0; i < 3; i++) yield;
        assert.equal(allTasks().size, 1);
        assert.equal(getRunningLoop().timeUntilNextTimer(), null);
      });
    }
  }

  inTask('leaves alone what it has only hung a callback on', function* () {
    const child = createTask(sleep(1, 'child'));
    const seen: string[] = [];
    let finish: () => void = () => {};
    const promise = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const task = createTask(async () => {
      void child.then((result) => seen.push(result));
      child.catch(() => {});
      await promise;
      await sleep(0);
      seen.push('past the wait');
    });
    yield;
    task.cancel();
    finish();
    yield* ended(task);
    assert.equal(task.cancelled(), true, 'the callbacks were no wait: the cancellation is not lost on them');
    yield* child;
    yield;
    assert.deepEqual(seen, ['child']);
  });

  inTask('cancels the start of a chain that it awaits', function* () {
    const future = new Future<number>();
    const task = createTask(async () => {
      await future.then((n) => n + 1).finally(() => {});
    });
    yield;
    task.cancel();
    assert.equal(future.cancelled(), true);
    yield* ended(task);
    assert.equal(task.cancelled(), true);
  });

  inTask('cancels what a callback of the chain has led to', function* () {
    const first = new Future<void>();
    const second = new Future<void>();
    const task = createTask(async () => {
      await first.then(() => second);
    });
    yield;
    first.setResult();
    for (let i = 0; i < 3; i++) yield;
    task.cancel();
    assert.equal(second.cancelled(), true);
    yield* ended(task);
    assert.equal(task.cancelled(), true);
  });

  inTask('is not confused by waits that a scope of it has left behind', function* () {
    const longLived = new Future<void>();
    const task = createTask(function* () {
      yield* timeout(60_000, async () => {
        await Promise.race([longLived, sleep(0)]);
      });
      yield* sleep(60_000);
    });
    for (let i = 0; i < 5; i++) yield;
    task.cancel();
    assert.equal(longLived.cancelled(), false);
    yield* ended(task);
    assert.equal(task.cancelled(), true);
  });

  inTask('that has ended has no say over what its branches still do', function* () {
    const future = new Future<string>();
    const seen: unknown[] = [];
    const branch = async () => {
      await nativePromise();
      seen.push(currentTask(), await future);
    };
    yield* createTask(async () => void branch());
    yield* sleep(2);
    future.setResult('a branch goes on as nobody’s');
    yield* sleep(0);
    yield* sleep(0);
    assert.deepEqual(seen, [null, 'a branch goes on as nobody’s']);
  });
});

describe('the signal of a task', () => {
  both('is aborted by a cancellation, with its reason and scope', function* (spelled) {
    const signals: AbortSignal[] = [];
    const task = yield* spelled.started(function* () {
      signals.push((currentTask() as Task<unknown>).signal);
      yield new Future<void>();
    });
    assert.equal(signals[0], task.signal);
    assert.equal(signals[0]?.aborted, false);
    task.cancel('enough');
    assert.equal(signals[0]?.aborted, true);
    assert.equal(signals[0]?.reason.reason, 'enough');
    assert.equal(yield* cancellation(task), signals[0]?.reason);
  });

  both('is aborted from the start where a cancellation is due', function* (spelled) {
    const task = spelled.task(function* () {
      yield sleep(0);
    });
    task.cancel('enough');
    assert.equal(task.signal.reason.reason, 'enough');
    yield* cancellation(task);
    assert.equal(task.signal.aborted, true);
  });

  both('is a new one once the cancellation has been caught', function* (spelled) {
    const seen: boolean[] = [];
    const task = yield* spelled.started(function* () {
      const self = currentTask() as Task<unknown>;
      const before = self.signal;
      yield* thrown(new Future<void>());
      seen.push(before.aborted, self.signal.aborted);
      yield* thrown(new Future<void>());
      seen.push(self.signal.aborted);
    });
    const again = task.signal;
    task.cancel();
    yield* settle();
    assert.notEqual(task.signal, again);
    task.cancel();
    yield task;
    assert.deepEqual(seen, [true, false, false]);
  });

  both('is not spoilt by a timeout that was caught', function* (spelled) {
    const task = spelled.task(function* () {
      const self = currentTask() as Task<unknown>;
      const inside: AbortSignal[] = [];
      const error = yield* thrown(
        spelled.timeout(0, function* () {
          inside.push((currentTask() as Task<unknown>).signal);
          yield new Future<void>();
        }),
      );
      assert.ok(error instanceof TimeoutError);
      assert.equal(inside[0]?.aborted, true);
      assert.ok(inside[0]?.reason instanceof CancelledError);
      assert.equal(self.signal.aborted, false);
    });
    yield task;
  });
});

describe('a wait that ends', () => {
  both('leaves nothing behind in a future that lives long', function* (spelled) {
    const longLived = new Future<void>();
    for (let i = 0; i < 50; i++) {
      yield wait([longLived], { timeout: 0 });
      const waiting = spelled.task(function* () {
        yield wait([longLived]);
      });
      yield;
      yield;
      waiting.cancel();
      yield* thrown(waiting);
    }
    assert.deepEqual(longLived.waiterNames(), []);
    assert.equal(longLived.cancelled(), false);
  });

  both('leaves nothing behind in what was cancelled with it', function* (spelled) {
    for (const make of [
      () => new Future<void>(),
      () => createTask(sleep(60_000)),
      () => gather([new Future<void>()]),
    ]) {
      const future = make() as Future<unknown>;
      const waiting = yield* spelled.started(function* () {
        yield future;
      });
      waiting.cancel();
      yield* cancellation(waiting);
      assert.deepEqual(future.waiterNames(), []);
      assert.equal(future.cancelled(), true);
    }
  });
});

describe('a cancellation that comes back from one of several waits of an `async` function', () => {
  both('is not forgotten when another one of them ends', function* () {
    const [result, first, second] = [new Future<void>(), new Future<void>(), new Future<void>()];
    const log: string[] = [];
    const inner = createTask(() => result);
    const task = createTask(async () => {
      const goesOn = async () => {
        await first;
        log.push('went on');
        await second;
      };
      await Promise.all([inner, goesOn()]);
      log.push('both');
      await new Future<never>();
    });
    yield* settle();
    result.setResult();
    first.setResult();
    // The inner task agrees, and then has its result on the way; the other wait is over.
    task.cancel();
    yield* settle();
    assert.deepEqual([inner.cancelled(), log], [false, ['went on']]);
    second.setResult();
    yield* settle();
    assert.deepEqual([task.cancelled(), log], [true, ['went on', 'both']]);
  });
});

/** Waits for the end of a task, whatever it is. */
function* ended(task: Task<unknown>): Generator<Suspension, void, unknown> {
  yield* wait([task]);
}
