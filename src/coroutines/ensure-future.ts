import {
  type Awaitable,
  CancelledError,
  type EventLoop,
  type Future as FutureInterface,
  type Waitable,
} from '../interface/index.ts';
import { getEventLoop } from '../loop/index.ts';
import { Coroutine } from './coroutine.ts';
import { type Awaiting, Future, isFuture } from './future.ts';
import { isThenable, isWaitable } from './kinds.ts';
import { inline } from './task.ts';

/**
 * A future for anything that can be waited for: a future is returned as it is, a coroutine becomes a task, and so does
 * the wait for whatever else waits in both spellings; a promise or other thenable is followed by a future.
 *
 * @throws {TypeError} nothing that can be waited for
 * @throws {RangeError} a future of another loop than the one given
 */
export function ensureFuture<T>(
  awaitable: Awaitable<T>,
  options?: { loop?: EventLoop | undefined },
): FutureInterface<T> {
  if (isFuture(awaitable)) {
    if (options?.loop !== undefined && awaitable.getLoop() !== options.loop) {
      throw new RangeError('Cannot use the future: it belongs to another loop');
    }
    return awaitable as FutureInterface<T>;
  }
  if (!isThenable(awaitable))
    throw new TypeError('Cannot wait for it: it is no future, coroutine, promise or other thenable');
  const loop = options?.loop ?? getEventLoop();
  if (awaitable instanceof Coroutine) return loop.createTask<T>(awaitable);
  if (isWaitable(awaitable)) return loop.createTask<T>(inline(awaitable as Waitable<T>));
  return new FollowingFuture<T>(awaitable, loop);
}

/**
 * A future of the loop that follows a promise, another thenable or an executor's job: how a coroutine waits for one,
 * `yield* wrapFuture(fetch(url))`. A future, of whatever loop, is returned as it is; otherwise as `ensureFuture`.
 *
 * Cancelling it gives up the wait and asks the job, if it has a `cancel`, to stop; a promise cannot be asked, and what
 * it rejects with later counts as seen. An `async` function that waits for things of ours is better made a task, which
 * can be cancelled: `createTask(() => work())`.
 *
 * @throws {TypeError} nothing that can be waited for
 */
export function wrapFuture<T>(
  awaitable: Awaitable<T>,
  options?: { loop?: EventLoop | undefined },
): FutureInterface<T> {
  return isFuture(awaitable) ? (awaitable as FutureInterface<T>) : ensureFuture(awaitable, options);
}

class FollowingFuture<T> extends Future<T> {
  readonly #followed: PromiseLike<T> & { cancel?: (reason?: unknown) => unknown };

  constructor(followed: PromiseLike<T>, loop: EventLoop) {
    super({ loop });
    this.#followed = followed;
    // Through a promise: the engine reads `then` once, calls it once and believes it once, and follows what it gives.
    Promise.resolve(followed).then(
      (result) => {
        if (!this.done()) this.fulfil(result);
      },
      (exception: unknown) => {
        if (!this.done()) this.rejected(exception);
      },
    );
  }

  protected rejected(exception: unknown): void {
    if (exception instanceof CancelledError) this.settleCancelled(exception.reason, exception);
    else this.fail(exception);
  }

  override awaiting(): Awaiting {
    return { what: 'promise', of: [this.#followed] };
  }

  override cancel(reason?: unknown): boolean {
    if (!super.cancel(reason)) return false;
    if (typeof this.#followed.cancel === 'function') this.#followed.cancel(reason);
    return true;
  }
}

/**
 * The wait of a coroutine for an `async` function that runs as part of the same task. It is never given up: the
 * function's own waits are, it unwinds, and the wait ends with it.
 */
export class InlineFuture<T> extends FollowingFuture<T> {
  override giveUp(_error: CancelledError): boolean {
    return false;
  }

  /** A cancellation is thrown on as it is, instead of making room for another one that came meanwhile. */
  protected override rejected(exception: unknown): void {
    this.fail(exception);
  }
}
