import type { Future } from '../coroutines/index.ts';
import type { World } from '../drivers/simulation/index.ts';
import { type EventLoop, type Operation, TimeoutError } from '../interface/index.ts';
import { ReportedFuture } from './reported-future.ts';

interface Expectation {
  readonly condition: () => unknown;
  readonly future: Future<void>;
}

interface Invariant {
  readonly condition: () => unknown;
  readonly description: string;
}

/** What a scenario waits for, and what is always to hold. Looked at after every turn. */
export class Conditions {
  readonly #world: World;
  readonly #onBroken: (description: string, cause: unknown) => void;
  readonly #expectations = new Set<Expectation>();
  readonly #invariants = new Set<Invariant>();

  /** @param onBroken something did not hold; `cause` is what its condition threw */
  constructor(world: World, onBroken: (description: string, cause: unknown) => void) {
    this.#world = world;
    this.#onBroken = onBroken;
  }

  get any(): boolean {
    return this.#expectations.size > 0 || this.#invariants.size > 0;
  }

  expect(loop: EventLoop, condition: () => unknown, within: number): Future<void> {
    const future = new ReportedFuture<void>({ loop });
    if (holds(condition)) {
      future.setResult();
      return future;
    }
    const expectation = { condition, future };
    this.#expectations.add(expectation);
    let waiting = true;
    const limit = this.#world.schedule(within, {
      run: () => {
        waiting = false;
        if (future.done()) return;
        const when = `within ${within} ms, until ${this.#world.now} ms`;
        future.setException(
          new TimeoutError(`Timed out: this did not come to hold ${when}: ${sourceOf(condition)}`),
        );
      },
    });
    future.addDoneCallback(() => {
      this.#expectations.delete(expectation);
      if (waiting) this.#world.cancel(limit);
    });
    return future;
  }

  require(condition: () => unknown, description: string | undefined): Operation {
    const invariant = { condition, description: description ?? sourceOf(condition) };
    this.#invariants.add(invariant);
    this.#check(invariant);
    return { cancel: () => void this.#invariants.delete(invariant) };
  }

  look(): void {
    for (const invariant of this.#invariants) this.#check(invariant);
    for (const expectation of this.#expectations) this.#settle(expectation);
  }

  /** The scenario has ended, and what comes is the end of everything. */
  clear(): void {
    this.#expectations.clear();
    this.#invariants.clear();
  }

  #check(invariant: Invariant): void {
    let cause: unknown;
    try {
      if (holds(invariant.condition)) return;
    } catch (error) {
      cause = error;
    }
    this.#invariants.delete(invariant);
    this.#onBroken(invariant.description, cause);
  }

  #settle({ condition, future }: Expectation): void {
    if (future.done()) return;
    try {
      if (holds(condition)) future.setResult();
    } catch (error) {
      future.setException(error);
    }
  }
}

/** @throws {TypeError} a promise: it is always true, and says nothing */
function holds(condition: () => unknown): boolean {
  const result = condition();
  if (typeof (result as { then?: unknown } | null | undefined)?.then === 'function') {
    throw new TypeError('Cannot check the condition: it must answer at once, and gave a promise');
  }
  return Boolean(result);
}

const sourceLengthMax = 200;

function sourceOf(condition: () => unknown): string {
  const text = String(condition).replace(/\s+/g, ' ');
  return text.length <= sourceLengthMax ? text : `${text.slice(0, sourceLengthMax)}…`;
}
