import type { CancelledError, Runnable } from '../interface/index.ts';
import {
  asyncOwner,
  Context,
  currentContext,
  enterContext,
  leaveContext,
  type OwnedWait,
} from '../loop/index.ts';
import { outermost } from './cancellation.ts';
import type { DerivedFuture, Future, OutcomeReceiver } from './future.ts';
import { observer } from './observer.ts';
import type { Task } from './task.ts';

type OnFulfilled<T, A> = ((value: T) => A | PromiseLike<A>) | null | undefined;
type OnRejected<B> = ((reason: unknown) => B | PromiseLike<B>) | null | undefined;

const settledPromise = Promise.resolve();

/**
 * One call of a future's `then`, which is what an `await` makes of it too.
 *
 * The engine calls `then` in the async context of the awaiting function, so the reaction learns whose wait it is. That
 * task keeps it for as long as the wait lasts: cancelling the task gives up the future, and the `await` then throws the
 * task's own cancellation, with its reason and scope. A call with callbacks of the user's is nobody's wait.
 */
export class Reaction<T, A, B> implements Runnable, OwnedWait, OutcomeReceiver<T> {
  #future: Future<T>;
  readonly #derived: DerivedFuture<A | B>;
  readonly #onFulfilled: OnFulfilled<T, A>;
  readonly #onRejected: OnRejected<B>;
  /** whether the engine called `then`: its own callback runs nothing and looks at no context */
  readonly #isAwait: boolean;
  readonly #values = currentContext().values;
  #owner: Task<unknown> | null = null;
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
    this.#isAwait = isEnginesOwn(onFulfilled);
  }

  register(): void {
    const future = this.#future;
    // Where the loop is closed, the calls before this one will not be answered any more.
    if (future.done() && (future.reactions === 0 || future.getLoop().isClosed())) {
      // No turn is spent, but `then` calls no code of the user's from inside (Promises/A+ 2.2.4).
      if (this.#isAwait && future.fulfilled()) this.#tell();
      else void settledPromise.then(() => this.#tell());
      return;
    }
    future.reactions++;
    future.addWaiter(this);
    if (future.done() || !this.#isAwait) return;
    this.#owner = asyncOwner() as Task<unknown> | null;
    if (this.#owner === null) return;
    this.#owner.waitBegins(this);
    if (observer !== null) observer.waitBegins(future as Future<unknown>);
  }

  /** What is awaited. */
  get awaited(): Future<T> {
    return this.#future;
  }

  /** The task that waits by it; null: the call of `then` is nobody's wait. */
  get owner(): Task<unknown> | null {
    return this.#owner;
  }

  cancel(error: CancelledError): boolean {
    if (!this.#future.giveUp(error)) return false;
    this.#cancellation = outermost(this.#cancellation, error);
    return true;
  }

  /** @internal Of a wait that has begun. */
  waitForInstead(future: Future<T>): void {
    this.#future.removeWaiter(this);
    this.#future.reactions--;
    this.#future = future;
    future.reactions++;
    future.addWaiter(this);
  }

  run(): void {
    const future = this.#future;
    const owner = this.#owner;
    future.reactions--;
    if (owner !== null) {
      owner.waitEnds(this);
      const cancellation = this.#cancellation;
      if (future.cancelled()) this.#cancellation = owner.takeCancelWith(cancellation);
      else if (cancellation !== null && future.endedUntold) owner.renewCancel(cancellation);
    }
    this.#tell();
  }

  fulfilled(value: T): void {
    if (this.#isAwait) {
      void (this.#onFulfilled as (value: T) => unknown)(value);
      this.#derived.adopt(undefined as A);
    } else if (typeof this.#onFulfilled === 'function') {
      this.#settleBy(this.#onFulfilled, value);
    } else {
      this.#derived.adopt(value as unknown as A);
    }
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

  #tell(): void {
    this.#derived.sourceEnded(this.#future);
    this.#future.tell(this);
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

  toString(): string {
    if (this.#owner !== null) return `await in ${this.#owner.getName()}`;
    return this.#isAwait ? 'await' : (this.#onFulfilled ?? this.#onRejected)?.name || '(anonymous)';
  }
}

const textOf = Function.prototype.toString;
let enginesText = '';
void new Promise((resolve) => {
  enginesText = textOf.call(resolve);
});

/**
 * Whether the engine made the callback, as it does for an `await`, a `Promise.all` or a `resolve(future)`. Nothing else
 * tells these from a `future.then(callback)` whose caller goes on and waits for something else.
 */
function isEnginesOwn(callback: unknown): boolean {
  return typeof callback === 'function' && textOf.call(callback) === enginesText;
}
