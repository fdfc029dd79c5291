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
  wait,
} from '../../src/coroutines/index.ts';
import {
  type ExceptionContext,
  GroupError,
  StateError,
  type Suspension,
  type TaskSource,
} from '../../src/interface/index.ts';
import { ContextVar, copyContext, getRunningLoop } from '../../src/loop/index.ts';
import { newEventLoop, Runner, run } from '../../src/runtime/index.ts';
import { collectGarbage } from '../support/collect-garbage.ts';
import { nativePromise } from '../support/simulated.ts';
import { both, collectReports, fails, inLoop, inTask, returns, settle, thrown } from './spellings.ts';

class BadWeather extends Error {}

describe('Task', () => {
  describe('making one', () => {
    both('runs nothing at once; its first step is queued (B-TASK-001)', function* (spelled) {
      const seen: string[] = [];
      getRunningLoop().callSoon(() => seen.push('queued before'));
      const task = spelled.task(function* () {
        seen.push('first step');
        yield;
      });
      getRunningLoop().callSoon(() => seen.push('queued after'));
      seen.push('created');
      yield task;
      assert.deepEqual(seen, ['created', 'queued before', 'first step', 'queued after']);
    });

    inTask('takes a coroutine, a generator, and functions of all kinds', function* () {
      const five = coroutine(function* five() {
        yield;
        return 5;
      });
      function* generate() {
        yield;
        return 5;
      }
      const future = new Future<number>();
      future.setResult(5);
      const sources: TaskSource<number>[] = [
        five(),
        five,
        () => five(),
        generate(),
        generate,
        () => generate(),
        async () => 5,
        () => Promise.resolve(5),
        () => future,
        () => createTask(five()),
      ];
      for (const source of sources) assert.equal(yield* createTask(source), 5);
    });

    both('refuses everything else and leaves nothing behind (B-TASK-003)', function* () {
      const self = currentTask();
      const once = sleep(0);
      yield once;
      for (const wrong of [5, 'text', null, undefined, {}, Promise.resolve(), new Future()]) {
        assert.throws(() => createTask(wrong as never), TypeError, String(wrong));
      }
      assert.throws(() => createTask(once), { code: 'ERR_COROUTINE_REUSED' });
      assert.throws(() => createTask(sleep(0), { context: {} as never }), TypeError);
      assert.deepEqual([...allTasks()], [self]);
    });

    both('fails as a task where a function gives nothing to wait for (B-TASK-003)', function* () {
      const task = createTask((() => 5) as never);
      assert.match(
        String(yield* thrown(task)),
        /^TypeError: Cannot run task Task-\d+: the function returned /,
      );
      const error = new BadWeather();
      const throwing = createTask(() => {
        throw error;
      });
      assert.equal(yield* thrown(throwing), error);
      const misbehaving = {
        then() {
          throw error;
        },
      } as never;
      assert.equal(yield* thrown(createTask(() => misbehaving)), error);
    });

    it('is refused on a closed loop, and the coroutine closed', () => {
      const loop = newEventLoop();
      loop.close();
      const unused = sleep(0);
      assert.throws(() => loop.createTask(unused), { code: 'ERR_LOOP_CLOSED' });
      assert.match(String(unused), /taken/);
      assert.equal(allTasks(loop).size, 0);
      assert.throws(() => createTask(sleep(0)), { code: 'ERR_NO_RUNNING_LOOP' });
    });
  });

  describe('the end', () => {
    both('is what the coroutine returns or throws (B-TASK-002)', function* (spelled) {
      const returning = spelled.task(function* () {
        yield;
        return 'result';
      });
      assert.equal(yield returning, 'result');
      assert.equal(returning.result(), 'result');
      assert.equal(returning.exception(), null);
      assert.equal(yield spelled.task(returns('at once')), 'at once');
      const error = new BadWeather();
      const failing = spelled.task(function* () {
        yield;
        throw error;
      });
      assert.equal(yield* thrown(failing), error);
      assert.equal(failing.exception(), error);
      assert.equal(yield* thrown(spelled.task(fails(error))), error);
    });

    both('may be any thrown value', function* (spelled) {
      for (const value of [undefined, null, 0, 'text']) {
        const task = spelled.task(fails(value));
        assert.equal(yield* thrown(task), value);
        assert.equal(task.done(), true);
      }
    });

    both('cannot be set from outside (B-TASK-004)', function* (spelled) {
      const task = spelled.task(returns(1));
      assert.throws(() => (task.setResult as (result: number) => void)(2), StateError);
      assert.throws(() => (task.setException as (error: unknown) => void)(new BadWeather()), {
        code: 'ERR_TASK_OUTCOME',
        message: /^Cannot set the exception of a task: /,
      });
      assert.equal(yield task, 1);
    });

    both('keeps the stack that points at the failing line (B-TASK-017)', function* (spelled) {
      function failingLine(): never {
        throw new BadWeather();
      }
      const task = spelled.task(function* hereItFailed() {
        yield;
        failingLine();
      });
      const error = (yield* thrown(task)) as Error;
      assert.match(error.stack ?? '', /at failingLine .*\n +at hereItFailed/);
    });

    both('as a failure nobody waits for is reported at the end of the turn', function* (spelled) {
      const error = new BadWeather();
      const task = spelled.task(fails(error), { name: 'forecast' });
      yield* settle();
      assert.deepEqual(spelled.takeReports(), [
        {
          message: 'Exception in task forecast was never retrieved',
          exception: error,
          future: task,
          task,
        },
      ]);
    });

    both('as a failure is not reported to anybody else where somebody waits', function* (spelled) {
      const error = new BadWeather();
      // `both` fails if anything is reported.
      assert.equal(yield* thrown(spelled.task(fails(error))), error);
      assert.ok((yield* thrown(spelled.group(fails(error)))) instanceof GroupError);
      yield* thrown(gather([spelled.task(fails(error)), spelled.task(fails(error))]));
      const failing = spelled.task(fails(error));
      yield wait([failing]);
      yield* settle();
      assert.equal(failing.exception(), error);
      const looking = spelled.task(fails(error));
      looking.addDoneCallback((done) => void done.exception());
      void spelled.task(fails(error)).catch(() => {});
      yield* settle();
    });

    it('as a failure is reported when the loop is closed before the turn has ended', () => {
      const loop = newEventLoop();
      const reports: ExceptionContext[] = [];
      collectReports(loop, reports);
      const errors = [new BadWeather(), new BadWeather()];
      const tasks = errors.map((error) =>
        // biome-ignore lint/correctness/useYield: it does not wait
        loop.createTask(function* () {
          throw error;
        }),
      );
      const watched = tasks[1] as Task<unknown>;
      loop.runOnce(0);
      assert.equal(watched.exception(), errors[1]);
      assert.deepEqual(reports, []);
      loop.close();
      assert.deepEqual(
        reports.map(({ exception, task }) => [exception, task]),
        [[errors[0], tasks[0]]],
      );
    });

    it('as a failure that a wait has handed over is reported when nobody looks', async () => {
      const reports: ExceptionContext[] = [];
      const loop = newEventLoop();
      collectReports(loop, reports);
      const error = new BadWeather();
      await run(
        async () => {
          const failed = createTask(async () => await Promise.reject(error), { name: 'forecast' });
          await wait([failed]);
          await wait([failed]);
        },
        { loopFactory: () => loop },
      );
      assert.deepEqual(reports, []);
      await collectGarbage();
      assert.deepEqual(reports, [
        { message: 'Exception in task forecast was never retrieved', exception: error },
      ]);
    });

    it('comes too late for its loop without harm', async () => {
      let finish: () => void = () => {};
      const loop = newEventLoop();
      const reports: ExceptionContext[] = [];
      collectReports(loop, reports);
      const error = new BadWeather();
      const promises: Promise<void>[] = [];
      loop.createTask(async () => {
        const promise = new Promise<void>((resolve) => {
          finish = resolve;
        });
        promises.push(promise);
        await promise;
        throw error;
      });
      loop.runOnce(0);
      loop.close();
      finish();
      await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(
        reports.map((report) => report.exception),
        [error],
      );
    });
  });

  describe('waiting', () => {
    inTask('for a future of another loop throws at that wait (B-TASK-006)', function* () {
      const other = newEventLoop();
      const foreign = new Future({ loop: other });
      try {
        yield* foreign;
        assert.fail('it waited');
      } catch (error) {
        assert.ok(error instanceof StateError);
        assert.match(
          error.message,
          /^Cannot wait in task Task-\d+: <Future pending> belongs to another loop$/,
        );
      }
      assert.deepEqual(foreign.waiterNames(), []);
      yield* sleep(0);
      other.close();
    });

    inTask('for itself throws at that wait (B-TASK-007)', function* () {
      const self = currentTask() as Task<unknown>;
      try {
        yield* self;
        assert.fail('it waited');
      } catch (error) {
        assert.match(String(error), /^StateError: Cannot wait in task Task-\d+: it waits for itself$/);
      }
      assert.equal(self.done(), false);
    });

    inTask('by `yield` instead of `yield*` throws at that wait (B-T13-008)', function* () {
      const future = new Future<number>();
      function* mistaken(): Generator<Suspension, void, unknown> {
        yield future;
      }
      for (let i = 0; i < 2; i++) {
        const task = createTask(mistaken());
        try {
          yield* task;
          assert.fail('it waited');
        } catch (error) {
          assert.ok(error instanceof StateError);
          assert.match(error.message, /it said `yield` for a future, which gives no result; say `yield\*`$/);
        }
        // The right spelling in between is not to excuse the wrong one after it.
        const right = createTask(function* () {
          yield* future;
        });
        yield;
        right.cancel();
        yield* wait([right]);
      }
      future.cancel();
    });

    inTask('for something else throws at that wait, and the generator may go on', function* () {
      const wrong = createTask(function* () {
        const seen: string[] = [];
        for (const nonsense of [5, null, {}, Promise.resolve(), function* () {}]) {
          try {
            yield nonsense as never;
          } catch (error) {
            seen.push((error as StateError).code);
          }
        }
        return seen;
      });
      assert.deepEqual(yield* wrong, new Array(5).fill('ERR_BAD_YIELD'));
    });

    inTask('by a bare `yield` takes one turn (B-T13-008)', function* () {
      const seen: string[] = [];
      const loop = getRunningLoop();
      const count = (n: number) => {
        seen.push(`turn ${n}`);
        if (n < 3) loop.callSoon(count, n + 1);
      };
      loop.callSoon(count, 1);
      for (let i = 1; i <= 3; i++) {
        yield;
        seen.push(`step ${i}`);
      }
      assert.deepEqual(seen, ['turn 1', 'step 1', 'turn 2', 'step 2', 'turn 3', 'step 3']);
    });

    both('for a native promise works in both spellings', function* () {
      assert.equal(yield nativePromise('native'), 'native');
    });
  });

  describe('the name', () => {
    inLoop('is generated, counting up, unless given (B-TASK-008)', () => {
      const [first, second] = [createTask(async () => {}), createTask(sleep(0))];
      const numbers = [first, second].map((task) => Number(/^Task-(\d+)$/.exec(task.getName())?.[1]));
      assert.equal(numbers[1], (numbers[0] as number) + 1);
    });

    inLoop('is text, whatever was given (B-TASK-008)', () => {
      const task = createTask(async () => {}, { name: 123 });
      assert.equal(task.getName(), '123');
      task.setName({ toString: () => 'an object' });
      assert.equal(task.getName(), 'an object');
      assert.equal(createTask(async () => {}, { name: '' }).getName(), '');
      assert.match(createTask(async () => {}, { name: undefined }).getName(), /^Task-/);
    });
  });

  describe('text', () => {
    both('shows state, name, coroutine and what it waits for (B-TASK-009)', function* (spelled) {
      const future = new Future<void>();
      const source = Object.defineProperty(
        spelled.source(function* () {
          try {
            yield future;
          } finally {
            yield* settle();
          }
        }),
        'name',
        { value: 'program' },
      );
      const start = () => createTask(source, { name: 'T' });
      const waitFor = spelled.spelling.name === 'await' ? '' : ' waitFor=<Future pending>';
      const task = start();
      assert.equal(String(task), '<Task pending name="T" coroutine=program>');
      yield;
      yield;
      assert.equal(String(task), `<Task pending name="T" coroutine=program${waitFor}>`);
      task.cancel();
      assert.match(String(task), /^<Task cancelling name="T" coroutine=program/);
      yield;
      yield;
      assert.match(String(task), /^<Task cancelling name="T" coroutine=program/, 'while it cleans up');
      yield* thrown(task);
      assert.equal(String(task), '<Task cancelled name="T" coroutine=program>');
      const finished = createTask(spelled.source(returns(5)), { name: 'F' });
      yield finished;
      assert.match(String(finished), /^<Task finished name="F" (coroutine=\w+ )?result=5>$/);
      const failed = createTask(spelled.source(fails(new BadWeather('hail'))), { name: 'F' });
      yield* thrown(failed);
      assert.match(String(failed), /exception=Error: hail>$/);
    });

    inLoop('shows the name of a coroutine and of a function', () => {
      const named = coroutine(function* fetchPage() {
        yield;
      });
      assert.match(String(createTask(named())), / coroutine=fetchPage>$/);
      assert.match(String(createTask(async function fetchAll() {})), / coroutine=fetchAll>$/);
      assert.match(String(createTask(named()[Symbol.iterator]())), /^<Task pending name="Task-\d+">$/);
    });
  });

  describe('what it was made of', () => {
    inTask('is shown as long as it runs, and the context always (B-TASK-016)', function* () {
      const source = sleep(0);
      const context = copyContext();
      const task = createTask(source, { context });
      assert.equal(task.getCoroutine(), source);
      assert.equal(task.getContext(), context);
      yield* task;
      assert.equal(task.getCoroutine(), null);
      assert.equal(task.getContext(), context);
    });

    both('is told by the stack of its making in debug mode (B-TASK-016, differs)', function* (spelled) {
      getRunningLoop().setDebug(true);
      function makeHere() {
        spelled.task(fails(new BadWeather()));
      }
      makeHere();
      getRunningLoop().setDebug(false);
      spelled.task(fails(new BadWeather()));
      yield* settle();
      const [first, second] = spelled.takeReports();
      assert.match(first?.sourceTrace ?? '', /at makeHere /);
      assert.equal(second?.sourceTrace, undefined);
    });

    it('is kept by the loop until it has ended: none is destroyed pending (B-TASK-014, differs)', async () => {
      const reports: ExceptionContext[] = [];
      await run(async () => {
        collectReports(getRunningLoop(), reports);
        let finish: () => void = () => {};
        (() => {
          const future = new Future<void>();
          const task = createTask(function* forgotten() {
            yield* future;
          });
          // Only a weak link leads from here to the future and its task.
          const link = new WeakRef(future);
          finish = () => link.deref()?.setResult();
          task.setName('forgotten');
        })();
        await sleep(0);
        await collectGarbage();
        assert.deepEqual(
          [...allTasks()].map((task) => task.getName()).filter((name) => name === 'forgotten'),
          ['forgotten'],
        );
        finish();
        await sleep(0);
        await sleep(0);
        assert.equal(allTasks().size, 1);
      });
      assert.deepEqual(reports, []);
    });

    it('is let go of at the end', async () => {
      const links: WeakRef<object>[] = [];
      await run(async () => {
        const tasks: Task<void>[] = [];
        await (async () => {
          const generatorHeld = {};
          const asyncHeld = {};
          tasks.push(
            createTask(function* () {
              yield;
              generatorHeld.toString();
            }),
            createTask(async () => {
              await sleep(0);
              asyncHeld.toString();
            }),
          );
          links.push(new WeakRef(generatorHeld), new WeakRef(asyncHeld));
          await gather(tasks);
        })();
        await collectGarbage();
        assert.equal(tasks.length, 2);
      });
      assert.deepEqual(
        links.map((link) => link.deref()),
        [undefined, undefined],
      );
    });
  });

  describe('currentTask', () => {
    both('is the task whose code this is, in every step (B-TASK-011)', function* (spelled) {
      const self = currentTask();
      const seen: unknown[] = [];
      const tasks = ['a', 'b', 'c'].map((name) =>
        spelled.task(
          function* () {
            for (let i = 0; i < 3; i++) {
              seen.push(currentTask()?.getName() === name);
              yield;
            }
            yield spelled.call(function* () {
              seen.push(currentTask()?.getName() === name);
              yield;
            });
            seen.push(currentTask()?.getName() === name);
          },
          { name },
        ),
      );
      assert.equal(currentTask(), self);
      yield gather(tasks);
      assert.equal(currentTask(), self);
      assert.deepEqual(seen, new Array(15).fill(true));
    });

    inTask('is none in a callback, and none where no loop runs (B-TASK-011, differs)', function* () {
      const seen: unknown[] = [];
      getRunningLoop().callSoon(() => seen.push(currentTask()));
      yield;
      assert.deepEqual(seen, [null]);
    });

    it('is none outside a loop (B-TASK-011, differs)', () => {
      assert.equal(currentTask(), null);
    });
  });

  describe('allTasks', () => {
    both('lists the tasks of its loop that are not done (B-TASK-013)', function* (spelled) {
      const self = currentTask();
      const other = newEventLoop();
      const elsewhere = other.createTask(sleep(0));
      const [first, second] = [spelled.task(returns(1)), spelled.task(returns(2))];
      assert.deepEqual([...allTasks()], [self, first, second]);
      assert.deepEqual([...allTasks(other)], [elsewhere]);
      yield first;
      yield second;
      assert.deepEqual([...allTasks(getRunningLoop())], [self]);
      other.close();
    });

    it('needs a loop (B-TASK-013)', () => {
      assert.throws(() => allTasks(), { code: 'ERR_NO_RUNNING_LOOP' });
    });
  });

  describe('the context', () => {
    const variable = new ContextVar('variable', { default: 'none' });

    both('is a copy, taken at the making (B-TASK-042)', function* (spelled) {
      variable.set('at the making');
      const seen: string[] = [];
      const task = spelled.task(function* () {
        seen.push(variable.get());
        yield;
        seen.push(variable.get());
        variable.set('set by the task');
        yield;
        seen.push(variable.get());
      });
      variable.set('later');
      yield task;
      assert.deepEqual(seen, ['at the making', 'at the making', 'set by the task']);
      assert.equal(variable.get(), 'later');
    });

    both('given is shared with all it is given to (B-TASK-043)', function* (spelled) {
      const context = copyContext();
      const writer = spelled.task(
        function* () {
          yield;
          variable.set('written');
        },
        { context },
      );
      yield writer;
      const reader = spelled.task(
        function* () {
          yield;
          return variable.get();
        },
        { context },
      );
      assert.equal(yield reader, 'written');
      assert.equal(variable.get(), 'none');
      assert.equal(
        context.run(() => variable.get()),
        'written',
      );
    });

    both('is the same in what it calls (B-TASK-042)', function* (spelled) {
      yield spelled.call(function* () {
        yield;
        variable.set('by a function that was called');
        yield;
      });
      assert.equal(variable.get(), 'by a function that was called');
      const set = coroutine(function* () {
        yield;
        variable.set('by a coroutine that was called');
      });
      yield set();
      assert.equal(variable.get(), 'by a coroutine that was called');
    });
  });

  it('stays pending where its loop is stopped, and is completed by a later run (B-TASK-041)', async () => {
    const runner = new Runner();
    const loop = runner.getLoop();
    const future = new Future<number>({ loop });
    const task = loop.createTask(function* () {
      return yield* future;
    });
    loop.callSoon(() => loop.stop());
    await assert.rejects(runner.run(task), {
      code: 'ERR_LOOP_STOPPED',
      message: 'Cannot finish main: the loop was stopped before',
    });
    assert.equal(task.done(), false);
    loop.callSoon(() => future.setResult(5));
    assert.equal(await runner.run(task), 5);
    await runner.close();
  });

  it('is one of ours', async () => {
    await run(async () => assert.ok(createTask(sleep(0)) instanceof Task));
  });
});
