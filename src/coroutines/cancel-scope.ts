import { type Suspension, TimeoutError } from '../interface/index.ts';
import { getRunningLoop } from '../loop/index.ts';
import { Coroutine } from './coroutine.ts';
import { checkTime, Deadline } from './deadline.ts';
import { runBody, Scope, type ScopeBody } from './scope.ts';
import type { Task } from './task.ts';

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
  #followed: AbortSignal | undefined;
  /** of the task, while somebody has this scope's */
  #taskSignal: AbortSignal | null = null;
  #shieldBefore: number | null = null;

  /** Made by `cancelScope` and `openCancelScope`. */
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

  /** True if it has ended by its own cancellation. Never of one that `using` ends, which cannot know: see `caught`. */
  get cancelled(): boolean {
    return this.#cancelled;
  }

  /** What `cancel` was given; a TimeoutError if the deadline has passed; the signal's reason. */
  get reason(): unknown {
    return this.#reason;
  }

  /** Aborted when the scope, or the task it is in, is cancelled: for `fetch` and whatever takes a signal. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#asked) this.#controller.abort(this.#reason);
      else this.#followTask();
    }
    return this.#controller.signal;
  }

  /** A listener for as long as the scope is open: what `AbortSignal.any` gives would live as long as the task. */
  #followTask(): void {
    if (this.task === null || this.#shield || this.#controller === null) return;
    this.#taskSignal = this.task.signal;
    if (this.#taskSignal.aborted) this.#onTaskAbort();
    else this.#taskSignal.addEventListener('abort', this.#onTaskAbort, { once: true });
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
    const task = this.begin(signal);
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
      this.end();
    }
  }

  protected begin(signal: AbortSignal | undefined): Task<unknown> {
    const task = this.enter();
    if (this.#shield) this.#shieldBefore = task.shieldFrom(this.depth);
    this.#followTask();
    this.#followed = signal;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (signal?.aborted) this.#onAbort();
    else if (this.#asked) this.cancelInside(this.#reason);
    this.#expiry.set(this.#deadline, task.getLoop());
    return task;
  }

  protected end(): void {
    this.#taskSignal?.removeEventListener('abort', this.#onTaskAbort);
    this.#followed?.removeEventListener('abort', this.#onAbort);
    this.#expiry.clear();
    // Of a scope that has outlived the one around it, that one's end has lifted the shield already.
    if (this.#shieldBefore !== null && this.task !== null && this.task.scopes >= this.depth) {
      this.task.shieldFrom(this.#shieldBefore);
    }
    this.leave();
  }

  readonly #onAbort = (): void => this.cancel(this.#followed?.reason);

  readonly #onTaskAbort = (): void => this.#controller?.abort(this.#taskSignal?.reason);
}

/**
 * Runs `body` as a region of the present task that can be cancelled by itself.
 *
 * @returns what the body returns; undefined if the scope was cancelled before that (`scope.cancelled`)
 * @throws what the body throws, and cancellations from outside
 * @throws {RangeError} both a timeout and a deadline, or NaN
 * @see openCancelScope, the form for `using`
 */
export function cancelScope<T>(
  body: ScopeBody<CancelScope, T>,
  options: CancelScopeOptions = {},
): Coroutine<T | undefined> {
  if (typeof body !== 'function')
    throw new TypeError('Cannot open a cancel scope: the body is not a function');
  checkOptions(options);
  return new Coroutine('cancelScope', running(body, options));
}

function* running<T>(
  body: ScopeBody<CancelScope, T>,
  options: CancelScopeOptions,
): Generator<Suspension, T | undefined, unknown> {
  return yield* new CancelScope(deadlineOf(options), options.shield === true).run(body, options.signal);
}

/** @throws {RangeError} both a timeout and a deadline, or NaN */
export function checkOptions({ timeout = null, deadline = null }: CancelScopeOptions): void {
  if (timeout !== null && deadline !== null) {
    throw new RangeError('Cannot open a cancel scope: give either a timeout or a deadline');
  }
  checkTime(timeout);
  checkTime(deadline);
}

/** In the loop's time, of a scope that is entered now. */
export function deadlineOf({ timeout = null, deadline = null }: CancelScopeOptions): number | null {
  return timeout === null ? deadline : getRunningLoop().time() + timeout;
}

/**
 * Runs `body` until `signal` is aborted: what it waits for is then cancelled.
 *
 * @throws the signal's reason, as `fetch` does; the scope's own, if the body cancels that
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
  if (scope.cancelled) throw scope.reason ?? new DOMException('The scope was cancelled', 'AbortError');
  return result as T;
}
