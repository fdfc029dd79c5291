import type { StopObserving } from '../loop/index.ts';
import type { EventLoop } from '../runtime/index.ts';
import { SlowCallbacks } from './slow-callbacks.ts';
import { recordSuspensions } from './suspension-stacks.ts';
import { UnawaitedCoroutines } from './unawaited.ts';
import { UnclosedResources } from './unclosed.ts';

/** What debug mode adds to a loop while it runs: it costs too much for every day. */
export class DebugMode {
  readonly #unawaited = new UnawaitedCoroutines();
  readonly #unclosed: UnclosedResources;
  readonly #slow: SlowCallbacks;
  #observing: StopObserving[] = [];

  constructor(loop: EventLoop) {
    this.#unclosed = new UnclosedResources(loop);
    this.#slow = new SlowCallbacks(loop);
  }

  /** Idempotent. */
  start(): void {
    if (this.#observing.length > 0) return;
    this.#observing = [
      recordSuspensions(),
      this.#unawaited.watch(),
      this.#unclosed.watch(),
      this.#slow.watch(),
    ];
  }

  /** Idempotent. What was seen is kept. */
  stop(): void {
    for (const stop of this.#observing) stop();
    this.#observing = [];
  }

  /** Warns of nothing of what was seen. */
  forget(): void {
    this.#unawaited.forget();
  }

  /** The loop's tasks have ended: warns of what was forgotten. */
  windsDown(): void {
    this.#unawaited.warnOfRest();
    this.#unclosed.warnOfRest();
  }
}
