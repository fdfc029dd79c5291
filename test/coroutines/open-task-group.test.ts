import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  allTasks,
  currentTask,
  Future,
  type OpenTaskGroup,
  openTaskGroup,
  openTimeout,
  sleep,
  type Task,
} from '../../src/coroutines/index.ts';
import { CancelledError, GroupError, TimeoutError } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { runSimulated } from '../support/simulated.ts';
import { both, fails, inTask, type Script, type Spelled, settle, thrown } from './spellings.ts';

class BadWeather extends Error {}

function* forever(): Script<never> {
  return (yield new Future<never>()) as never;
}

/** What `await using` does, where a script is not to say `await`. */
function* using<T>(body: (group: OpenTaskGroup) => Script<T>): Script<T> {
  const group = openTaskGroup();
  let result: T;
  try {
    result = yield* body(group);
  } catch (error) {
    try {
      yield group[Symbol.asyncDispose]();
    } catch (second) {
      throw new Suppressed(second, error);
    }
    throw error;
  }
  yield group[Symbol.asyncDispose]();
  return result;
}

/** Node 20 has no SuppressedError. */
class Suppressed extends Error {
  override readonly name = 'SuppressedError';
  readonly error: unknown;
  readonly suppressed: unknown;

  constructor(error: unknown, suppressed: unknown) {
    super();
    this.error = error;
    this.suppressed = suppressed;
  }
}

function child(spelled: Spelled, seen: string[], name = 'child') {
  return spelled.source(function* () {
    try {
      yield* forever();
    } finally {
      yield sleep(1);
      seen.push(`${name} ended`);
    }
  });
}

