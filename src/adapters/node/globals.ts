import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers';
import { replaceAbortTimeout } from './globals-abort-timeout.ts';
import { clearGlobalsClock, type GlobalsClock, setGlobalsClock } from './globals-clock.ts';
import { replaceTime } from './globals-date.ts';
import { replaceHttpDate } from './globals-http-date.ts';
import { replaceRandom } from './globals-random.ts';
import { replaceTimerPromises, timerPromises } from './globals-timer-promises.ts';
import { replaceTimers, resetTimerNumbers } from './globals-timers.ts';
import { Replacements } from './replacements.ts';

/** What is replaced beside timers: the clocks that programs look at, and chance. */
export interface ReplacedParts {
  readonly clocks: boolean;
  readonly random: boolean;
  /** Others may replace the same meanwhile, and what they have put there stays when this is undone. */
  readonly shared: boolean;
}

/**
 * Replaces what programs know time and chance by, until the function it returns is called: timers, dates, clocks, random
 * numbers, as globals and as exports of Node's modules. What was kept of it does what the real one does, when it is undone.
 *
 * What, and what not: docs/decisions/0043-real-and-replaced.md
 *
 * @throws {StateError} they are replaced already (`ERR_GLOBALS_REPLACED`)
 */
export function installGlobals(
  clock: GlobalsClock,
  { clocks, random, shared }: ReplacedParts = { clocks: true, random: true, shared: false },
): () => void {
  setGlobalsClock(clock);
  const replacements = new Replacements();
  const uninstall = () => {
    clearGlobalsClock(clock);
    try {
      if (shared) replacements.withdraw();
      else replacements.restore();
    } finally {
      syncBuiltinESMExports();
    }
  };
  try {
    replaceTimers(replacements, [timers], timerPromises);
    replaceTimerPromises(replacements);
    replaceAbortTimeout(replacements);
    if (clocks) {
      replaceTime(replacements);
      replaceHttpDate(replacements);
    }
    if (random) {
      // So that a simulation finds the numbers that it had the last time.
      resetTimerNumbers();
      replaceRandom(replacements);
    }
    // For who imports single functions of Node's modules.
    syncBuiltinESMExports();
  } catch (error) {
    // Somebody has frozen what was to be replaced.
    uninstall();
    throw error;
  }
  return uninstall;
}
