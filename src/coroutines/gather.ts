import {
  type Awaitable,
  CancelledError,
  type EventLoop,
  type Future as FutureInterface,
} from '../interface/index.ts';
import { getEventLoop } from '../loop/index.ts';
import { ensureFuture } from './ensure-future.ts';
import { Future } from './future.ts';

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
 * that are not done. Something that is given twice runs once.
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
  const { children, loop } = toFutures(awaitables);
  return new GatheringFuture(children, loop, options?.returnExceptions === true);
}

function toFutures(awaitables: Iterable<Awaitable<unknown>>): {
  children: FutureInterface<unknown>[];
  loop: EventLoop;
} {
  const made = new Map<Awaitable<unknown>, FutureInterface<unknown>>();
  const children: FutureInterface<unknown>[] = [];
  let loop: EventLoop | null = null;
  for (const awaitable of awaitables) {
    let child = made.get(awaitable);
    if (child === undefined) {
      child = ensureFuture(awaitable);
      made.set(awaitable, child);
    }
    loop ??= child.getLoop();
    if (child.getLoop() !== loop)
      throw new RangeError('Cannot gather the futures: they belong to different loops');
    children.push(child);
  }
  return { children, loop: loop ?? getEventLoop() };
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
      if (child instanceof Future) child.addWaiter({ run: () => this.#childDone(child) });
      else child.addDoneCallback(() => this.#childDone(child));
    }
  }

  override cancel(reason?: unknown): boolean {
    if (this.done()) return false;
    let asked = false;
    for (const child of new Set(this.#children)) asked = child.cancel(reason) || asked;
    if (asked) {
      this.#cancelAsked = true;
      this.#cancelReason = reason;
    }
    return asked;
  }

  #childDone(child: FutureInterface<unknown>): void {
    this.#left--;
    const exception = outcomeOf(child).exception;
    if (this.done()) return;
    if (!this.#returnExceptions && exception !== null) {
      if (this.#cancelAsked) this.settleCancelled(this.#cancelReason, null);
      else this.fail(exception);
    } else if (this.#left === 0) {
      if (this.#cancelAsked) this.settleCancelled(this.#cancelReason, null);
      else
        this.fulfil(
          this.#children.map((done) => outcomeOf(done)).map(({ exception, result }) => exception ?? result),
        );
    }
  }
}

function outcomeOf(future: FutureInterface<unknown>): { exception: unknown; result: unknown } {
  if (future.cancelled()) {
    try {
      future.result();
    } catch (error) {
      return { exception: error instanceof CancelledError ? error : new CancelledError(), result: undefined };
    }
  }
  const exception = future.exception();
  return exception === null ? { exception, result: future.result() } : { exception, result: undefined };
}
