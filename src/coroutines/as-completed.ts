import {
  type Awaitable,
  type Future as FutureInterface,
  type Handle,
  type Suspension,
  TimeoutError,
} from '../interface/index.ts';
import { getRunningLoop } from '../loop/index.ts';
import { Coroutine } from './coroutine.ts';
import { ensureFuture } from './ensure-future.ts';
import { type Future, isFuture } from './future.ts';
import { JointWait } from './joint-wait.ts';

/**
 * The awaitables in the order in which they complete, each once.
 *
 * `for (const next of asCompleted(all)) await next;`: the n-th that is waited for has the outcome of the n-th that
 * completed. It may be left and gone on with later. There is no async iterator as asyncio has one, because what that would
 * hand over, futures, JavaScript's `for await` takes to be waited for.
 *
 * @param options `timeout`: milliseconds, after which each that is missing throws; nothing is cancelled
 * @throws {TypeError} not an iterable of things to wait for
 * @see asyncio.as_completed
 */
export function asCompleted<T>(
  awaitables: Iterable<Awaitable<T>>,
  options?: { timeout?: number | null | undefined },
): Completions<T> {
  if (
    isFuture(awaitables) ||
    awaitables instanceof Coroutine ||
    typeof awaitables?.[Symbol.iterator] !== 'function'
  ) {
    throw new TypeError('Cannot wait: give an iterable of things to wait for');
  }
  return new Completions([...new Set(awaitables)], options?.timeout ?? null);
}

/** Made by `asCompleted`. */
export class Completions<T> implements Iterable<Coroutine<T>> {
  readonly #done: (FutureInterface<T> | null)[] = [];
  readonly #waiting: Future<void>[] = [];
  readonly #missing: Set<FutureInterface<T>>;
  readonly #timer: Handle | null;
  #left: number;

  constructor(awaitables: readonly Awaitable<T>[], timeout: number | null) {
    const loop = getRunningLoop();
    this.#missing = new Set(awaitables.map((awaitable) => ensureFuture(awaitable, { loop })));
    this.#left = this.#missing.size;
    this.#timer =
      timeout === null || this.#left === 0 ? null : loop.callLater(timeout, () => this.#timedOut());
    for (const future of this.#missing) future.addDoneCallback(this.#completed);
  }

  *[Symbol.iterator](): Iterator<Coroutine<T>> {
    while (this.#left > 0) {
      this.#left--;
      yield new Coroutine('asCompleted', this.#nextOutcome());
    }
  }

  *#nextOutcome(): Generator<Suspension, T, unknown> {
    return (yield* this.#next()).result();
  }

  *#next(): Generator<Suspension, FutureInterface<T>, unknown> {
    while (this.#done.length === 0) {
      const woken = new JointWait(getRunningLoop(), 'asCompleted', this.#missing);
      this.#waiting.push(woken);
      yield* woken;
    }
    const future = this.#done.shift() ?? null;
    if (future === null) throw new TimeoutError();
    return future;
  }

  readonly #completed = (future: FutureInterface<T>): void => {
    if (!this.#missing.delete(future)) return;
    if (this.#missing.size === 0) this.#timer?.cancel();
    this.#offer(future);
  };

  #timedOut(): void {
    for (const future of this.#missing) {
      future.removeDoneCallback(this.#completed);
      this.#offer(null);
    }
    this.#missing.clear();
  }

  #offer(outcome: FutureInterface<T> | null): void {
    this.#done.push(outcome);
    // One that was cancelled while it waited leaves its turn to the next.
    let woken = this.#waiting.shift();
    while (woken?.done()) woken = this.#waiting.shift();
    woken?.setResult();
  }
}
