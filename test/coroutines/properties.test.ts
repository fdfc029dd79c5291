import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  allTasks,
  type Coroutine,
  createTask,
  currentTask,
  Future,
  gather,
  sleep,
  type Task,
  type TaskGroup,
  taskGroup,
  timeout,
} from '../../src/coroutines/index.ts';
import {
  CancelledError,
  GroupError,
  type Handle,
  type Suspension,
  TimeoutError,
} from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { propertyRuns } from '../support/property-runs.ts';
import { runSimulated, taskOrder } from '../support/simulated.ts';

/** A program: what a task does, one thing after the other, in one of the spellings. */
type Program =
  | { kind: 'turns'; count: number }
  | { kind: 'sleep'; delay: number }
  | { kind: 'fail' }
  | { kind: 'cancelSelf' }
  | { kind: 'cancelOther'; which: number }
  | { kind: 'sequence'; spelling: Spelling; steps: Program[] }
  | { kind: 'resist'; step: Program }
  | { kind: 'cleanUp'; step: Program; last: Program }
  | { kind: 'timeout'; spelling: Spelling; delay: number | null; step: Program }
  | { kind: 'group'; spelling: Spelling; children: Program[]; step: Program }
  | { kind: 'task'; eagerStart: boolean; step: Program };

type Spelling = 'yield*' | 'await';

const { program } = fc.letrec<{ program: Program; steps: Program[] }>((tie) => {
  const spelling = fc.constantFrom<Spelling[]>('yield*', 'await');
  return {
    steps: fc.array(tie('program'), { minLength: 1, maxLength: 4 }),
    program: fc.oneof(
      { maxDepth: 5, depthSize: 'max', depthIdentifier: 'program' },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('turns'), count: fc.nat({ max: 3 }) }) },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant('sleep'), delay: fc.constantFrom(0, 0.3, 1, 60_000) }),
      },
      { weight: 1, arbitrary: fc.constant({ kind: 'fail' }) },
      { weight: 1, arbitrary: fc.constant({ kind: 'cancelSelf' }) },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant('cancelOther'), which: fc.nat({ max: 20 }) }),
      },
      {
        weight: 4,
        arbitrary: fc.record({ kind: fc.constant('sequence'), spelling, steps: tie('steps') }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('resist'), step: tie('program') }) },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant('cleanUp'),
          step: tie('program'),
          last: tie('program'),
        }),
      },
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant('timeout'),
          spelling,
          delay: fc.constantFrom(null, 0, 0.3, 1, 60_000),
          step: tie('program'),
        }),
      },
      {
        weight: 6,
        arbitrary: fc.record({
          kind: fc.constant('group'),
          spelling,
          children: tie('steps'),
          step: tie('program'),
        }),
      },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant('task'),
          eagerStart: fc.boolean(),
          step: tie('program'),
        }),
      },
    ) as fc.Arbitrary<Program>,
  };
});

/** An error of a program's own. Every one that is thrown must come to light exactly once. */
class Failure extends Error {
  /** how often it came to light */
  seen = 0;
}

/** Runs programs and keeps the books. */
class World {
  readonly failures: Failure[] = [];
  readonly tasks: Task<unknown>[] = [];
  #last: Handle | null = null;

  fail(): never {
    const failure = new Failure('a failure');
    this.failures.push(failure);
    throw failure;
  }

  /** What was caught, or reported, has come to light. */
  see(error: unknown): void {
    if (error instanceof Failure) error.seen++;
    else if (error instanceof GroupError) for (const one of error.errors) this.see(one);
    else assert.ok(error instanceof CancelledError || error instanceof TimeoutError, String(error));
  }

  cancel(which: number): void {
    this.tasks[which % Math.max(this.tasks.length, 1)]?.cancel(which);
  }

