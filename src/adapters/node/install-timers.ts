import type { EventLoop } from '../../interface/index.ts';
import { installGlobals } from './globals.ts';
import { type Uninstall, uninstallBy } from './uninstall.ts';

export interface TimersOptions {
  /**
   * whether `Date`, `performance.now`, `process.hrtime` and `process.uptime` show the loop's time too, from now on: for
   * loops whose time is not the real one. false unless given
   */
  clocks?: boolean | undefined;
}

/**
 * Puts Node's timers onto a loop, for packages that know no other: `setTimeout`, `setInterval`, `setImmediate` and what clears
 * them, as globals and of `node:timers`; `node:timers/promises`; `AbortSignal.timeout`. Their objects, rounding and order are
 * Node's; what a callback throws goes to the loop's exception handler.
 *
 * Timers that were set before stay where they are. A package that keeps `setTimeout` for itself when it is loaded has to be loaded
 * after this.
 *
 * @returns what puts everything back; may be called more than once, and before or after what removes other shims. Timers that are pending stay the loop's, and fire there; to be called
 *   before the loop is closed, which takes no timers
 * @throws {TypeError} it is no loop
 * @throws {StateError} they were put onto a loop before, or are a simulation's (`ERR_GLOBALS_REPLACED`)
 */
export function installTimers(loop: EventLoop, options: TimersOptions = {}): Uninstall {
  if (typeof loop !== 'object' || loop === null || typeof loop.callLater !== 'function')
    throw new TypeError('Cannot install the timers: there is no event loop to put them onto');
  const { clocks = false } = options;
  const startOfTime = Date.now() - loop.time();
  const uninstall = installGlobals(
    {
      loop: () => loop,
      now: () => startOfTime + loop.time(),
      monotonic: () => loop.time(),
      random: () => {
        throw new Error('Cannot draw a number: chance was not replaced');
      },
    },
    { clocks, random: false, shared: true },
  );
  return uninstallBy(uninstall);
}
