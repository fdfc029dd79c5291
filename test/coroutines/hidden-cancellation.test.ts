import assert from 'node:assert/strict';
import { describe } from 'node:test';
import {
  type CancelScope,
  cancelScope,
  currentTask,
  Future,
  openCancelScope,
  openTimeout,
  race,
  sleep,
  type Task,
  taskGroup,
} from '../../src/coroutines/index.ts';
import { CancelledError, type GroupError, TimeoutError } from '../../src/interface/index.ts';
import { both, type Script, thrown } from './spellings.ts';

// What a `finally` throws takes the place of what was being thrown: so a scope's own cancellation, which stops the cleaning
// up for one from outside, comes out instead of that one. It must not be the end of it.

/** Waits for ever, and takes long to clean up. */
function* cleansUp(): Script<never> {
  try {
    return (yield new Future<never>()) as never;
  } finally {
    yield sleep(60_000);
  }
}

function* untilCancelled(task: Task<unknown>, reason: string): Script<void> {
  const error = yield* thrown(task);
  assert.ok(error instanceof CancelledError);
  assert.equal(error.reason, reason);
  assert.equal(task.cancelled(), true);
}

describe('a cancellation for which a scope’s body cleans up when the scope’s own comes', () => {
  both('goes on, and is no timeout', function* (spelled) {
    const task = yield* spelled.started(function* task() {
      yield spelled.timeout(100, cleansUp);
    });
    task.cancel('outside');
    yield* untilCancelled(task, 'outside');
  });

  both('goes on out of a cancel scope', function* (spelled) {
    const log: unknown[] = [];
    const task = yield* spelled.started(function* task() {
      yield cancelScope(() => spelled.source(cleansUp)(), { timeout: 100 });
      log.push('not reached');
    });
    task.cancel('outside');
    yield* untilCancelled(task, 'outside');
    assert.deepEqual(log, []);
  });

  both('goes on to the scope whose it is', function* (spelled) {
    let outer: CancelScope | undefined;
    const log: string[] = [];
    const task = yield* spelled.started(function* task() {
      yield cancelScope((scope) => {
        outer = scope;
        return spelled.source(function* () {
          yield spelled.timeout(200, function* () {
            yield cancelScope(() => spelled.source(cleansUp)(), { timeout: 100 });
            log.push('not reached');
          });
          log.push('not reached');
        })();
      });
      log.push('went on');
    });
    outer?.cancel();
    yield task;
    assert.deepEqual(log, ['went on']);
  });

  both('goes on through a race, which waits for who has lost', function* (spelled) {
    const task = yield* spelled.started(function* task() {
      yield spelled.timeout(100, function* () {
        yield race([spelled.source(cleansUp)]);
      });
    });
    task.cancel('outside');
    yield* untilCancelled(task, 'outside');
  });

  both('goes on out of a group that a child has failed meanwhile, at the next wait', function* (spelled) {
    const error = new Error('of a child');
    let seen: unknown;
    let wentOn = false;
    const task = yield* spelled.started(function* task() {
      try {
        yield taskGroup((group) => {
          group.createTask(
            spelled.source(function* () {
              yield sleep(100);
              throw error;
            }),
          );
          return spelled.source(cleansUp)();
        });
      } catch (failure) {
        seen = failure;
      }
      yield sleep(0);
      wentOn = true;
    });
    task.cancel('outside');
    yield* untilCancelled(task, 'outside');
    assert.deepEqual((seen as GroupError).errors, [error]);
    assert.equal(wentOn, false);
  });

  both('is over once it was taken back', function* (spelled) {
    const task = yield* spelled.started(function* task() {
      yield cancelScope(
        () =>
          spelled.source(function* () {
            try {
              yield new Future<never>();
            } catch {
              currentTask()?.uncancel();
            }
            yield new Future<never>();
          })(),
        { timeout: 100 },
      );
      yield sleep(0);
      return 'went on';
    });
    task.cancel('outside');
    assert.equal(yield task, 'went on');
  });

  both('strikes no scope that was opened afterwards', function* (spelled) {
    const task = yield* spelled.started(function* task() {
      yield cancelScope(() =>
        spelled.source(function* () {
          try {
            yield cancelScope(() => spelled.source(cleansUp)(), { timeout: 100 });
          } catch {
            // swallowed: asyncio too has such a task go on
          }
          yield cancelScope(() => sleep(60_000), { timeout: 100 });
          yield spelled.timeout(100, function* () {
            yield sleep(10);
          });
        })(),
      );
      return 'went on';
    });
    task.cancel('outside');
    assert.equal(yield task, 'went on');
  });
});

describe('the same of a block', () => {
  both('with a scope: the cancellation arrives at the next wait', function* (spelled) {
    const log: string[] = [];
    const task = yield* spelled.started(function* task() {
      const scope = openCancelScope({ timeout: 100 });
      try {
        using _ = scope;
        yield* cleansUp();
      } catch (error) {
        if (!scope.caught(error)) throw error;
        log.push('caught');
      }
      yield sleep(0);
      log.push('not reached');
    });
    task.cancel('outside');
    yield* untilCancelled(task, 'outside');
    assert.deepEqual(log, ['caught']);
  });

  both('with a timeout', function* (spelled) {
    const log: unknown[] = [];
    const task = yield* spelled.started(function* task() {
      try {
        using _ = openTimeout(100);
        yield* cleansUp();
      } catch (error) {
        log.push(error instanceof TimeoutError);
      }
      yield sleep(0);
      log.push('not reached');
    });
    task.cancel('outside');
    yield* untilCancelled(task, 'outside');
    assert.deepEqual(log, [true]);
  });
});
