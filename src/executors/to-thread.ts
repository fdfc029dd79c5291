import { Coroutine } from '../coroutines/index.ts';
import type { Suspension } from '../interface/index.ts';
import { getRunningLoop } from '../loop/index.ts';

/**
 * Runs `callback(...args)` in the default executor of the running loop, which is a thread pool unless another was set:
 * what would block the loop belongs there. Cancelling it cancels the job; `shield` lets one that runs go on.
 *
 * @param callback made by `moduleFunction`, unless the executor takes others
 * @throws what the function throws
 * @throws {BrokenExecutorError} its thread has ended before it had
 * @see asyncio.to_thread
 */
export function toThread<Args extends unknown[], Result>(
  callback: (...args: Args) => Result,
  ...args: Args
): Coroutine<Awaited<Result>> {
  if (typeof callback !== 'function') throw new TypeError('Cannot run it in a thread: it is not a function');
  return new Coroutine('toThread', running(callback, args));
}

function* running<Args extends unknown[], Result>(
  callback: (...args: Args) => Result,
  args: Args,
): Generator<Suspension, Awaited<Result>, unknown> {
  return yield* getRunningLoop().runInExecutor(null, callback, ...args);
}
