import { getRunningLoop } from '../loop/index.ts';
import { Coroutine, type CoroutineBody } from './coroutine.ts';
import { Future } from './future.ts';

/**
 * Suspends for `delay` milliseconds; for 0 or less, for exactly one turn.
 *
 * @returns `result`
 * @throws {RangeError} the delay is NaN
 */
export const sleep: {
  (delay: number): ReturnType<typeof sleepGenerically<void>>;
  <T>(delay: number, result: T): ReturnType<typeof sleepGenerically<T>>;
} = sleepGenerically;

function sleepGenerically<T>(delay: number, result?: T) {
  if (typeof delay !== 'number') throw new TypeError('Cannot sleep: the delay is not a number');
  if (Number.isNaN(delay)) throw new RangeError('Cannot sleep: the delay is NaN');
  return new Coroutine('sleep', sleeping<T>(delay, result as T));
}

// Named as its frames are to be shown.
const sleeping = function* sleep<T>(delay: number, result: T): CoroutineBody<T> {
  if (delay <= 0) {
    yield;
    return result;
  }
  const loop = getRunningLoop();
  const woken = new Future<void>({ loop });
  const timer = loop.callLater(delay, wake, woken);
  try {
    yield* woken;
  } finally {
    timer.cancel(); // cancelled while asleep: leave no timer behind to wake nobody
  }
  return result;
};

function wake(woken: Future<void>): void {
  if (!woken.done()) woken.setResult();
}
