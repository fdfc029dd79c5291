import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  allTasks,
  createTask,
  currentTask,
  Future,
  openCancelScope,
  openTaskGroup,
  openTimeout,
  sleep,
  type Task,
  taskGroup,
  timeout,
} from '../../src/coroutines/index.ts';
import { CancelledError, GroupError, type Suspension, TimeoutError } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { run } from '../../src/runtime/index.ts';
import { collectGarbage } from '../support/collect-garbage.ts';
import { propertyRuns } from '../support/property-runs.ts';
import { runSimulated, taskOrder } from '../support/simulated.ts';

/** What an `async` function or a generator does; the kinds of scope are mixed, in both forms. */
type Program =
  | { kind: 'sleep'; delay: number }
  | { kind: 'turns'; count: number }
  | { kind: 'fail' }
  | { kind: 'cancelSelf' }
  | { kind: 'sequence'; steps: Program[] }
  | { kind: 'resist'; step: Program }
  | { kind: 'timeout' | 'openTimeout'; spelling: Spelling; delay: number; step: Program }
  | { kind: 'openCancelScope'; after: number; shield: boolean; step: Program }
  | { kind: 'group'; spelling: Spelling; children: Program[]; step: Program }
  | { kind: 'openGroup'; join: boolean; children: Program[]; step: Program };

type Spelling = 'yield*' | 'await';

const { program } = fc.letrec<{ program: Program; steps: Program[] }>((tie) => {
  const spelling = fc.constantFrom<Spelling[]>('yield*', 'await');
  const delay = fc.constantFrom(0, 0.3, 1, 60_000);
  const constant = <T>(value: T) => fc.constant(value);
  return {
    steps: fc.array(tie('program'), { minLength: 1, maxLength: 3 }),
    program: fc.oneof(
      { maxDepth: 5, depthSize: 'max', depthIdentifier: 'program' },
      { weight: 3, arbitrary: fc.record({ kind: constant('sleep'), delay }) },
      { weight: 1, arbitrary: fc.record({ kind: constant('turns'), count: fc.nat({ max: 3 }) }) },
      { weight: 1, arbitrary: constant({ kind: 'fail' }) },
      { weight: 1, arbitrary: constant({ kind: 'cancelSelf' }) },
      { weight: 3, arbitrary: fc.record({ kind: constant('sequence'), steps: tie('steps') }) },
      { weight: 1, arbitrary: fc.record({ kind: constant('resist'), step: tie('program') }) },
      {
        weight: 5,
        arbitrary: fc.record({
          kind: fc.constantFrom('timeout', 'openTimeout', 'openTimeout'),
          spelling,
          delay,
          step: tie('program'),
        }),
      },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: constant('openCancelScope'),
          after: fc.constantFrom(0, 1, 60_000),
          shield: fc.boolean(),
          step: tie('program'),
        }),
      },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: constant('group'),
          spelling,
          children: tie('steps'),
          step: tie('program'),
        }),
      },
      {
        weight: 4,
        arbitrary: fc.record({
          kind: constant('openGroup'),
          join: fc.boolean(),
          children: tie('steps'),
          step: tie('program'),
        }),
      },
    ) as fc.Arbitrary<Program>,
  };
});

/** A shield only where the scope itself is sure to end the step: nothing else gets in. */
function optionsOf({ after, shield, step }: { after: number; shield: boolean; step: Program }) {
  const shielded = shield && step.kind === 'sleep';
  return { timeout: shielded ? Math.min(after, 1) : after, shield: shielded };
}

/** Must come to light exactly once. */
class Failure extends Error {
  seen = 0;
}

class World {
  readonly failures: Failure[] = [];
  readonly tasks: Task<unknown>[] = [];

  see(error: unknown): void {
    if (error instanceof Failure) {
      error.seen++;
    } else if (error instanceof GroupError) {
      for (const one of error.errors) this.see(one);
    } else if (error instanceof Error && error.name === 'SuppressedError') {
      this.see((error as { error?: unknown }).error);
      this.see((error as { suppressed?: unknown }).suppressed);
    } else {
      assert.ok(error instanceof CancelledError || error instanceof TimeoutError, String(error));
    }
  }

  fail(): never {
    const failure = new Failure('a failure');
    this.failures.push(failure);
    throw failure;
  }

