import type { Context } from './context.ts';
import type { EventLoop } from './event-loop.ts';

/** Carried by every future, whoever made it: `isFuture` looks for it, so that foreign loops may bring their own. */
export const futureMarker: unique symbol = Symbol.for('tulipa.future');

/**
 * What a coroutine may `yield` to whoever runs it: the future it now waits for, or undefined to wait one turn.
 *
 * Coroutines do not write this themselves: `yield* future` does it for them.
 */
// biome-ignore lint/suspicious/noExplicitAny: a future of anything; `unknown` would not do, as T is also taken in
export type Suspension = Future<any> | undefined;

/** Something to wait for, in both spellings: `yield* x` in a coroutine, `await x` in an async function. */
export interface Waitable<T> extends PromiseLike<T> {
  [Symbol.iterator](): Iterator<Suspension, T, unknown>;
}

/** What the library's functions accept where they wait for something: also a native promise, or any thenable. */
export type Awaitable<T> = Waitable<T> | PromiseLike<T>;

/**
 * A result that is not there yet. One transition only: pending, then cancelled or finished; the first outcome wins.
 *
 * Done callbacks are never run synchronously: they are queued on the loop, in the order in which they were added.
 *
 * @see PEP 3156, "Futures"
 */
export interface Future<T> extends Waitable<T> {
  readonly [futureMarker]: true;
  /** True once there is an outcome; a cancelled future is done. */
  done(): boolean;
  cancelled(): boolean;
  /**
   * The result. Counts as having looked at the outcome.
   *
   * @throws {InvalidStateError} still pending
   * @throws {CancelledError} cancelled
   * @throws the exception, if that is the outcome
   */
  result(): T;
  /**
   * The exception, or null if there is a result. Counts as having looked at the outcome.
   *
   * @throws {InvalidStateError} still pending
   * @throws {CancelledError} cancelled
   */
  exception(): unknown;
  /** @throws {InvalidStateError} already done */
  setResult(result: T): void;
  /** @throws {InvalidStateError} already done */
  setException(exception: unknown): void;
  /**
   * Asks for the wait to end. False if already done.
   *
   * @param reason handed to whoever waits, as `CancelledError.reason`
   */
  cancel(reason?: unknown): boolean;
  /** Queues `callback(this)` for when there is an outcome, at once if there is one. Duplicates are kept. */
  addDoneCallback(callback: (future: Future<T>) => void, options?: { context?: Context | undefined }): void;
  /** Removes every registration of `callback` that is not queued yet, and returns how many it removed. */
  removeDoneCallback(callback: (future: Future<T>) => void): number;
  getLoop(): EventLoop;
}

/** A future that drives a coroutine. */
export interface Task<T> extends Future<T> {
  getName(): string;
  setName(name: unknown): void;
  /** What the task drives; null once it has finished. */
  getCoroutine(): unknown;
  getContext(): Context;
  /** Aborted when the task is cancelled, its reason a CancelledError: for `fetch` and whatever takes a signal. */
  readonly signal: AbortSignal;
  /** How many requests to cancel have not been taken back. */
  cancelling(): number;
  /** Takes back one request to cancel and returns how many are left; at 0 one not yet delivered is withdrawn. */
  uncancel(): number;
}

/** A computation that does nothing until it is awaited or made a task, and that is used once. */
export interface Coroutine<T> extends Waitable<T> {
  /** The name of the function it was made from. */
  readonly name: string;
  /** Gives it up: unstarted, it never runs; nobody is warned that it was never awaited. */
  close(): void;
}

/**
 * What a task can be made of: a coroutine, a generator object, or a function that gives one or is `async`.
 *
 * An `async` function is handed over uncalled, because what it calls before its first `await` belongs to the task too.
 */
export type TaskSource<T> =
  | Coroutine<T>
  | Generator<Suspension, T, unknown>
  | (() => Coroutine<T> | Generator<Suspension, T, unknown> | PromiseLike<T>);

export interface TaskOptions {
  /** shown in the text form and in the tree of tasks; `Task-N` unless given */
  name?: unknown;
  /** the very context to run in; a copy of the current one unless given */
  context?: Context | undefined;
  /** run up to the first suspension now, inside the call; false unless given */
  eagerStart?: boolean | undefined;
}

/** Makes the tasks of a loop in place of the default (`setTaskFactory`). */
export type TaskFactory = (
  loop: EventLoop,
  source: TaskSource<unknown>,
  options: TaskOptions,
) => Task<unknown>;
