import { isMainThread } from 'node:worker_threads';
import { type Driver, NotSupportedError } from '../../interface/index.ts';
import { createDriver, EventLoop } from '../../runtime/index.ts';
import { GlibHost } from './glib-host.ts';
import { openLibglib } from './libglib.ts';

export interface GlibLoopOptions {
  /** by name: one that has a descriptor, such as epoll, poll or select; `TULIPA_LOOP`, else the best, unless given */
  driver?: string | undefined;
  /** on if TULIPA_DEBUG is set, unless given */
  debug?: boolean | undefined;
  /**
   * GLib's: the lower, the sooner. 200 (`G_PRIORITY_DEFAULT_IDLE`) unless given: behind what GTK has to do and to draw, of
   * which a busy loop would otherwise leave nothing.
   */
  priority?: number | undefined;
}

/**
 * A loop that GLib's main loop turns, in its default context: a real one, with sockets, timers and all else. Whoever runs the
 * main loop (`g_main_loop_run`, `g_application_run`, `gtk_main`, called by whatever binding) turns it; what is Node's own
 * stands still meanwhile.
 *
 *     const done = run(main, { loopFactory: () => glibLoop() });
 *
 * The main loop must not be run from behind an `await`, or at the top level of an ES module: no promise reaction can run
 * there, and `async` functions stand still until it returns. `runGlib` sees to it.
 *
 * @throws {NotSupportedError} there is no GLib, a driver without a descriptor, or this is no main thread
 * @throws {RangeError} there is no such driver, or the priority is none
 */
export function glibLoop(options: GlibLoopOptions = {}): EventLoop {
  const { driver, debug, priority = 200 } = options;
  if (!Number.isInteger(priority) || Math.abs(priority) >= 2 ** 31) {
    throw new RangeError(`Cannot make a loop: the priority is ${String(priority)}, not a 32-bit integer`);
  }
  // A thread that is ended in a call from C takes the process along; GLib's default context is the main thread's anyway.
  if (!isMainThread) throw notSupported('this is a worker thread');
  openLibglib();
  const made = createDriver(driver);
  if (made.name === 'node' || made.onIdle !== undefined) {
    throw notSupported(`the ${made.name} driver has no descriptor that GLib could watch`);
  }
  return new GlibLoop(made, new GlibHost(priority), debug);
}

class GlibLoop extends EventLoop {
  #attachedHere = false;

  constructor(driver: Driver, host: GlibHost, debug: boolean | undefined) {
    super(driver, { debug, host });
  }

  /** Nothing of Node's happens while it turns. */
  override get blocks(): boolean {
    return this.#attachedHere;
  }

  // However it is to be run, GLib is who does.
  override attach(onStop: () => void, _blocking: boolean): void {
    super.attach(onStop, false);
    this.#attachedHere = true;
  }

  override detach(onDetached: () => void): void {
    this.#attachedHere = false;
    super.detach(onDetached);
  }
}

function notSupported(why: string): NotSupportedError {
  return new NotSupportedError('glib', 'glib', `Cannot make a loop for GLib: ${why}`);
}
