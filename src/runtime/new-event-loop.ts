import type { Driver } from '../interface/index.ts';
import { createDriver } from './drivers.ts';
import { EventLoop } from './event-loop.ts';

export interface NewEventLoopOptions {
  /** a driver, or the name of one; `TULIPA_LOOP`, else the best that works here, unless given */
  driver?: Driver | string | undefined;
  /** on if TULIPA_DEBUG is set, unless given */
  debug?: boolean | undefined;
  /**
   * While the loop owns the thread (`runForever`, `runUntilComplete`, `runOnce`, the blocking runner), it turns Node's own
   * loop too, so that Node's timers, sockets, files and threads go on. Experimental: Node 26 on Linux, in the main thread,
   * by `node:ffi`. On if TULIPA_TURNS_HOST is 1, unless given.
   */
  turnsHost?: boolean | undefined;
}

/**
 * Makes a loop; does not run it and does not make it the current one.
 *
 * @throws {RangeError} there is no such driver
 * @throws {NotSupportedError} it does not work here
 */
export function newEventLoop(options: NewEventLoopOptions = {}): EventLoop {
  const { driver, debug, turnsHost } = options;
  return new EventLoop(typeof driver === 'object' ? driver : createDriver(driver), { debug, turnsHost });
}
