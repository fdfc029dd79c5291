import type { Awaitable, CancelledError, EventLoop, Future as FutureInterface } from '../interface/index.ts';
import { getEventLoop } from '../loop/index.ts';
import { Coroutine } from './coroutine.ts';
import { Future, isFuture } from './future.ts';
import { isThenable } from './task.ts';

/**
 * A future for anything that can be waited for: a future is returned as it is, a coroutine becomes a task, a promise or
 * other thenable is followed by a future (`wrapFuture`).
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
  const loop = options?.loop ?? getEventLoop();
  if (awaitable instanceof Coroutine)
    return loop.createTask(awaitable, { name: awaitable.name || undefined });
  return wrapFuture(awaitable, { loop });
}

/**
 * A future of the loop that follows a promise, another thenable or an executor's job: how a coroutine waits for one,
 * `yield* wrapFuture(fetch(url))`. A future is returned as it is.
 *
 * Cancelling it gives up the wait and asks the job, if it has a `cancel`, to stop; a promise cannot be asked.
 */
export function wrapFuture<T>(
  awaitable: Awaitable<T>,
  options?: { loop?: EventLoop | undefined },
): FutureInterface<T> {
  if (isFuture(awaitable)) return awaitable as FutureInterface<T>;
  if (!isThenable(awaitable))
    throw new TypeError('Cannot wrap as a future: it is nothing that can be waited for');
  return new FollowingFuture<T>(awaitable as PromiseLike<T>, options?.loop ?? getEventLoop());
}

class FollowingFuture<T> extends Future<T> {
  readonly #followed: PromiseLike<T> & { cancel?: (reason?: unknown) => unknown };

  constructor(followed: PromiseLike<T>, loop: EventLoop) {
    super({ loop });
    this.#followed = followed;
    followed.then(
      (result) => {
        if (!this.done() && !loop.isClosed()) this.fulfil(result);
      },
      (exception: unknown) => {
        if (!this.done() && !loop.isClosed()) this.fail(exception);
      },
    );
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
 *
 * @internal
 */
export class InlineFuture<T> extends FollowingFuture<T> {
  override giveUp(_error: CancelledError): boolean {
    return false;
  }
}
