import type { Bell, Operation, WakeupOperations } from '../interface/index.ts';
import { runningLoop } from '../loop/index.ts';
import { EventLoop } from '../runtime/index.ts';

/** The loop that runs here and blocks the thread, so that the host delivers nothing; null: there is none. */
export function blockedLoop(): EventLoop | null {
  const loop = runningLoop();
  return loop instanceof EventLoop && loop.blocks ? loop : null;
}

export interface BlockedLoopsListener {
  /** A loop was rung that somebody listens to. */
  onRing(): void;
  /** What is to be rung from now on; null: nothing. */
  onChange(bell: Bell | null): void;
}

/** The loops that block this thread and wait for something. One at a time can be woken; the others are not running. */
export class BlockedLoops {
  /** what is to be rung */
  bell: Bell | null = null;
  readonly #listener: BlockedLoopsListener;
  readonly #ringing = new Map<WakeupOperations, { readonly operation: Operation; users: number }>();

  constructor(listener: BlockedLoopsListener) {
    this.#listener = listener;
  }

  /** What it returns ends it. */
  listen(wakeups: WakeupOperations): () => void {
    const entry = this.#ringing.get(wakeups) ?? {
      operation: wakeups.onRing(this.#listener.onRing),
      users: 0,
    };
    this.#ringing.set(wakeups, entry);
    entry.users++;
    if (this.bell !== wakeups.bell) this.#change(wakeups.bell);
    return () => {
      if (--entry.users > 0) return;
      entry.operation.cancel();
      this.#ringing.delete(wakeups);
      if (this.bell === wakeups.bell) this.#change(null);
    };
  }

  #change(bell: Bell | null): void {
    this.bell = bell;
    this.#listener.onChange(bell);
  }
}
