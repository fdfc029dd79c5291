import { Coroutine } from '../coroutines/index.ts';
import type { Suspension } from '../interface/index.ts';

/**
 * A coroutine with a second body for `await`: an `async` function, which runs as part of the awaiting one. Where a plain
 * coroutine would become a task of its own and start a turn later, this goes on at once and in the same task.
 */
export class InlineCoroutine<T> extends Coroutine<T> {
  readonly #run: () => Promise<T>;

  constructor(name: string, body: Generator<Suspension, T, unknown>, run: () => Promise<T>) {
    super(name, body);
    this.#run = run;
  }

  // biome-ignore lint/suspicious/noThenProperty: being awaited is what it is for
  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): PromiseLike<A | B> {
    this.take();
    return this.#run().then(onFulfilled, onRejected);
  }
}