  /** A task whose scopes have all ended when it ends. */
  source(step: Program, spelling: Spelling): () => Generator<Suspension, void, unknown> | Promise<void> {
    const begun = () => {
      const task = currentTask() as Task<unknown>;
      this.tasks.push(task);
      return task;
    };
    const ended = (task: Task<unknown>) => assert.equal(task.scopes, 0, 'scopes are open');
    const world = this;
    if (spelling === 'await') {
      return async () => {
        const task = begun();
        try {
          await this.inAsyncFunction(step);
        } finally {
          ended(task);
        }
      };
    }
    return function* () {
      const task = begun();
      try {
        yield* world.inGenerator(step);
      } finally {
        ended(task);
      }
    };
  }

  *inGenerator(step: Program): Generator<Suspension, void, unknown> {
    switch (step.kind) {
      case 'sleep':
        yield* sleep(step.delay);
        break;
      case 'turns':
        for (let i = 0; i < step.count; i++) yield;
        break;
      case 'fail':
        return this.fail();
      case 'cancelSelf':
        currentTask()?.cancel('myself');
        break;
      case 'sequence':
        for (const one of step.steps) yield* this.inGenerator(one);
        break;
      case 'resist':
        try {
          yield* this.inGenerator(step.step);
        } catch (error) {
          this.see(error);
        }
        break;
      case 'timeout':
        yield* timeout(step.delay, this.body(step));
        break;
      case 'openTimeout': {
        using _limit = openTimeout(step.delay);
        yield* this.inGenerator(step.step);
        break;
      }
      case 'openCancelScope': {
        const scope = openCancelScope(optionsOf(step));
        try {
          using _ = scope;
          yield* this.inGenerator(step.step);
        } catch (error) {
          if (!scope.caught(error)) throw error;
        }
        break;
      }
      case 'group':
        yield* taskGroup((group) => {
          for (const [index, one] of step.children.entries())
            group.createTask(this.source(one, index % 2 === 0 ? 'await' : 'yield*'));
          return this.body(step)();
        });
        break;
      case 'openGroup': {
        // As `await using` would.
        const group = openTaskGroup();
        let error: unknown = null;
        try {
          for (const [index, one] of step.children.entries())
            group.createTask(this.source(one, index % 2 === 0 ? 'await' : 'yield*'));
          yield* this.inGenerator(step.step);
          if (step.join) yield* group.join();
        } catch (caught) {
          error = caught;
        }
        try {
          yield* group.close();
        } catch (second) {
          if (error !== null) this.see(error);
          throw second;
        }
        if (error !== null) throw error;
        break;
      }
    }
  }

