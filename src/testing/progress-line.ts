import { performance } from 'node:perf_hooks';
import type { ExploreProgress } from './explore.ts';

/** Shown so often that it looks alive. */
const interval = 100;

/** How far an exploration is, in one line of a terminal that is written again and again. */
export class ProgressLine {
  readonly #out: { write(text: string): unknown };
  readonly #now: () => number;
  #last: number;
  #shown = false;

  constructor(out: { write(text: string): unknown }, now: () => number = () => performance.now()) {
    this.#out = out;
    this.#now = now;
    this.#last = now();
  }

  show({ done, total, seed, virtualTime }: ExploreProgress): void {
    const now = this.#now();
    if (now - this.#last < interval) return;
    this.#last = now;
    this.#shown = true;
    const runs = total === null ? `${done} runs` : `${done} of ${total} runs, seed ${seed}`;
    this.#out.write(`\r\x1b[KExploring: ${runs}, ${(virtualTime / 1000).toFixed(0)} s simulated`);
  }

  clear(): void {
    if (this.#shown) this.#out.write('\r\x1b[K');
    this.#shown = false;
  }
}
