import { type Awaitable, type Suspension, TimeoutError, type Waitable } from '../interface/index.ts';
import { Coroutine } from './coroutine.ts';
import { ensureFuture } from './ensure-future.ts';
import { isWaitable } from './kinds.ts';
import { timeout as timeoutScope } from './timeout.ts';

/**
 * Waits for one thing, for at most `timeout` milliseconds (null: no limit). A coroutine runs inside the present task.
 *
 * When time runs out, it is cancelled, and has really ended before this throws; if it gives a result all the same, that
 * is returned. With 0 or less, what is done already gives its result, a coroutine is never started, and a task is
 * cancelled and awaited.
 *
 * @throws {TimeoutError} its `cause` is the cancellation
 * @see asyncio.wait_for
 */
export function waitFor<T>(awaitable: Awaitable<T>, timeout: number | null): Coroutine<T> {
  if (timeout !== null && typeof timeout !== 'number') {
    throw new TypeError('Cannot wait: the timeout is neither a number of milliseconds nor null');
  }
  return new Coroutine(
    'waitFor',
    timeout !== null && timeout <= 0 ? giveUpAtOnce(awaitable) : waiting(awaitable, timeout),
  );
}

function* waiting<T>(awaitable: Awaitable<T>, timeout: number | null): Generator<Suspension, T, unknown> {
  const waitable = isWaitable(awaitable) ? (awaitable as Waitable<T>) : ensureFuture(awaitable);
  return yield* timeoutScope<T>(timeout, () => waitable);
}

function* giveUpAtOnce<T>(awaitable: Awaitable<T>): Generator<Suspension, T, unknown> {
  if (awaitable instanceof Coroutine) {
    awaitable.close();
    throw new TimeoutError();
  }
  const future = ensureFuture(awaitable);
  if (future.done()) return future.result();
  future.cancel();
  try {
    return yield* future;
  } catch (error) {
    if (!future.cancelled()) throw error;
    throw new TimeoutError('Timed out', { cause: error });
  }
}
