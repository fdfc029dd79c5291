import {
  CancelledError,
  type Future as FutureInterface,
  type Handle,
  type Suspension,
  type TaskSource,
} from '../interface/index.ts';
import { getRunningLoop } from '../loop/index.ts';
import { cancelAll } from './cancel-all.ts';
import { Coroutine } from './coroutine.ts';
import { createTask } from './create-task.ts';
import type { Future } from './future.ts';
import { JointWait } from './joint-wait.ts';
import type { Task } from './task.ts';
import { wait } from './wait.ts';

/** How a staggered race ended. */
export interface RaceOutcome<T> {
  /** the winner's result; undefined if nobody won */
  readonly result: T | undefined;
  /** which starter won; null if none did */
  readonly winner: number | null;
  /** one entry for each attempt that was started: why it failed, or its cancellation; null for the winner */
  readonly errors: readonly unknown[];
}

/**
 * Starts all at once; the first that ends decides, with its result or its error. The others are cancelled and have ended
 * before this returns; what they fail with then counts as seen.
 *
 * @throws {RangeError} nothing to race
 */
export function race<T>(sources: Iterable<TaskSource<T>>): Coroutine<T> {
  const all = [...sources];
  if (all.length === 0) throw new RangeError('Cannot race: there is nothing to start');
  return new Coroutine('race', racing(all));
}

function* racing<T>(sources: readonly TaskSource<T>[]): Generator<Suspension, T, unknown> {
  const tasks: Task<T>[] = [];
  try {
    for (const source of sources) tasks.push(createTask(source));
    const { done } = yield* wait(tasks, { returnWhen: 'firstCompleted' });
    // Of several that ended in one turn, the first that was given decides.
    return (tasks.find((task) => done.has(task)) as Task<T>).result();
  } finally {
    yield* endAll(tasks, 'the race is decided');
  }
}

/**
 * Starts one attempt after the other: the next when `delay` milliseconds have passed (null: never for that) or the last
 * one has failed. The first success wins; the others are cancelled and have ended before this returns.
 *
 * @param starters uncalled functions, so that an attempt that is not needed never begins
 * @see asyncio.staggered.staggered_race; RFC 8305
 */
export function staggeredRace<T>(
  starters: Iterable<() => Exclude<TaskSource<T>, () => unknown> | PromiseLike<T>>,
  delay: number | null,
): Coroutine<RaceOutcome<T>> {
  if (delay !== null && !(typeof delay === 'number' && delay >= 0)) {
    throw new RangeError('Cannot race: the delay is neither a number of milliseconds from 0 on nor null');
  }
  return new Coroutine('staggeredRace', new StaggeredRace([...starters] as TaskSource<T>[], delay).run());
}

class StaggeredRace<T> {
  readonly #starters: readonly TaskSource<T>[];
  readonly #delay: number | null;
  readonly #tasks: Task<T>[] = [];
  #running = 0;
  #winner: number | null = null;
  #woken: Future<void> | null = null;

  constructor(starters: readonly TaskSource<T>[], delay: number | null) {
    this.#starters = starters;
    this.#delay = delay;
  }

  *run(): Generator<Suspension, RaceOutcome<T>, unknown> {
    try {
      while (this.#winner === null && (this.#tasks.length < this.#starters.length || this.#running > 0)) {
        this.#startNext();
        yield* this.#untilNext();
      }
    } finally {
      yield* endAll(this.#tasks, 'the race is decided');
    }
    const winner = this.#winner;
    const result = winner === null ? undefined : this.#tasks[winner]?.result();
    return { result, winner, errors: this.#tasks.map((task) => failureOf(task)?.value ?? null) };
  }

  #startNext(): void {
    const index = this.#tasks.length;
    const starter = this.#starters[index];
    if (starter === undefined) return;
    const task = createTask(starter);
    this.#tasks.push(task);
    this.#running++;
    task.addDoneCallback(() => this.#ended(index, task));
  }

  /** Until an attempt has ended or, if there are more to start, the delay has passed. */
  *#untilNext(): Generator<Suspension, void, unknown> {
    const loop = getRunningLoop();
    this.#woken = new JointWait(loop, 'race', this.#tasks);
    const more = this.#tasks.length < this.#starters.length;
    const timer: Handle | null =
      more && this.#delay !== null ? loop.callLater(this.#delay, () => this.#wake()) : null;
    try {
      yield* this.#woken;
    } finally {
      timer?.cancel();
    }
  }

  #ended(index: number, task: Task<T>): void {
    this.#running--;
    if (failureOf(task) === null) this.#winner ??= index;
    this.#wake();
  }

  #wake(): void {
    if (this.#woken?.done() === false) this.#woken.setResult();
  }
}

/** In a box, as anything can be thrown; null: a result. */
function failureOf(future: FutureInterface<unknown>): { value: unknown } | null {
  try {
    future.result();
    return null;
  } catch (value) {
    return { value };
  }
}

/** Cancels the tasks and waits until all have ended, however often this wait itself is cancelled meanwhile. */
function* endAll(tasks: readonly Task<unknown>[], reason: unknown): Generator<Suspension, void, unknown> {
  let cancelled: CancelledError | null = null;
  cancelAll(tasks, new CancelledError(reason));
  for (;;) {
    const left = tasks.filter((task) => !task.done());
    if (left.length === 0) break;
    try {
      yield* wait(left);
    } catch (error) {
      if (!(error instanceof CancelledError)) throw error;
      cancelled = error;
      cancelAll(left, error);
    }
  }
  for (const task of tasks) failureOf(task);
  if (cancelled !== null) throw cancelled;
}
