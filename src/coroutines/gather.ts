import {
  type Awaitable,
  CancelledError,
  type EventLoop,
  type Future as FutureInterface,
} from '../interface/index.ts';
import { getEventLoop } from '../loop/index.ts';
import { cancelAll } from './cancel-all.ts';
import { ensureFuture } from './ensure-future.ts';
import { type Awaiting, Future, isFuture } from './future.ts';
import { isThenable } from './kinds.ts';

/** The results of a tuple of awaitables, in its order. */
export type Gathered<A extends readonly Awaitable<unknown>[]> = { -readonly [I in keyof A]: Awaited<A[I]> };

/** As `Gathered`, with errors in the places of those that failed. */
export type GatheredOutcomes<A extends readonly Awaitable<unknown>[]> = {
  -readonly [I in keyof A]: Awaited<A[I]> | Error;
};

/**
 * Waits for all of them at once; the results come in the order of the arguments.
 *
 * The first failure, or cancellation of one of them, ends the gather with it; the others run on, and what they throw
 * later counts as seen. With `returnExceptions` errors take the places of results. Cancelling the gather cancels all
 * that are not done. Something that is given twice runs once. Unless all can be waited for, nothing is started.
 *
 * @throws {TypeError} something that cannot be waited for
 * @throws {RangeError} futures of different loops
 * @see asyncio.gather; where siblings should stop too, use `taskGroup`
 */
export function gather<const A extends readonly Awaitable<unknown>[]>(
  awaitables: A,
  options?: { returnExceptions?: false | undefined },
): Future<Gathered<A>>;
export function gather<const A extends readonly Awaitable<unknown>[]>(
  awaitables: A,
  options: { returnExceptions: true },
): Future<GatheredOutcomes<A>>;
export function gather(
  awaitables: readonly Awaitable<unknown>[],
  options?: { returnExceptions?: boolean | undefined },
): Future<unknown[]> {
  // A future is an iterable too, an endless one while it is pending.
  if (isThenable(awaitables) || typeof awaitables?.[Symbol.iterator] !== 'function') {
    throw new TypeError('Cannot gather: give an array of things to wait for');
  }
  const all = [...awaitables];
  const loop = commonLoop(all);
  const futures = new Map<Awaitable<unknown>, FutureInterface<unknown>>();
  const children = all.map((awaitable) => {
    let future = futures.get(awaitable);
    if (future === undefined) {
      future = ensureFuture(awaitable, { loop });
      futures.set(awaitable, future);
    }
    return future;
  });
  return new GatheringFuture(children, loop, options?.returnExceptions === true);
}

/** The loop of the futures among them, else the current one. */
function commonLoop(awaitables: readonly Awaitable<unknown>[]): EventLoop {
  let loop: EventLoop | null = null;
  for (const awaitable of awaitables) {
    if (!isThenable(awaitable))
      throw new TypeError('Cannot gather: one is no future, coroutine, promise or other thenable');
    if (!isFuture(awaitable)) continue;
    loop ??= awaitable.getLoop();
    if (awaitable.getLoop() !== loop)
      throw new RangeError('Cannot gather the futures: they belong to different loops');
  }
  return loop ?? getEventLoop();
}

class GatheringFuture extends Future<unknown[]> {
  readonly #children: FutureInterface<unknown>[];
  readonly #returnExceptions: boolean;
  #left: number;
  #cancelAsked = false;
  #cancelReason: unknown;

  constructor(children: FutureInterface<unknown>[], loop: EventLoop, returnExceptions: boolean) {
    super({ loop });
    this.#children = children;
    this.#returnExceptions = returnExceptions;
    const distinct = new Set(children);
    this.#left = distinct.size;
    if (distinct.size === 0) this.fulfil([]);
    for (const child of distinct) {
      if (child.done()) this.#childDone(child);
      else child.addDoneCallback(this.#childDone);
    }
  }

  override cancel(reason?: unknown): boolean {
    return !this.done() && this.giveUp(new CancelledError(reason));
  }

  override giveUp(error: CancelledError): boolean {
    if (this.done() || !cancelAll(new Set(this.#children), error)) return false;
    this.#cancelAsked = true;
    this.#cancelReason = error.reason;
    return true;
  }

  override awaiting(): Awaiting {
    return { what: 'gather', of: this.#children };
  }

  readonly #childDone = (child: FutureInterface<unknown>): void => {
    this.#left--;
    const { failed, value } = outcomeOf(child);
    if (this.done()) return;
    if (failed && !this.#returnExceptions) {
      if (this.#cancelAsked && value instanceof CancelledError)
        this.settleCancelled(this.#cancelReason, null);
      else this.fail(value);
    } else if (this.#left === 0) {
      if (this.#cancelAsked) this.settleCancelled(this.#cancelReason, null);
      else this.fulfil(this.#children.map((done) => outcomeOf(done).value));
    }
  };
}

/** Not by `exception()`: what is thrown may be null. */
function outcomeOf(future: FutureInterface<unknown>): { failed: boolean; value: unknown } {
  try {
    return { failed: false, value: future.result() };
  } catch (error) {
    return { failed: true, value: error };
  }
}
