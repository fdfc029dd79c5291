/**
 * Runs one test body in both spellings: as a generator that says `yield*`, and as an `async` function that says `await`.
 *
 * A body is a script: a generator that yields what is to be waited for, and is driven by real code of either spelling.
 * `yield x` in a script is `yield* x` in the one and `await x` in the other; a bare `yield` is one turn.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  allTasks,
  createTask,
  currentTask,
  sleep,
  type Task,
  type TaskGroup,
  type Timeout,
  taskGroup,
  timeout,
  timeoutAt,
  wrapFuture,
} from '../../src/coroutines/index.ts';
import type {
  Coroutine,
  EventLoop,
  ExceptionContext,
  Suspension,
  TaskOptions,
} from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { runSimulated } from '../support/simulated.ts';

/** What a script may yield. */
type Step = PromiseLike<unknown> | Generator<Suspension, unknown, unknown> | undefined;

// biome-ignore lint/suspicious/noExplicitAny: what a `yield` gives depends on what it waited for
export type Script<T> = Generator<Step, T, any>;

export interface Spelling {
  readonly name: 'yield*' | 'await';
  /** A function that a task can be made of. */
  source<T>(script: () => Script<T>): () => Generator<Suspension, T, unknown> | Promise<T>;
}

function* asGenerator<T>(script: Script<T>): Generator<Suspension, T, unknown> {
  let step = script.next();
  while (!step.done) {
    let value: unknown;
    try {
      value = step.value === undefined ? yield : yield* waitable(step.value);
    } catch (error) {
      step = script.throw(error);
      continue;
    }
    step = script.next(value);
  }
  return step.value;
}

function waitable(step: NonNullable<Step>): Iterable<Suspension, unknown, unknown> {
  return Symbol.iterator in step ? (step as Generator<Suspension, unknown, unknown>) : wrapFuture(step);
}

async function asAsyncFunction<T>(script: Script<T>): Promise<T> {
  let step = script.next();
  while (!step.done) {
    let value: unknown;
    try {
      value = await (step.value === undefined ? sleep(0) : (step.value as PromiseLike<unknown>));
    } catch (error) {
      step = script.throw(error);
      continue;
    }
    step = script.next(value);
  }
  return step.value;
}

export const generator: Spelling = { name: 'yield*', source: (script) => () => asGenerator(script()) };
export const asyncFunction: Spelling = { name: 'await', source: (script) => () => asAsyncFunction(script()) };
const spellings = [generator, asyncFunction];

/** The tools of one test, in its spelling. */
export class Spelled {
  readonly spelling: Spelling;
  /** the other spelling's tools: for bodies that mix the two */
  readonly other: Spelled;
  /** what the exception handler was told and the test has not taken */
  readonly reports: ExceptionContext[];

  constructor(spelling: Spelling, other?: Spelled) {
    this.spelling = spelling;
    this.reports = other?.reports ?? [];
    this.other = other ?? new Spelled(spelling === generator ? asyncFunction : generator, this);
  }

  source<T>(script: () => Script<T>): () => Generator<Suspension, T, unknown> | Promise<T> {
    return this.spelling.source(script);
  }

  task<T>(script: () => Script<T>, options?: TaskOptions): Task<T> {
    return createTask<T>(this.source(script), options);
  }

  /** A task that has begun to wait. */
  *started<T>(script: () => Script<T>, options?: TaskOptions): Script<Task<T>> {
    const task = this.task(script, options);
    yield* settle();
    assert.equal(task.done(), false, 'the task is over before it is needed');
    return task;
  }

  /** A call of another function of this spelling, for the script to yield. */
  call<T>(script: () => Script<T>): Step {
    return this.source(script)();
  }

  timeout<T>(delay: number | null, body: (scope: Timeout) => Script<T>): Coroutine<T> {
    return timeout<T>(delay, (scope) => this.source(() => body(scope))());
  }

  timeoutAt<T>(when: number | null, body: (scope: Timeout) => Script<T>): Coroutine<T> {
    return timeoutAt<T>(when, (scope) => this.source(() => body(scope))());
  }

  group<T>(body: (group: TaskGroup) => Script<T>): Coroutine<T | undefined> {
    return taskGroup<T>((group) => this.source(() => body(group))());
  }

  takeReports(): ExceptionContext[] {
    return this.reports.splice(0);
  }
}

/** A script that fails without having waited. */
export function fails(error: unknown): () => Script<never> {
  // biome-ignore lint/correctness/useYield: it does not wait
  return function* fails() {
    throw error;
  };
}

/** A script that returns without having waited. */
export function returns<T>(value: T): () => Script<T> {
  // biome-ignore lint/correctness/useYield: it does not wait
  return function* returns() {
    return value;
  };
}

/** Lets everything that can run without time or I/O do so. */
export function* settle(): Script<void> {
  for (let i = 0; i < 8; i++) yield;
}

/** What waiting for `step` throws. */
export function* thrown(step: Step): Script<unknown> {
  try {
    yield step;
  } catch (error) {
    return error;
  }
  return assert.fail('nothing was thrown');
}

/** For code that takes generators, where a script would do as well. */
export function* toGenerator<T>(script: Script<T>): Generator<Suspension, T, unknown> {
  return yield* asGenerator(script);
}

/**
 * Runs the body in both spellings. Beyond its own assertions, nothing may be left over: no task, no timer, and no report
 * to the exception handler.
 */
export function both(name: string, body: (spelled: Spelled) => Script<void>): void {
  for (const spelling of spellings) {
    it(`${name} [${spelling.name}]`, async () => {
      const spelled = new Spelled(spelling);
      await runSimulated(spelling.source(() => checked(spelled, body)));
      assert.deepEqual(spelled.reports, [], 'something was reported to the exception handler');
    });
  }
}

function* checked(spelled: Spelled, body: (spelled: Spelled) => Script<void>): Script<void> {
  const loop = getRunningLoop();
  collectReports(loop, spelled.reports);
  const self = currentTask();
  yield* body(spelled);
  // What failed in the last turn is reported at its end.
  yield* settle();
  const left = [...allTasks()].filter((task) => task !== self);
  assert.deepEqual(left.map(String), [], 'tasks are left');
  assert.equal(loop.timeUntilNextTimer(), null, 'a timer is left');
}

/** A test that needs a running loop and has nothing to wait for. */
export function inLoop(name: string, body: () => void): void {
  it(name, () => runSimulated(async () => body()));
}

/** A test of what only generators can do, or for which the spelling makes no difference. */
export function inTask(name: string, body: () => Generator<Suspension, void, unknown>): void {
  it(name, () => runSimulated(body));
}

export function collectReports(loop: EventLoop, reports: ExceptionContext[]): void {
  loop.setExceptionHandler((_loop, context) => void reports.push(context));
}
