import type { Awaitable, Future as FutureInterface } from '../interface/index.ts';
import { ensureFuture } from './ensure-future.ts';
import { type Awaiting, Future } from './future.ts';

/**
 * A future for the same outcome, which can be cancelled without cancelling what it is for. What is done already is
 * returned as it is.
 *
 * Nobody is left to see a failure that comes after the outer future was cancelled: a task's is then reported.
 *
 * @throws {TypeError} nothing that can be waited for
 * @see asyncio.shield
 */
export function shield<T>(awaitable: Awaitable<T>): FutureInterface<T> {
  const inner = ensureFuture(awaitable);
  return inner.done() ? inner : new ShieldingFuture(inner);
}

class ShieldingFuture<T> extends Future<T> {
  readonly #inner: FutureInterface<T>;

  constructor(inner: FutureInterface<T>) {
    super({ loop: inner.getLoop() });
    this.#inner = inner;
    inner.addDoneCallback(this.#innerDone);
  }

  override cancel(reason?: unknown): boolean {
    if (!super.cancel(reason)) return false;
    this.#inner.removeDoneCallback(this.#innerDone);
    return true;
  }

  override awaiting(): Awaiting {
    return { what: 'shield', of: [this.#inner] };
  }

  readonly #innerDone = (inner: FutureInterface<T>): void => {
    if (this.done()) return;
    if (inner.cancelled()) {
      super.cancel();
      return;
    }
    const exception = inner.exception();
    if (exception === null) this.fulfil(inner.result());
    else this.fail(exception);
  };
}
