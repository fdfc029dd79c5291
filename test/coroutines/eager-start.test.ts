import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  allTasks,
  coroutine,
  createTask,
  currentTask,
  Future,
  gather,
  sleep,
  Task,
  taskGroup,
  wait,
} from '../../src/coroutines/index.ts';
import { CancelledError } from '../../src/interface/index.ts';
import { ContextVar, getRunningLoop } from '../../src/loop/index.ts';
import { newEventLoop } from '../../src/runtime/index.ts';
import { both, fails, inTask, returns, settle, thrown } from './spellings.ts';

class BadWeather extends Error {}

const eagerStart = true;

describe('eagerStart', () => {
  both('runs up to the first wait inside the call (B-EAGER-001)', function* (spelled) {
    const seen: string[] = [];
    const task = spelled.task(
      function* () {
        seen.push('began');
        yield sleep(0);
        seen.push('went on');
      },
      { eagerStart },
    );
    seen.push('created');
    yield task;
    assert.deepEqual(seen, ['began', 'created', 'went on']);
  });

  both('is off unless asked for, and where it is refused', function* (spelled) {
    let ran = false;
    const script = function* () {
      ran = true;
      yield;
    };
    const tasks = [spelled.task(script), spelled.task(script, { eagerStart: false })];
    assert.equal(ran, false);
    for (const task of tasks) yield task;
  });

  inTask(
    'gives a task that is done where nothing is waited for, and no turn is spent (B-EAGER-002)',
    function* () {
      // biome-ignore lint/correctness/useYield: it does not wait
      function* atOnce() {
        return 5;
      }
      const task = createTask(atOnce(), { eagerStart });
      assert.equal(task.done(), true);
      assert.equal(task.result(), 5);
      assert.equal(allTasks().has(task as Task<unknown>), false);
      assert.equal(getRunningLoop().timeUntilNextTimer(), null, 'nothing was queued');
      assert.equal(task.cancel(), false);
      assert.equal(task.cancelled(), false);
      assert.equal(task.cancelling(), 0);
      assert.equal(yield* task, 5);
    },
  );

  both(
    'ends an async function that waits for nothing before the next callback (B-EAGER-002, differs)',
    function* (spelled) {
      const task = spelled.task(returns(5), { eagerStart });
      let done = false;
      getRunningLoop().callSoon(() => {
        done = task.done();
      });
      assert.equal(yield task, 5);
      yield* settle();
      assert.equal(done, true);
    },
  );

  both('makes the new task the current one meanwhile (B-EAGER-003)', function* (spelled) {
    const self = currentTask();
    const seen: unknown[] = [];
    const task = spelled.task(
      function* () {
        seen.push(currentTask());
        yield;
        seen.push(currentTask());
      },
      { eagerStart },
    );
    assert.equal(currentTask(), self);
    yield task;
    assert.deepEqual(seen, [task, task]);
    const failing = spelled.task(fails(new BadWeather()), { eagerStart });
    assert.equal(currentTask(), self);
    yield* thrown(failing);
  });

  both('lists it among all tasks from the start (B-EAGER-004)', function* (spelled) {
    const seen: boolean[] = [];
    const task = spelled.task(
      function* () {
        const self = currentTask() as Task<unknown>;
        seen.push(allTasks().has(self));
        yield;
      },
      { eagerStart },
    );
    assert.equal(allTasks().has(task as Task<unknown>), true, 'it waits');
    yield task;
    assert.equal(allTasks().has(task as Task<unknown>), false);
    assert.deepEqual(seen, [true]);
  });

  both('gives a task that can be cancelled like any other (B-EAGER-006)', function* (spelled) {
    const future = new Future<void>();
    const task = spelled.task(
      function* () {
        yield future;
      },
      { eagerStart },
    );
    task.cancel('enough');
    const error = yield* thrown(task);
    assert.ok(error instanceof CancelledError);
    assert.equal(error.reason, 'enough');
    assert.equal(future.cancelled(), true);
  });

  both('lets its creator find at once what it has set (B-EAGER-007)', function* (spelled) {
    const future = new Future<string>();
    let turns = 0;
    getRunningLoop().callSoon(() => turns++);
    const task = spelled.task(
      function* () {
        future.setResult('set in the call');
        yield;
      },
      { eagerStart },
    );
    assert.equal(yield future, 'set in the call');
    assert.equal(turns, 0);
    yield task;
  });

  both('runs in its own context', function* (spelled) {
    const variable = new ContextVar('variable', { default: 'none' });
    const task = spelled.task(
      function* () {
        variable.set('inside');
        yield;
      },
      { eagerStart },
    );
    assert.equal(variable.get(), 'none');
    yield task;
  });

  both('reports a failure that nobody waits for', function* (spelled) {
    const error = new BadWeather();
    spelled.task(fails(error), { eagerStart });
    yield* settle();
    assert.deepEqual(
      spelled.takeReports().map(({ exception }) => exception),
      [error],
    );
  });

  both('is not part of the waits of the function that makes it', function* (spelled) {
    // A generator that says `then` while it is started by an async function: the wait is nobody's.
    const future = new Future<void>();
    const resolved: unknown[] = [];
    const maker = yield* spelled.started(function* () {
      createTask(
        (function* () {
          void new Promise((resolve, reject) => {
            future.then(resolve, reject);
          }).then((value) => resolved.push(value));
          yield;
        })(),
        { eagerStart },
      );
      yield new Future<void>();
    });
    maker.cancel();
    yield* thrown(maker);
    assert.equal(future.cancelled(), false);
    future.setResult();
    yield* settle();
    assert.deepEqual(resolved, [undefined]);
  });

  inTask('of what is awaited makes it part of the waits of the function that awaits it', function* () {
    // As if that had called it: what an `async` function called before the first wait awaits, both wait for.
    const future = new Future<void>();
    const seen: unknown[] = [];
    const helper = async () => {
      await null;
      seen.push(currentTask());
      await future;
    };
    const work = coroutine(function* () {
      seen.push(currentTask());
      const helping = helper();
      helping.catch((error) => seen.push((error as CancelledError).reason));
      yield* new Future<void>();
    });
    const task = createTask(async () => {
      await work();
    });
    yield;
    yield;
    const [inner, helped] = seen;
    assert.notEqual(inner, task);
    assert.equal(helped, task);
    task.cancel('enough');
    assert.equal(future.cancelled(), true);
    yield* wait([task]);
    assert.equal(task.cancelled(), true);
    assert.equal(seen[2], 'enough');
  });

  it('waits for its loop where that does not run', () => {
    const loop = newEventLoop();
    let ran = false;
    loop.createTask(
      function* () {
        ran = true;
        yield;
      },
      { eagerStart },
    );
    assert.equal(ran, false);
    loop.runOnce(0);
    assert.equal(ran, true);
    loop.close();
  });

  inTask('spends no turn on gathers and groups of what waits for nothing (B-EAGER-009)', function* () {
    const loop = getRunningLoop();
    loop.setTaskFactory((_loop, source, options) => new Task(source, { ...options, loop, eagerStart }));
    // biome-ignore lint/correctness/useYield: it does not wait
    const atOnce = coroutine(function* <T>(value: T) {
      return value;
    });
    const gathered = gather([gather([atOnce(1), atOnce(2)]), atOnce(3)]);
    assert.deepEqual(gathered.result(), [[1, 2], 3]);
    const tasks = yield* taskGroup((group) => {
      const first = group.createTask(atOnce(4));
      assert.equal(group.tasks.size, 0);
      return atOnce([first, group.createTask(atOnce(5))]);
    });
    assert.deepEqual(
      tasks?.map((task) => task.result()),
      [4, 5],
    );
    assert.equal(loop.timeUntilNextTimer(), null, 'nothing was queued');
    loop.setTaskFactory(null);
  });

  both('leaves the choice to the task factory, which gets the option (B-EAGER-008)', function* (spelled) {
    const loop = getRunningLoop();
    const asked: unknown[] = [];
    loop.setTaskFactory((_loop, source, options) => {
      asked.push(options.eagerStart);
      loop.setTaskFactory(null);
      return loop.createTask(source, { eagerStart: true, ...options });
    });
    const eager = spelled.task(function* () {
      yield;
    });
    assert.deepEqual(asked, [undefined]);
    yield eager;
  });
});
