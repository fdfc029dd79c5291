import type { Coroutine, Suspension, Waitable } from '../interface/index.ts';

/**
 * A wait that begins when somebody waits, and anew each time. What nobody waits for has not begun, so that it can
 * neither fail unseen nor be missed.
 */
export class DeferredWait<T> implements Waitable<T> {
  readonly #begin: () => Coroutine<T>;

  constructor(begin: () => Coroutine<T>) {
    this.#begin = begin;
  }

  [Symbol.iterator](): Iterator<Suspension, T, unknown> {
    return this.#begin()[Symbol.iterator]();
  }

  // biome-ignore lint/suspicious/noThenProperty: being awaited is what it is for
  then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): PromiseLike<A | B> {
    return this.#begin().then(onFulfilled, onRejected);
  }
}