describe('openTaskGroup', () => {
  it('is for `await using`: waits in join, and cancels what a block leaves', () =>
    runSimulated(async () => {
      const seen: string[] = [];
      {
        await using group = openTaskGroup();
        for (const delay of [1, 2]) {
          group.createTask(async () => {
            await sleep(delay);
            seen.push(`child ${delay}`);
          });
        }
        assert.equal(group.tasks.size, 2);
        await group.join();
        assert.deepEqual(seen, ['child 1', 'child 2']);
      }
      const left = async () => {
        await using group = openTaskGroup();
        group.createTask(async () => {
          try {
            await new Future<void>();
          } finally {
            await sleep(1);
            seen.push('cleaned up');
          }
        });
        await sleep(1);
        return 'left';
      };
      assert.equal(await left(), 'left');
      assert.deepEqual(seen.slice(2), ['cleaned up']);
      assert.equal(allTasks().size, 1);
    }));

  both('joined waits for all children, late ones too', function* (spelled) {
    const seen: string[] = [];
    yield* using(function* (group) {
      group.createTask(
        spelled.source(function* () {
          yield sleep(1);
          group.createTask(
            spelled.source(function* () {
              yield sleep(1);
              seen.push('grandchild');
            }),
          );
        }),
      );
      yield group.join();
      assert.deepEqual(seen, ['grandchild']);
      assert.throws(() => group.createTask(sleep(0)), {
        code: 'ERR_SCOPE_STATE',
        message: 'Cannot create a task in the group: it is finished',
      });
      yield group.join();
    });
    assert.equal((currentTask() as Task<unknown>).scopes, 0);
  });

  both('whose child fails in join throws one error there, and cancels the others', function* (spelled) {
    const failure = new BadWeather('hail');
    const seen: string[] = [];
    const error = yield* thrown(
      spelled.call(() =>
        using(function* (group) {
          group.createTask(child(spelled, seen));
          group.createTask(
            spelled.source(function* () {
              yield sleep(1);
              throw failure;
            }),
          );
          yield group.join();
        }),
      ),
    );
    assert.ok(error instanceof GroupError);
    assert.deepEqual(error.errors, [failure]);
    assert.equal(error.message, '1 of a task group failed: hail');
    assert.deepEqual(seen, ['child ended']);
  });

  both('whose child has failed before join throws there too', function* (spelled) {
    const failure = new BadWeather();
    const error = yield* thrown(
      spelled.call(() =>
        using(function* (group) {
          group.createTask(() => fails(failure)() as never, { eagerStart: true });
          yield group.join();
        }),
      ),
    );
    assert.deepEqual((error as GroupError).errors, [failure]);
    // What was to stop the block is not left over.
    yield sleep(0);
  });

  both('whose child fails meanwhile stops the block, which throws both', function* (spelled) {
    const failure = new BadWeather();
    const seen: string[] = [];
    let inside: unknown;
    let group: OpenTaskGroup | undefined;
    const error = (yield* thrown(
      spelled.call(() =>
        using(function* (opened) {
          group = opened;
          opened.createTask(child(spelled, seen));
          opened.createTask(spelled.source(fails(failure)));
          inside = yield* thrown(new Future<void>());
          throw inside;
        }),
      ),
    )) as Suppressed;
    assert.ok(inside instanceof CancelledError);
    assert.equal(inside.reason, failure);
    assert.equal(group?.caught(inside), true);
    assert.equal(error.name, 'SuppressedError');
    assert.deepEqual((error.error as GroupError).errors, [failure]);
    assert.equal(error.suppressed, inside);
    assert.deepEqual(seen, ['child ended']);
  });

  it('throws a SuppressedError of the language where an error meets those of the children', () =>
    runSimulated(async () => {
      const failure = new BadWeather();
      const failing = async () => {
        await using group = openTaskGroup();
        group.createTask(async () => {
          await sleep(0);
          throw failure;
        });
        await new Future<void>();
      };
      await assert.rejects(failing, (error: Error & { error?: GroupError; suppressed?: unknown }) => {
        assert.equal(error.name, 'SuppressedError');
        assert.deepEqual(error.error?.errors, [failure]);
        assert.ok(error.suppressed instanceof CancelledError);
        return true;
      });
    }));

  both('that is left with an error cancels the children, and adds what they fail with', function* (spelled) {
    const failures = [new BadWeather('block'), new BadWeather('child')] as const;
    const seen: string[] = [];
    const plain = yield* thrown(
      spelled.call(() =>
        using(function* (group) {
          group.createTask(child(spelled, seen));
          yield;
          throw failures[0];
        }),
      ),
    );
    assert.equal(plain, failures[0]);
    assert.deepEqual(seen, ['child ended']);
    const both = (yield* thrown(
      spelled.call(() =>
        using(function* (group) {
          group.createTask(
            spelled.source(function* () {
              yield* thrown(new Future<void>());
              throw failures[1];
            }),
          );
          yield;
          throw failures[0];
        }),
      ),
    )) as Suppressed;
    assert.deepEqual((both.error as GroupError).errors, [failures[1]]);
    assert.equal(both.suppressed, failures[0]);
  });

  both(
    'cancelled by itself stops the block and the children, without an error of its own',
    function* (spelled) {
      const seen: string[] = [];
      const error = yield* thrown(
        spelled.call(() =>
          using(function* (group) {
            group.createTask(child(spelled, seen));
            yield;
            group.cancel('enough');
            yield* forever();
          }),
        ),
      );
      assert.ok(error instanceof CancelledError);
      assert.equal(error.reason, 'enough');
      // In join there is nothing to stop.
      yield* using(function* (group) {
        group.createTask(child(spelled, seen));
        getRunningLoop().callSoon(() => group.cancel());
        yield group.join();
        yield sleep(0);
      });
      assert.deepEqual(seen, ['child ended', 'child ended']);
    },
  );

  for (const where of ['in the block', 'in join', 'at the end'] as const) {
    both(
      `cancelled from outside ${where} cancels the children, waits, and is cancelled`,
      function* (spelled) {
        const seen: string[] = [];
        const task = yield* spelled.started(function* () {
          yield* using(function* (group) {
            group.createTask(child(spelled, seen));
            if (where === 'in the block') yield* forever();
            if (where === 'in join') yield group.join();
            yield;
          });
          yield* forever();
        });
        task.cancel('outside');
        task.cancel('again');
        const error = yield* thrown(task);
        assert.ok(error instanceof CancelledError, String(error));
        assert.equal(error.reason, 'outside');
        assert.deepEqual(seen, ['child ended']);
      },
    );
  }

  both('that fails in join keeps a cancellation from outside for the next wait', function* (spelled) {
    const failure = new BadWeather();
    const seen: unknown[] = [];
    const task = yield* spelled.started(function* () {
      const error = yield* thrown(
        spelled.call(() =>
          using(function* (group) {
            group.createTask(
              spelled.source(function* () {
                yield* thrown(new Future<void>());
                throw failure;
              }),
            );
            yield group.join();
          }),
        ),
      );
      seen.push((error as GroupError).errors?.[0]);
      seen.push(((yield* thrown(new Future<void>())) as CancelledError).reason);
    });
    task.cancel('outside');
    yield task;
    assert.deepEqual(seen, [failure, 'outside']);
  });

  both('waits for a child’s readiness (group.start), and takes a timeout for its join', function* (spelled) {
    const seen: string[] = [];
    const error = yield* thrown(
      spelled.call(() =>
        using(function* (group) {
          const port = yield group.start<number>((ready) =>
            spelled.source(function* () {
              ready(8080);
              yield child(spelled, seen)();
            })(),
          );
          assert.equal(port, 8080);
          using _limit = openTimeout(1);
          yield group.join();
        }),
      ),
    );
    assert.ok(error instanceof TimeoutError);
    yield* settle();
    assert.equal(allTasks().size, 1);
  });
});