  /** Ends what sleeps for good, and goes on as long as there is some. */
  cancelAllLater(): void {
    this.#last = getRunningLoop().callLater(2, () => {
      for (const task of this.tasks) task.cancel('the end');
      this.cancelAllLater();
    });
  }

  end(): void {
    this.#last?.cancel();
  }

  start(step: Program, eagerStart: boolean, group?: TaskGroup): Task<void> {
    const source = () => this.inGenerator(step);
    const task =
      group === undefined ? createTask(source, { eagerStart }) : group.createTask(source, { eagerStart });
    this.tasks.push(task as Task<unknown>);
    return task;
  }

  *inGenerator(step: Program): Generator<Suspension, void, unknown> {
    switch (step.kind) {
      case 'turns':
        for (let i = 0; i < step.count; i++) yield;
        break;
      case 'sleep':
        yield* sleep(step.delay);
        break;
      case 'fail':
        return this.fail();
      case 'cancelSelf':
        currentTask()?.cancel('myself');
        break;
      case 'cancelOther':
        this.cancel(step.which);
        break;
      case 'sequence':
        if (step.spelling === 'yield*') for (const one of step.steps) yield* this.inGenerator(one);
        else yield* timeout(null, () => this.inAsyncFunction(step));
        break;
      case 'resist':
        try {
          yield* this.inGenerator(step.step);
        } catch (error) {
          this.see(error);
        }
        break;
      case 'cleanUp': {
        let error: unknown = null;
        try {
          yield* this.inGenerator(step.step);
        } catch (caught) {
          error = caught;
        }
        try {
          yield* this.inGenerator(step.last);
        } catch (second) {
          if (error !== null) this.see(error);
          throw second;
        }
        if (error !== null) throw error;
        break;
      }
      case 'timeout':
        yield* timeout(step.delay, this.body(step));
        break;
      case 'group':
        yield* taskGroup((group) => {
          this.startAll(step.children, group);
          return this.body(step)();
        });
        break;
      case 'task':
        yield* this.start(step.step, step.eagerStart);
        break;
    }
  }

  async inAsyncFunction(step: Program): Promise<void> {
    switch (step.kind) {
      case 'turns':
        for (let i = 0; i < step.count; i++) await (i % 2 === 0 ? sleep(0) : Promise.resolve());
        break;
      case 'sleep':
        await sleep(step.delay);
        break;
      case 'fail':
        return this.fail();
      case 'cancelSelf':
        currentTask()?.cancel('myself');
        break;
      case 'cancelOther':
        this.cancel(step.which);
        break;
      case 'sequence':
        for (const one of step.steps) await this.inAsyncFunction(one);
        break;
      case 'resist':
        try {
          await this.inAsyncFunction(step.step);
        } catch (error) {
          this.see(error);
        }
        break;
      case 'cleanUp': {
        let error: unknown = null;
        try {
          await this.inAsyncFunction(step.step);
        } catch (caught) {
          error = caught;
        }
        try {
          await this.inAsyncFunction(step.last);
        } catch (second) {
          if (error !== null) this.see(error);
          throw second;
        }
        if (error !== null) throw error;
        break;
      }
      case 'timeout':
        await timeout(step.delay, this.body(step));
        break;
      case 'group':
        await taskGroup((group) => {
          this.startAll(step.children, group);
          return this.body(step)();
        });
        break;
      case 'task':
        await this.start(step.step, step.eagerStart);
        break;
    }
  }

  body(step: {
    spelling: Spelling;
    step: Program;
  }): () => Generator<Suspension, void, unknown> | Promise<void> {
    return step.spelling === 'yield*'
      ? () => this.inGenerator(step.step)
      : () => this.inAsyncFunction(step.step);
  }

  startAll(children: readonly Program[], group: TaskGroup): void {
    for (const [index, one] of children.entries()) {
      // An eager child may have ended the group already.
      try {
        this.start(one, index % 2 === 1, group);
      } catch (error) {
        if ((error as { code?: string }).code !== 'ERR_SCOPE_STATE') throw error;
      }
    }
  }
}

