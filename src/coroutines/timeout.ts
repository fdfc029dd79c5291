import { StateError, type Suspension, TimeoutError } from '../interface/index.ts';
import { getRunningLoop } from '../loop/index.ts';
import { Coroutine } from './coroutine.ts';
import { checkTime, Deadline } from './deadline.ts';
import { runBody, Scope, type ScopeBody } from './scope.ts';
import type { Task } from './task.ts';

/** A scope with a deadline, as its body sees it. */
export class Timeout extends Scope {
  #when: number | null;
  readonly #deadline = new Deadline(() => this.#expire());
  #expired = false;
  #active = false;

  /** Made by `timeout`, `timeoutAt` and their forms for `using`. */
  constructor(when: number | null) {
    super();
    this.#when = when;
  }

  /** The deadline in the loop's time; null: none. */
  when(): number | null {
    return this.#when;
  }

  /** True once the deadline has passed inside the scope and its body was cancelled for it. */
  expired(): boolean {
    return this.#expired;
  }

  /**
   * Moves the deadline; null: none. From any task.
   *
   * @throws {StateError} the scope is not active, or has expired
   * @throws {RangeError} the time is NaN
   */
  reschedule(when: number | null): void {
    checkTime(when);
    if (!this.#active || this.#expired) {
      throw new StateError(
        'ERR_SCOPE_STATE',
        `Cannot reschedule the timeout: it ${this.#expired ? 'has expired' : 'is not active'}`,
      );
    }
    this.#when = when;
    this.#arm();
  }

  /** @internal */
  *run<T>(body: ScopeBody<Timeout, T>): Generator<Suspension, T, unknown> {
    const task = this.begin();
    try {
      return yield* runBody<Timeout, T>(body, this);
    } catch (error) {
      if (!this.isOwn(error)) throw error;
      // A cancel of the whole task, or of a scope around this one, that came meanwhile is the stronger statement.
      throw task.takeCancelOutside(this) ?? new TimeoutError('Timed out', { cause: error });
    } finally {
      this.end();
    }
  }

  protected begin(): Task<unknown> {
    const task = this.enter();
    this.#active = true;
    this.#arm();
    return task;
  }

  protected end(): void {
    this.#active = false;
    this.#deadline.clear();
    this.leave();
  }

  /** The deadline has passed. */
  protected strike(): void {
    this.cancelInside(new TimeoutError());
  }

  #arm(): void {
    const loop = this.task?.getLoop();
    if (loop !== undefined) this.#deadline.set(this.#when, loop);
  }

  #expire(): void {
    this.#expired = true;
    this.strike();
  }
}

/**
 * Runs `body` for at most `delay` milliseconds (null: no limit), as part of the present task.
 *
 * When time runs out, what the body waits for is cancelled. A deadline of 0 or less strikes at the first wait. Other
 * errors of the body, and cancellations from elsewhere, pass through.
 *
 * @returns what the body returns
 * @throws {TimeoutError} its `cause` is the cancellation by which the body was stopped
 * @throws {RangeError} the delay is NaN
 * @see openTimeout, the form for `using`
 */
export function timeout<T>(delay: number | null, body: ScopeBody<Timeout, T>): Coroutine<T> {
  return new Coroutine('timeout', startTimeout(delay, body, true));
}

/** As `timeout`, up to a moment of the loop's time. */
export function timeoutAt<T>(when: number | null, body: ScopeBody<Timeout, T>): Coroutine<T> {
  return new Coroutine('timeoutAt', startTimeout(when, body, false));
}

function startTimeout<T>(
  time: number | null,
  body: ScopeBody<Timeout, T>,
  relative: boolean,
): Generator<Suspension, T, unknown> {
  checkTime(time);
  if (typeof body !== 'function') throw new TypeError('Cannot set a timeout: the body is not a function');
  return running(time, body, relative);
}

function* running<T>(
  time: number | null,
  body: ScopeBody<Timeout, T>,
  relative: boolean,
): Generator<Suspension, T, unknown> {
  const when = time === null || !relative ? time : getRunningLoop().time() + time;
  return yield* new Timeout(when).run(body);
}
