import { createDriver } from './drivers.ts';
import { EventLoop } from './event-loop.ts';

export interface NewEventLoopOptions {
  /** the driver's name; `TULIPA_LOOP`, else the best that works here, unless given */
  driver?: string | undefined;
  /** on if TULIPA_DEBUG is set, unless given */
  debug?: boolean | undefined;
}

/**
 * Makes a loop; does not run it and does not make it the current one.
 *
 * @throws {RangeError} there is no such driver
 * @throws {NotSupportedError} it does not work here
 */
export function newEventLoop(options: NewEventLoopOptions = {}): EventLoop {
  return new EventLoop(createDriver(options.driver), { debug: options.debug });
}
