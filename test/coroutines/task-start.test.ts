import assert from 'node:assert/strict';
import { describe } from 'node:test';
import {
  allTasks,
  currentTask,
  Future,
  sleep,
  type TaskGroup,
  taskGroup,
} from '../../src/coroutines/index.ts';
import { CancelledError, GroupError, type StateError, TimeoutError } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { both, inTask, type Script, type Spelled, settle, thrown } from './spellings.ts';

class BadWeather extends Error {}

type Ready<R> = (value: R) => void;

/** `group.start`, of a script. */
function start<R = void>(
  spelled: Spelled,
  group: TaskGroup,
  script: (ready: Ready<R>) => Script<unknown>,
  options?: Parameters<TaskGroup['start']>[1],
): ReturnType<typeof group.start<R>> {
  return group.start<R>((ready) => spelled.source(() => script(ready))(), options);
}

describe('group.start', () => {
  both('gives what the child says it is ready with, and leaves it running in the group', function* (spelled) {
    const seen: string[] = [];
    const end = new Future<void>();
    yield spelled.group(function* (group) {
      const port = yield start<number>(
        spelled,
        group,
        function* (ready) {
          yield;
          ready(8080);
          yield end;
          seen.push('child ended');
        },
        { name: 'server' },
      );
      assert.equal(port, 8080);
      assert.deepEqual(
        [...group.tasks].map((task) => task.getName()),
        ['server'],
      );
      getRunningLoop().callSoon(() => end.setResult());
      seen.push('body ended');
    });
    assert.deepEqual(seen, ['body ended', 'child ended']);
  });

  both('takes a child that is ready at once, without a value, or is started eagerly', function* (spelled) {
    yield spelled.group(function* (group) {
      for (const eagerStart of [false, true]) {
        const nothing = yield start<void>(
          spelled,
          group,
          // biome-ignore lint/correctness/useYield: it does not wait
          function* (ready) {
            ready();
          },
          { eagerStart },
        );
        assert.equal(nothing, undefined);
      }
      yield* settle();
      assert.equal(group.tasks.size, 0);
    });
  });

  both('may be told by others than the child', function* (spelled) {
    yield spelled.group(function* (group) {
      const value = yield start<string>(spelled, group, function* (ready) {
        getRunningLoop().callSoon(ready, 'by a callback');
        yield sleep(1);
      });
      assert.equal(value, 'by a callback');
    });
  });

  both(
    'throws what the child fails with before it is ready; the group is not concerned',
    function* (spelled) {
      const failure = new BadWeather();
      for (const eagerStart of [false, true]) {
        const seen: string[] = [];
        const gate = new Future<void>();
        const result = yield spelled.group(function* (group) {
          group.createTask(
            spelled.source(function* () {
              yield gate;
              seen.push('sibling ended');
            }),
          );
          const error = yield* thrown(
            start<void>(
              spelled,
              group,
              function* () {
                if (!eagerStart) yield;
                throw failure;
              },
              { eagerStart },
            ),
          );
          assert.equal(error, failure);
          assert.equal(group.tasks.size, 1);
          gate.setResult();
          return 'undisturbed';
        });
        assert.equal(result, 'undisturbed');
        assert.deepEqual(seen, ['sibling ended']);
      }
    },
  );

  both('throws if the child ends without having said that it was ready', function* (spelled) {
    yield spelled.group(function* (group) {
      const error = yield* thrown(
        start(spelled, group, function* () {
          yield;
        }),
      );
      assert.equal((error as StateError).code, 'ERR_TASK_START');
      assert.equal(
        (error as StateError).message,
        'Cannot start the task: it ended without having said that it was ready',
      );
    });
  });

  both('is cancelled with the child that somebody else cancels', function* (spelled) {
    yield spelled.group(function* (group) {
      getRunningLoop().callLater(1, () => {
        for (const task of group.tasks) task.cancel('not this one');
      });
      const error = yield* thrown(
        start(spelled, group, function* () {
          yield new Future<void>();
        }),
      );
      assert.ok(error instanceof CancelledError);
      assert.equal(error.reason, 'not this one');
    });
  });

  both('fails the group if the child fails after it was ready', function* (spelled) {
    const failure = new BadWeather();
    const error = yield* thrown(
      spelled.group(function* (group) {
        yield start<void>(
          spelled,
          group,
          // biome-ignore lint/correctness/useYield: it does not wait
          function* (ready) {
            ready();
            throw failure;
          },
        );
        yield new Future<void>();
      }),
    );
    assert.ok(error instanceof GroupError);
    assert.deepEqual(error.errors, [failure]);
  });

  both('cancelled cancels the child, and ends when that has ended', function* (spelled) {
    const seen: string[] = [];
    const result = yield spelled.group(function* (group) {
      const error = yield* thrown(
        spelled.timeout(1, function* () {
          yield start(spelled, group, function* () {
            try {
              yield new Future<void>();
            } finally {
              yield sleep(1);
              seen.push('cleaned up');
            }
          });
        }),
      );
      assert.ok(error instanceof TimeoutError);
      assert.deepEqual(seen, ['cleaned up']);
      assert.equal(group.tasks.size, 0);
      return 'undisturbed';
    });
    assert.equal(result, 'undisturbed');
  });

  both('cancelled throws what the child then fails with', function* (spelled) {
    const failure = new BadWeather();
    yield spelled.group(function* (group) {
      const error = yield* thrown(
        spelled.timeout(0, function* () {
          yield start(spelled, group, function* () {
            yield* thrown(new Future<void>());
            throw failure;
          });
        }),
      );
      assert.equal(error, failure);
    });
  });

  both('cancelled is so too if the child then returns', function* (spelled) {
    yield spelled.group(function* (group) {
      const error = yield* thrown(
        spelled.timeout(0, function* () {
          yield start(spelled, group, function* () {
            yield* thrown(new Future<void>());
          });
        }),
      );
      assert.ok(error instanceof TimeoutError);
    });
  });

  both('keeps a cancellation for the next wait where the child gets ready first', function* (spelled) {
    const seen: unknown[] = [];
    for (const resists of [false, true]) {
      const gate = new Future<void>();
      const task = yield* spelled.started(function* () {
        yield spelled.group(function* (group) {
          const value = yield start<string>(spelled, group, function* (ready) {
            if (resists) yield* thrown(gate);
            else yield gate;
            ready('ready');
            yield* thrown(new Future<void>());
          });
          seen.push(value);
          yield new Future<void>();
        });
      });
      if (!resists) gate.setResult();
      if (!resists) yield;
      task.cancel('enough');
      const error = yield* thrown(task);
      assert.ok(error instanceof CancelledError);
      assert.equal(error.reason, 'enough');
    }
    assert.deepEqual(seen, ['ready', 'ready']);
  });

  both('ends with the group that is cancelled, or fails, meanwhile', function* (spelled) {
    const seen: string[] = [];
    const starter = (group: TaskGroup) =>
      start(spelled, group, function* () {
        try {
          yield new Future<void>();
        } finally {
          seen.push('child cancelled');
        }
      });
    yield spelled.group(function* (group) {
      getRunningLoop().callLater(1, () => group.cancel());
      yield starter(group);
    });
    const failure = new BadWeather();
    const error = yield* thrown(
      spelled.group(function* (group) {
        group.createTask(
          spelled.source(function* () {
            yield sleep(1);
            throw failure;
          }),
        );
        yield starter(group);
      }),
    );
    assert.deepEqual((error as GroupError).errors, [failure]);
    assert.deepEqual(seen, ['child cancelled', 'child cancelled']);
  });

  both('may be called by a child, also after the body has ended', function* (spelled) {
    const seen: unknown[] = [];
    yield spelled.group(function* (group) {
      group.createTask(
        spelled.source(function* () {
          yield sleep(1);
          seen.push(
            yield start<string>(spelled, group, function* (ready) {
              ready('grandchild');
              yield sleep(1);
            }),
          );
        }),
      );
      yield;
    });
    assert.deepEqual(seen, ['grandchild']);
  });

  both('lets readiness be said once, and by what has not ended', function* (spelled) {
    yield spelled.group(function* (group) {
      const kept: Ready<void>[] = [];
      yield start<void>(spelled, group, function* (ready) {
        ready();
        assert.throws(() => ready(), {
          code: 'ERR_TASK_START',
          message: 'Cannot say that the task is ready: it has been said before',
        });
        yield;
      });
      yield* thrown(
        start<void>(spelled, group, function* (ready) {
          kept.push(ready);
          yield;
        }),
      );
      assert.throws(() => kept[0]?.(), {
        code: 'ERR_TASK_START',
        message: 'Cannot say that the task is ready: the task has ended',
      });
    });
  });

  both('is refused by a group that is over, and for what is no function', function* (spelled) {
    const groups: TaskGroup[] = [];
    yield spelled.group(function* (group) {
      groups.push(group);
      assert.throws(() => group.start(5 as never), TypeError);
      yield;
    });
    assert.throws(() => groups[0]?.start(() => sleep(0)), { code: 'ERR_SCOPE_STATE' });
    assert.equal(allTasks().size, 1);
  });

  inTask('shows the child by the name of its function', function* () {
    yield* taskGroup(function* (group) {
      yield* group.start(function* serve(ready) {
        assert.match(String(currentTask()), /coroutine=serve/);
        ready();
        yield;
      });
    });
  });
});
