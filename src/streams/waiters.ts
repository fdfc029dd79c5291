import type { EventLoop, Future, Suspension } from '../interface/index.ts';

/**
 * Coroutines that wait for the same thing to happen. Each waits on a future of its own, because cancelling one task
 * cancels the future it waits for, which must not be somebody else's too.
 */
export class Waiters {
  readonly #loop: EventLoop;
  readonly #waiting = new Set<Future<void>>();

  constructor(loop: EventLoop) {
    this.#loop = loop;
  }

  *wait(): Generator<Suspension, void, unknown> {
    const released = this.#loop.createFuture<void>();
    this.#waiting.add(released);
    try {
      yield* released;
    } finally {
      this.#waiting.delete(released);
    }
  }

  /** Lets all go on that wait now, in the order in which they came. */
  release(): void {
    for (const released of this.#waiting) if (!released.done()) released.setResult();
    this.#waiting.clear();
  }
}
