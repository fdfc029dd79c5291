import type { Coroutine, Future } from '../coroutines/index.ts';
import { type EventLoop, StateError, type Suspension } from '../interface/index.ts';
import type { Acquirer, HeldBody } from './acquirable.ts';
import type { Held } from './held.ts';
import { InlineCoroutine } from './inline-coroutine.ts';
import { LinkedList } from './linked-list.ts';
import { Lock } from './lock.ts';
import { LoopBound, waitingText } from './loop-bound.ts';
import { Waiter } from './waiter.ts';

/**
 * A lock, and a way to wait under it for a change of what it protects.
 *
 *     yield* changed.use(function* () {
 *       yield* changed.waitFor(() => stock > 0);
 *       stock--;
 *     });
 *
 * Several conditions may share one lock. The lock's own fairness holds: who is notified gets in line for it then.
 *
 * @see asyncio.Condition
 */
export class Condition extends LoopBound {
  readonly #lock: Lock;
  readonly #line = new LinkedList<ConditionWaiter>();

  /** @param lock one of its own unless given */
  constructor(lock: Lock = new Lock()) {
    super();
    if (!(lock instanceof Lock))
      throw new TypeError('Cannot make a condition: what it is to lock is no Lock');
    this.#lock = lock;
  }

  locked(): boolean {
    return this.#lock.locked();
  }

  acquire(): Future<true> {
    return this.#lock.acquire();
  }

  /** @throws {StateError} it is not locked */
  release(): void {
    this.#lock.release();
  }

  /** Acquires the lock for a block: `using held = yield* condition.hold()`. */
  hold(): Future<Held> {
    return this.#lock.hold();
  }

  /** Acquires the lock, runs `body` as part of the present task, and releases the lock however that ends. */
  use<T>(body: HeldBody<T>): Coroutine<T> {
    return this.#lock.use(body);
  }

  /**
   * Releases the lock, waits to be notified, and acquires the lock again: however the wait ends, the caller holds it.
   *
   * Cancelling it therefore takes until the lock is free. A notification that came meanwhile goes to the next who waits.
   *
   * @throws {StateError} the lock is not held
   */
  wait(): Future<true> {
    const loop = this.bind();
    this.#mustHold('wait');
    this.#lock.release();
    return this.#line.push(new ConditionWaiter(loop, this.#lock, this.#passOn));
  }

  /**
   * Waits until `predicate` says something truthy, which is asked at once and after every notification, always under
   * the lock.
   *
   * @returns what the predicate said
   * @throws {StateError} it must wait, and the lock is not held
   */
  waitFor<T>(predicate: () => T): Coroutine<T> {
    if (typeof predicate !== 'function') throw new TypeError('Cannot wait: the predicate is not a function');
    return new InlineCoroutine('waitFor', this.#waitFor(predicate), () => this.#waitForInline(predicate));
  }

  /**
   * Lets the first `count` of those who wait go on, once they have the lock back.
   *
   * @param count more than there are: all of them
   * @throws {StateError} the lock is not held
   */
  notify(count = 1): void {
    if (typeof count !== 'number') throw new TypeError('Cannot notify: the count is not a number');
    if (!(count >= 0)) throw new RangeError(`Cannot notify ${count}: not a number from 0 on`);
    this.checkLoop();
    this.#mustHold('notify');
    for (let left = count; left >= 1 && this.#line.length > 0; left--) this.#passOn();
  }

  /** @throws {StateError} the lock is not held */
  notifyAll(): void {
    this.notify(Infinity);
  }

  protected describe(): string {
    return `${this.locked() ? 'locked' : 'unlocked'}${waitingText(this.#line.length)}`;
  }

  readonly #passOn = (): void => this.#line.shift()?.notified();

  #mustHold(what: string): void {
    if (!this.#lock.locked()) {
      throw new StateError('ERR_NOT_LOCKED', `Cannot ${what}: the lock of the condition is not held`);
    }
  }

  *#waitFor<T>(predicate: () => T): Generator<Suspension, T, unknown> {
    for (;;) {
      const answer = predicate();
      if (answer) return answer;
      yield* this.wait();
    }
  }

  async #waitForInline<T>(predicate: () => T): Promise<T> {
    for (;;) {
      const answer = predicate();
      if (answer) return answer;
      await this.wait();
    }
  }
}

/**
 * Waits in two lines: the condition's, then, notified or cancelled, the lock's. Its outcome is there when the lock is
 * its own again, and says which of the two it was.
 */
class ConditionWaiter extends Waiter<true> implements Acquirer {
  readonly #lock: Lock;
  readonly #passOn: () => void;
  #notified = false;
  #cancellation: { reason: unknown } | null = null;

  constructor(loop: EventLoop, lock: Lock, passOn: () => void) {
    super(loop);
    this.#lock = lock;
    this.#passOn = passOn;
  }

  notified(): void {
    this.#notified = true;
    this.#lock.give(this);
  }

  acquired(): void {
    if (this.#cancellation === null) this.grant(true);
    else this.settleCancelled(this.#cancellation.reason, null);
  }

  override cancel(reason?: unknown): boolean {
    if (this.done()) return super.cancel(reason);
    if (this.#cancellation !== null) return true;
    this.#cancellation = { reason };
    if (this.#notified) {
      this.#passOn();
    } else {
      (this.list as LinkedList<ConditionWaiter> | null)?.remove(this);
      this.#lock.give(this);
    }
    return true;
  }

  /** The lock stays with the task, which will be told in it that it was cancelled. */
  protected override takeBack(): boolean {
    this.#passOn();
    return true;
  }
}
