import { Future } from '../../coroutines/index.ts';
import type { EventLoop } from '../../interface/index.ts';

/** How the outside tells the end; all but the first call are ignored. */
export interface Outcome<T> {
  succeeded(value: T): void;
  failed(error: unknown): void;
  /** It has stopped, by our request or another. */
  cancelled(reason?: unknown): void;
}

/**
 * A future of something under way outside of the library, which can be asked to stop. It is cancelled when that *has*
 * stopped, not before: whoever waits goes on when everything is cleaned up, as with a task.
 */
export class ForeignFuture<T> extends Future<T> {
  readonly #stop: (reason: unknown) => void;
  /** null: it was not asked to stop */
  #asked: { readonly reason: unknown } | null = null;

  /** @param start may tell the end at once; what it returns asks to stop, after which an end is to be told */
  constructor(loop: EventLoop, start: (outcome: Outcome<T>) => (reason: unknown) => void) {
    super({ loop });
    this.#stop = start({
      succeeded: (value) => {
        if (!this.done()) this.fulfil(value);
      },
      failed: (error) => {
        if (!this.done()) this.fail(error);
      },
      cancelled: (reason) => {
        if (!this.done()) this.settleCancelled(this.#asked === null ? reason : this.#asked.reason, null);
      },
    });
  }

  override cancel(reason?: unknown): boolean {
    if (this.done()) return super.cancel(reason);
    if (this.#asked !== null) return true;
    this.#asked = { reason };
    try {
      this.#stop(reason);
    } catch (error) {
      // Whoever waits is to hear of it: that it has stopped is no longer sure, and no other end will be told.
      if (!this.done()) this.fail(error);
    }
    return true;
  }

  /** @internal It has done what could not be interrupted, and whoever asked is still to be heard. */
  override get endedUntold(): boolean {
    return this.#asked !== null && this.fulfilled();
  }
}
