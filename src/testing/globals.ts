import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers';
import { clearGlobalsClock, type GlobalsClock, globalsClock, setGlobalsClock } from './globals-clock.ts';
import { replaceTime } from './globals-date.ts';
import { replaceHttpDate } from './globals-http-date.ts';
import { replaceRandom } from './globals-random.ts';
import { replaceTimerPromises, timerPromises } from './globals-timer-promises.ts';
import { replaceTimers, resetTimerNumbers, Timeout } from './globals-timers.ts';
import { Replacements } from './replacements.ts';

/**
 * Replaces what programs know time and chance by, until the function it returns is called: timers, dates, clocks, random
 * numbers, as globals and as exports of Node's modules. To be called, and undone, in one macrotask, in which nothing but the
 * simulation runs, so that nobody else sees it. What was kept of it does what the real one does, when it is undone.
 *
 * What, and what not: docs/decisions/0043-real-and-replaced.md
 *
 * @throws {StateError} they are replaced already
 */
export function installGlobals(clock: GlobalsClock): () => void {
  setGlobalsClock(clock);
  resetTimerNumbers();
  const replacements = new Replacements();
  replaceTimers(replacements, [timers], timerPromises);
  replaceTimerPromises(replacements);
  replacements.replace(AbortSignal, 'timeout', abortSignalTimeout);
  replaceTime(replacements);
  replaceHttpDate(replacements);
  replaceRandom(replacements);
  // For who imports single functions of Node's modules.
  syncBuiltinESMExports();
  return () => {
    replacements.restore();
    syncBuiltinESMExports();
    clearGlobalsClock();
  };
}

const realAbortSignalTimeout = AbortSignal.timeout;

function abortSignalTimeout(delay: number): AbortSignal {
  const loop = globalsClock()?.loop();
  if (loop === undefined || !Number.isInteger(delay) || delay < 0 || delay > Number.MAX_SAFE_INTEGER) {
    return Reflect.apply(realAbortSignalTimeout, AbortSignal, [delay]);
  }
  const controller = new AbortController();
  const abort = () => {
    controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'));
  };
  new Timeout(loop, abort, delay, [], false).unref();
  return controller.signal;
}