describe('any tree of tasks, groups, timeouts and sleeps, however it is cancelled', () => {
  it('ends with no task and no timer left, and every error seen exactly once', async () => {
    await fc.assert(
      fc.asyncProperty(
        program,
        fc.array(fc.record({ turn: fc.nat({ max: 12 }), which: fc.nat({ max: 20 }) }), { maxLength: 4 }),
        fc.boolean(),
        taskOrder,
        async (tree, cancels, inAsync, order) => {
          const world = new World();
          await runSimulated(async () => {
            const loop = getRunningLoop();
            loop.setExceptionHandler((_loop, context) => world.see(context.exception));
            const top = createTask(
              inAsync ? () => world.inAsyncFunction(tree) : () => world.inGenerator(tree),
            );
            world.tasks.push(top as Task<unknown>);
            world.cancelAllLater();
            for (const { turn, which } of cancels) cancelAfter(turn, () => world.cancel(which));
            try {
              await top;
            } catch (error) {
              world.see(error);
            }
            world.end();
            // What a turn has left is done in the next ones; no time passes.
            for (let i = 0; i < 30; i++) await sleep(0);
            const self = currentTask();
            assert.deepEqual([...allTasks()].filter((task) => task !== self).map(String), [], 'tasks');
            assert.equal(loop.timeUntilNextTimer(), null, 'timers');
          }, order);
          for (const failure of world.failures) assert.equal(failure.seen, 1, 'times an error was seen');
        },
      ),
      propertyRuns(300),
    );
  });

  it('hears of a cancellation from outside, whatever deadlines come to pass at the same time', async () => {
    const level = fc.record({
      delay: fc.constantFrom(0, 0, 0.3, 60_000),
      inGroup: fc.boolean(),
      spelling: fc.constantFrom<Spelling[]>('yield*', 'await'),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(level, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat({ max: 15 }), { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        taskOrder,
        async (levels, cancels, inAsync, order) => {
          await runSimulated(async () => {
            const top = createTask(inAsync ? () => tryingInAsync(levels) : () => trying(levels));
            for (const turn of cancels) cancelAfter(turn, () => top.cancel('outside'));
            await assert.rejects(async () => await top, { name: 'CancelledError', reason: 'outside' });
            assert.equal(top.cancelled(), true);
          }, order);
        },
      ),
      propertyRuns(200),
    );
  });

  it('leaves a future that outlives its waiters without waiters', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 3 }), { maxLength: 12 }), taskOrder, async (kinds, order) => {
        await runSimulated(async () => {
          const longLived = new Future<void>();
          const waiting = kinds.map((kind) =>
            createTask(function* () {
              if (kind === 0) yield* sleep(0);
              else yield* timeout(0, () => gather([createTask(shielding(longLived, kind))]));
            }),
          );
          await gather(waiting, { returnExceptions: true });
          for (let i = 0; i < 5; i++) await sleep(0);
          assert.deepEqual(longLived.waiterNames(), []);
          assert.equal(longLived.done(), false);
        }, order);
      }),
      propertyRuns(30),
    );
  });
});

interface Level {
  readonly delay: number;
  readonly inGroup: boolean;
  readonly spelling: Spelling;
}

/** Tries again after every timeout, so that nothing but a cancellation from outside ends it. */
function* trying([level, ...deeper]: readonly Level[]): Generator<Suspension, never, unknown> {
  if (level === undefined) return yield* new Future<never>();
  for (;;) {
    try {
      yield* timeout(level.delay, bodyOf(level, deeper));
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
    }
  }
}

async function tryingInAsync([level, ...deeper]: readonly Level[]): Promise<never> {
  if (level === undefined) return await new Future<never>();
  for (;;) {
    try {
      await timeout(level.delay, bodyOf(level, deeper));
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
    }
  }
}

function bodyOf(
  { inGroup, spelling }: Level,
  deeper: readonly Level[],
): () => Coroutine<unknown> | Generator<Suspension, never, unknown> | Promise<never> {
  const body = spelling === 'yield*' ? () => trying(deeper) : () => tryingInAsync(deeper);
  return inGroup ? () => taskGroup(() => body()) : body;
}

/** Waits for `future` in a way that leaves it alone when cancelled. */
function* shielding(future: Future<void>, kind: number): Generator<Suspension, void, unknown> {
  const done = new Future<void>();
  const copy = () => {
    if (!done.done()) done.setResult();
  };
  future.addDoneCallback(copy);
  try {
    for (let i = 0; i < kind; i++) yield;
    yield* done;
  } finally {
    future.removeDoneCallback(copy);
  }
}

function cancelAfter(turns: number, cancel: () => void): void {
  const loop = getRunningLoop();
  const count = (left: number) => {
    if (left === 0) cancel();
    else loop.callSoon(count, left - 1);
  };
  count(turns);
}
