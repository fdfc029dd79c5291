import { Oracle, type Overruling } from '../../src/drivers/simulation/index.ts';

/**
 * Threads of steps that change one state, of which the oracle chooses again and again the one that goes on: what a
 * simulation is to those who search among its courses.
 */
export class ToyRun {
  readonly oracle: Oracle;
  readonly #threads: Generator<void>[] = [];

  constructor(seed: number, overruling: Overruling | null) {
    this.oracle = new Oracle(seed);
    this.oracle.overruling = overruling;
  }

  start(thread: Generator<void>): void {
    this.#threads.push(thread);
  }

  finish(): void {
    const order = this.oracle.choices('order', 'order');
    while (this.#threads.length > 0) {
      const chosen = order.pick(this.#threads.length);
      const [thread] = this.#threads.splice(chosen, 1) as [Generator<void>];
      if (thread.next().done !== true) this.#threads.push(thread);
    }
  }
}

/** How many ways there are to put `k` things of one kind and `k` of another in a row. */
export function interleavings(k: number): number {
  let count = 1;
  for (let i = 1; i <= k; i++) count = (count * (k + i)) / i;
  return count;
}
