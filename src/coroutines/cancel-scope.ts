import { type Suspension, TimeoutError } from '../interface/index.ts';
import { getRunningLoop } from '../loop/index.ts';
import { Coroutine } from './coroutine.ts';
import { checkTime, Deadline } from './deadline.ts';
import { runBody, Scope, type ScopeBody } from './scope.ts';

export interface CancelScopeOptions {
  /** milliseconds from the start of the scope on, after which it cancels itself; null: never, as unless given */
  timeout?: number | null | undefined;
  /** the same as a moment of the loop's time */
  deadline?: number | null | undefined;
  /**
   * Keep cancellations from outside out of the body; they arrive when it has ended. For cleaning up that must come to
   * an end: give it a timeout too. False unless given.
   */
  shield?: boolean | undefined;
  /** cancels the scope when it is aborted, its reason being the scope's */
  signal?: AbortSignal | undefined;
}

/**
 * A region of a task that can be cancelled by itself: by `cancel`, by a deadline, by a signal. It ends without an error
 * if that was its own cancellation; `cancelled` tells.
 *
 * @see Trio's CancelScope; unlike there a cancellation is thrown once, so that cleaning up inside may wait
 */
export class CancelScope extends Scope {
  readonly #expiry = new Deadline(() => this.cancel(new TimeoutError()));
  readonly #shield: boolean;
  #deadline: number | null;
  #asked = false;
  #cancelled = false;
  #reason: unknown;
  #controller: AbortController | null = null;

  /** Made by `cancelScope`. */
  constructor(deadline: number | null, shield: boolean) {
    super();
    this.#deadline = deadline;
    this.#shield = shield;
  }

  /** The deadline in the loop's time; null: none. It may be moved, also by another task. */
  get deadline(): number | null {
    return this.#deadline;
  }

  set deadline(deadline: number | null) {
    checkTime(deadline);
    this.#deadline = deadline;
    const loop = this.task?.getLoop();
    if (loop !== undefined) this.#expiry.set(deadline, loop);
  }

  /** True once it has been cancelled, by whatever. */
  get cancelCalled(): boolean {
    return this.#asked;
  }

  /** True if it has ended by its own cancellation. */
  get cancelled(): boolean {
    return this.#cancelled;
  }

  /** What `cancel` was given; a TimeoutError if the deadline has passed; the signal's reason. */
  get reason(): unknown {
    return this.#reason;
  }

  /** Aborted when the scope, or the task it is in, is cancelled: for `fetch` and whatever takes a signal. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#asked) this.#controller.abort(this.#reason);
    const own = this.#controller.signal;
    return this.task === null || this.#shield ? own : AbortSignal.any([own, this.task.signal]);
  }

  /** Cancels what runs in the scope, once; before it is entered, as soon as it waits for something. */
  cancel(reason?: unknown): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
    this.cancelInside(reason);
  }

  /** @internal */
  *run<T>(
    body: ScopeBody<CancelScope, T>,
    signal: AbortSignal | undefined,
  ): Generator<Suspension, T | undefined, unknown> {
    const task = this.enter();
    const shieldBefore = this.#shield ? task.shieldFrom(this.depth) : null;
    const onAbort = () => this.cancel(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) onAbort();
    else if (this.#asked) this.cancelInside(this.#reason);
    this.#expiry.set(this.#deadline, task.getLoop());
    try {
      return yield* runBody<CancelScope, T>(body, this);
    } catch (error) {
      if (!this.isOwn(error)) throw error;
      // A cancel of the whole task, or of a scope around this one, that came meanwhile is the stronger statement.
      const outside = task.takeCancelOutside(this);
      if (outside !== null) throw outside;
      this.#cancelled = true;
      return undefined;
    } finally {
      signal?.removeEventListener('abort', onAbort);
      this.#expiry.clear();
      if (shieldBefore !== null) task.shieldFrom(shieldBefore);
      this.leave();
    }
  }
}

/**
 * Runs `body` as a region of the present task that can be cancelled by itself.
 *
 * @returns what the body returns; undefined if the scope was cancelled before that (`scope.cancelled`)
 * @throws what the body throws, and cancellations from outside
 * @throws {RangeError} both a timeout and a deadline, or NaN
 */
export function cancelScope<T>(
  body: ScopeBody<CancelScope, T>,
  options: CancelScopeOptions = {},
): Coroutine<T | undefined> {
  if (typeof body !== 'function')
    throw new TypeError('Cannot open a cancel scope: the body is not a function');
  const { timeout = null, deadline = null } = options;
  if (timeout !== null && deadline !== null) {
    throw new RangeError('Cannot open a cancel scope: give either a timeout or a deadline');
  }
  checkTime(timeout);
  checkTime(deadline);
  return new Coroutine('cancelScope', running(body, options));
}

function* running<T>(
  body: ScopeBody<CancelScope, T>,
  { timeout = null, deadline = null, shield = false, signal }: CancelScopeOptions,
): Generator<Suspension, T | undefined, unknown> {
  const when = timeout === null ? deadline : getRunningLoop().time() + timeout;
  return yield* new CancelScope(when, shield).run(body, signal);
}

/**
 * Runs `body` until `signal` is aborted: what it waits for is then cancelled.
 *
 * @throws the signal's reason, as `fetch` does
 */
export function fromSignal<T>(signal: AbortSignal, body: ScopeBody<CancelScope, T>): Coroutine<T> {
  if (!(signal instanceof AbortSignal)) throw new TypeError('Cannot follow the signal: it is no AbortSignal');
  if (typeof body !== 'function') throw new TypeError('Cannot follow the signal: the body is not a function');
  return new Coroutine('fromSignal', following(signal, body));
}

function* following<T>(
  signal: AbortSignal,
  body: ScopeBody<CancelScope, T>,
): Generator<Suspension, T, unknown> {
  signal.throwIfAborted();
  const scope = new CancelScope(null, false);
  const result = yield* scope.run(body, signal);
  if (scope.cancelled) throw signal.reason;
  return result as T;
}