describe('openTaskGroup, used wrongly', () => {
  it('is refused outside a task', () => {
    assert.throws(() => openTaskGroup(), {
      code: 'ERR_SCOPE_STATE',
      message: 'Cannot enter the OpenTaskGroup: this is no task',
    });
  });

  inTask('has nothing for a `using` that does not wait', function* () {
    const group = openTaskGroup();
    assert.equal(Symbol.dispose in group, false);
    yield* group.close();
  });

  both('is over with its block: no child, no join, but an end that does nothing', function* (spelled) {
    const groups: OpenTaskGroup[] = [];
    yield* using(function* (group) {
      groups.push(group);
      yield;
    });
    const [group] = groups as [OpenTaskGroup];
    assert.throws(() => group.createTask(spelled.source(forever)), {
      message: 'Cannot create a task in the group: it is finished',
    });
    assert.throws(() => group.join(), {
      code: 'ERR_SCOPE_STATE',
      message: 'Cannot join the OpenTaskGroup: its block has ended',
    });
    group.cancel();
    yield group.close();
    yield sleep(0);
  });

  both('is joined and ended by its own task alone', function* (spelled) {
    const groups: OpenTaskGroup[] = [];
    const seen: string[] = [];
    const gate = new Future<void>();
    const task = yield* spelled.started(function* () {
      const group = openTaskGroup();
      groups.push(group);
      group.createTask(child(spelled, seen));
      yield gate;
      yield group.close();
      return 'undisturbed';
    });
    task.setName('owner');
    const [group] = groups as [OpenTaskGroup];
    assert.throws(() => group.join(), {
      message: 'Cannot join the OpenTaskGroup: it was opened in task owner, and this is not that',
    });
    assert.throws(() => group.close(), {
      code: 'ERR_SCOPE_STATE',
      message: 'Cannot end the OpenTaskGroup: it was opened in task owner, and this is not that',
    });
    yield sleep(2);
    assert.equal(group.tasks.size, 0);
    gate.setResult();
    assert.equal(yield task, 'undisturbed');
    assert.deepEqual(seen, ['child ended'], 'they are cancelled all the same');
  });

  both(
    'ended before a scope that was opened after it says so, and cancels the children',
    function* (spelled) {
      const seen: string[] = [];
      yield spelled.call(function* () {
        const group = openTaskGroup();
        const scope = openTimeout(60_000);
        group.createTask(child(spelled, seen));
        yield;
        assert.throws(() => group.close(), {
          message: 'Cannot end the OpenTaskGroup: a scope that was opened after it has not ended',
        });
        scope[Symbol.dispose]();
        yield sleep(2);
      });
      assert.deepEqual(seen, ['child ended']);
      assert.equal((currentTask() as Task<unknown>).scopes, 0);
    },
  );

  both('forgotten by its block still hears of what its children fail with', function* (spelled) {
    const groups: OpenTaskGroup[] = [];
    const failure = new BadWeather();
    yield spelled.timeout(60_000, function* () {
      groups.push(openTaskGroup());
      groups[0]?.createTask(
        spelled.source(function* () {
          yield sleep(1);
          throw failure;
        }),
      );
      yield;
    });
    yield sleep(3);
    yield* settle();
  });
});
