import type { Operation, WakeupOperations } from '../interface/index.ts';
import { runningLoop } from '../loop/index.ts';
import { EventLoop } from '../runtime/index.ts';

/** The loop that runs here and blocks the thread, so that the host delivers nothing; null: there is none. */
export function blockedLoop(): EventLoop | null {
  const loop = runningLoop();
  return loop instanceof EventLoop && loop.blocks ? loop : null;
}

/** Calls back when a loop is rung that somebody listens to. */
export class BlockedLoops {
  readonly #onRing: () => void;
  readonly #ringing = new Map<WakeupOperations, { readonly operation: Operation; users: number }>();

  constructor(onRing: () => void) {
    this.#onRing = onRing;
  }

  /** What it returns ends it. */
  listen(wakeups: WakeupOperations): () => void {
    let entry = this.#ringing.get(wakeups);
    if (entry === undefined) {
      entry = { operation: wakeups.onRing(this.#onRing), users: 0 };
      this.#ringing.set(wakeups, entry);
    }
    entry.users++;
    return () => {
      if (entry === undefined || --entry.users > 0) return;
      entry.operation.cancel();
      this.#ringing.delete(wakeups);
    };
  }
}
