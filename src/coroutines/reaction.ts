import type { CancelledError, Runnable } from '../interface/index.ts';
import {
  type AsyncOwner,
  asyncOwner,
  Context,
  currentContext,
  enterContext,
  leaveContext,
  type OwnedWait,
} from '../loop/index.ts';
import type { DerivedFuture, Future, OutcomeReceiver } from './future.ts';

type OnFulfilled<T, A> = ((value: T) => A | PromiseLike<A>) | null | undefined;
type OnRejected<B> = ((reason: unknown) => B | PromiseLike<B>) | null | undefined;

const settledPromise = Promise.resolve();

/**
 * One call of a future's `then`, which is what an `await` makes of it too.
 *
 * The engine calls `then` in the async context of the awaiting function, so the reaction learns whose wait it is. That
 * task keeps it for as long as the wait lasts: cancelling the task gives up the future, and the `await` then throws the
 * task's own cancellation, with its reason and scope.
 */
export class Reaction<T, A, B> implements Runnable, OwnedWait, OutcomeReceiver<T> {
  readonly #future: Future<T>;
  readonly #derived: DerivedFuture<A | B>;
  readonly #onFulfilled: OnFulfilled<T, A>;
  readonly #onRejected: OnRejected<B>;
  readonly #owner: AsyncOwner | null = asyncOwner();
  readonly #values = currentContext().values;
  #cancellation: CancelledError | null = null;

  constructor(
    future: Future<T>,
    derived: DerivedFuture<A | B>,
    onFulfilled: OnFulfilled<T, A>,
    onRejected: OnRejected<B>,
  ) {
    this.#future = future;
    this.#derived = derived;
    this.#onFulfilled = onFulfilled;
    this.#onRejected = onRejected;
  }

  register(): void {
    if (this.#future.done()) {
      // No turn is spent, but `then` does not call back from inside (Promises/A+ 2.2.4).
      void settledPromise.then(() => this.#future.tell(this));
      return;
    }
    const cancellation = this.#owner?.waitBegins(this) ?? null;
    if (cancellation === null) {
      this.#future.addWaiter(this);
    } else {
      // The cancellation was there before the wait: it does not begin, and what it was for is given up with it.
      this.#future.giveUp(cancellation);
      void settledPromise.then(() => this.failed(cancellation));
    }
  }

  cancel(error: CancelledError): boolean {
    if (!this.#future.giveUp(error)) return false;
    this.#cancellation = error;
    return true;
  }

  run(): void {
    this.#owner?.waitEnds(this);
    this.#future.tell(this);
  }

  fulfilled(value: T): void {
    if (typeof this.#onFulfilled === 'function') this.#settleBy(this.#onFulfilled, value);
    else this.#derived.adopt(value as unknown as A);
  }

  failed(exception: unknown): void {
    if (typeof this.#onRejected === 'function') this.#settleBy(this.#onRejected, exception);
    else this.#derived.reject(exception);
  }

  cancelled(error: CancelledError): void {
    const thrown = this.#cancellation ?? error;
    if (typeof this.#onRejected === 'function') this.#settleBy(this.#onRejected, thrown);
    else this.#derived.cancelWith(thrown);
  }

  #settleBy<V>(callback: (value: V) => A | B | PromiseLike<A | B>, value: V): void {
    const previous = enterContext(new Context(this.#values));
    try {
      this.#derived.adopt(callback(value));
    } catch (exception) {
      this.#derived.reject(exception);
    } finally {
      leaveContext(previous);
    }
  }
}