  async inAsyncFunction(step: Program): Promise<void> {
    switch (step.kind) {
      case 'sleep':
        await sleep(step.delay);
        break;
      case 'turns':
        for (let i = 0; i < step.count; i++) await (i % 2 === 0 ? sleep(0) : Promise.resolve());
        break;
      case 'fail':
        return this.fail();
      case 'cancelSelf':
        currentTask()?.cancel('myself');
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
      case 'timeout':
        await timeout(step.delay, this.body(step));
        break;
      case 'openTimeout': {
        using _limit = openTimeout(step.delay);
        await this.inAsyncFunction(step.step);
        break;
      }
      case 'openCancelScope': {
        const scope = openCancelScope(optionsOf(step));
        try {
          using _ = scope;
          await this.inAsyncFunction(step.step);
        } catch (error) {
          if (!scope.caught(error)) throw error;
        }
        break;
      }
      case 'group':
        await taskGroup((group) => {
          for (const [index, one] of step.children.entries())
            group.createTask(this.source(one, index % 2 === 0 ? 'await' : 'yield*'));
          return this.body(step)();
        });
        break;
      case 'openGroup': {
        await using group = openTaskGroup();
        for (const [index, one] of step.children.entries())
          group.createTask(this.source(one, index % 2 === 0 ? 'await' : 'yield*'));
        await this.inAsyncFunction(step.step);
        if (step.join) await group.join();
        break;
      }
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
}

describe('any tree of scopes in both forms, however it is cancelled', () => {
  it('ends with nothing left open, and every error seen exactly once', async () => {
    await fc.assert(
      fc.asyncProperty(
        program,
        fc.array(fc.record({ turn: fc.nat({ max: 12 }), which: fc.nat({ max: 20 }) }), { maxLength: 3 }),
        fc.constantFrom<Spelling[]>('yield*', 'await'),
        taskOrder,
        async (tree, cancels, spelling, order) => {
          const world = new World();
          await runSimulated(async () => {
            const loop = getRunningLoop();
            loop.setExceptionHandler((_loop, context) => world.see(context.exception));
            const top = createTask(world.source(tree, spelling));
            let end = loop.callLater(2, cancelAll);
            function cancelAll(): void {
              for (const task of world.tasks) task.cancel('the end');
              end = loop.callLater(2, cancelAll);
            }
            for (const { turn, which } of cancels)
              cancelAfter(turn, () => world.tasks[which % world.tasks.length]?.cancel(which));
            try {
              await top;
            } catch (error) {
              world.see(error);
            }
            end.cancel();
            for (let i = 0; i < 10; i++) await sleep(0);
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
          }, order);
        },
      ),
      propertyRuns(200),
    );
  });
});

interface Level {
  readonly delay: number;
  readonly inGroup: boolean;
}

/** Tries again after every timeout, so that nothing but a cancellation from outside ends it. */
function* trying([level, ...deeper]: readonly Level[]): Generator<Suspension, never, unknown> {
  if (level === undefined) return yield* new Future<never>();
  for (;;) {
    try {
      using _limit = openTimeout(level.delay);
      if (!level.inGroup) return yield* trying(deeper);
      const group = openTaskGroup();
      try {
        group.createTask(() => new Future<never>());
        return yield* trying(deeper);
      } finally {
        yield* group.close();
      }
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
    }
  }
}

async function tryingInAsync([level, ...deeper]: readonly Level[]): Promise<never> {
  if (level === undefined) return await new Future<never>();
  for (;;) {
    try {
      using _limit = openTimeout(level.delay);
      if (!level.inGroup) return await tryingInAsync(deeper);
      await using group = openTaskGroup();
      group.createTask(() => new Future<never>());
      return await tryingInAsync(deeper);
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
    }
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

describe('100,000 blocks with a scope of each kind', () => {
  const rounds = 100_000;

  for (const spelling of ['yield*', 'await'] as const) {
    it(`leave nothing behind [${spelling}]`, async () => {
      const { signal } = new AbortController();
      const heapUsed = async () => {
        await collectGarbage();
        return process.memoryUsage().heapUsed;
      };
      await run(async () => {
        await createTask(
          spelling === 'await' ? () => blocksInAsync(1_000, signal) : () => blocks(1_000, signal),
        );
        const before = await heapUsed();
        const task = createTask(
          spelling === 'await' ? () => blocksInAsync(rounds, signal) : () => blocks(rounds, signal),
        );
        await task;
        assert.ok((await heapUsed()) - before < 4 * 1024 * 1024, 'memory is kept');
        assert.equal(getRunningLoop().timeUntilNextTimer(), null);
        assert.equal(task.scopes, 0);
        assert.equal(getEventListeners(signal, 'abort').length, 0);
        assert.equal(allTasks().size, 1);
      });
    });
  }
});

/** One in a hundred is left by an error. */
function* blocks(count: number, signal: AbortSignal): Generator<Suspension, void, unknown> {
  for (let i = 0; i < count; i++) {
    try {
      using limit = openTimeout(60_000);
      using _scope = openCancelScope({ signal, shield: i % 2 === 0 });
      const group = openTaskGroup();
      try {
        if (i % 100 === 0) {
          limit.reschedule(0);
          group.createTask(() => sleep(0));
          yield* sleep(0);
        }
        yield* group.join();
      } finally {
        yield* group.close();
      }
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
    }
  }
}

async function blocksInAsync(count: number, signal: AbortSignal): Promise<void> {
  for (let i = 0; i < count; i++) {
    try {
      using limit = openTimeout(60_000);
      using _scope = openCancelScope({ signal, shield: i % 2 === 0 });
      await using group = openTaskGroup();
      if (i % 100 === 0) {
        limit.reschedule(0);
        group.createTask(() => sleep(0));
        await sleep(0);
      }
      await group.join();
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
    }
  }
}
