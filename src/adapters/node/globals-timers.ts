import { AsyncResource } from 'node:async_hooks';
import process from 'node:process';
import { promisify } from 'node:util';
import type { EventLoop, Handle } from '../../interface/index.ts';
import { globalsClock } from './globals-clock.ts';
import type { Replacements } from './replacements.ts';

// Node's timers on a loop: the same objects to look at, the same rounding, the same order. Callbacks run in the async context
// of who set them, which a loop's own callbacks do not.

type Callback = (...args: unknown[]) => void;

const real = { setTimeout, setInterval, setImmediate, clearTimeout, clearImmediate };

/** A longer delay is none, with a warning: 32 bits. */
const delayMax = 2 ** 31 - 1;
const unobserved = { requireManualDestroy: true };

/** What Node makes of a delay, in whole milliseconds. */
function wholeDelay(delay: unknown): number {
  const milliseconds = Number(delay);
  if (milliseconds >= 1 && milliseconds <= delayMax) return Math.trunc(milliseconds);
  if (milliseconds > delayMax) {
    const message = `${milliseconds} does not fit into a 32-bit signed integer.\nTimeout duration was set to 1.`;
    process.emitWarning(message, 'TimeoutOverflowWarning');
  }
  return 1;
}

/** Timers that were asked for their number, which may be all that is left of them with who clears them. */
const known = new Map<number, Timeout>();
let numbers = 0;

/** Begins anew, so that a simulation finds the numbers that it had the last time. */
export function resetTimerNumbers(): void {
  known.clear();
  numbers = 0;
}

/** What a timer of a loop and one of Node's have in common. */
interface Ringing {
  cancel(): void;
  ref(): void;
  unref(): void;
}

function realRinging(callback: () => void, delay: number): Ringing {
  const timer = real.setTimeout(callback, delay);
  return {
    cancel: () => real.clearTimeout(timer),
    ref: () => void timer.ref(),
    unref: () => void timer.unref(),
  };
}

/** What `setTimeout` and `setInterval` return. @see the documentation of Node, "Timers", Class: Timeout */
export class Timeout {
  readonly #loop: EventLoop;
  readonly #delay: number;
  readonly #repeats: boolean;
  readonly #args: unknown[];
  readonly #resource: AsyncResource;
  readonly #number = ++numbers;
  /** null: it was cleared */
  #callback: Callback | null;
  #handle: Ringing;
  #ref = true;

  constructor(loop: EventLoop, callback: Callback, delay: unknown, args: unknown[], repeats: boolean) {
    this.#loop = loop;
    this.#delay = wholeDelay(delay);
    this.#callback = callback;
    this.#args = args;
    this.#repeats = repeats;
    this.#resource = new AsyncResource('Timeout', unobserved);
    this.#handle = this.#start();
  }

  ref(): this {
    this.#ref = true;
    this.#handle.ref();
    return this;
  }

  unref(): this {
    this.#ref = false;
    this.#handle.unref();
    return this;
  }

  hasRef(): boolean {
    return this.#ref;
  }

  /** Begins anew, also after it has called back. */
  refresh(): this {
    if (this.#callback !== null) this.#restart();
    return this;
  }

  close(): this {
    this.#callback = null;
    this.#handle.cancel();
    known.delete(this.#number);
    return this;
  }

  [Symbol.toPrimitive](): number {
    known.set(this.#number, this);
    return this.#number;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #start(): Ringing {
    const timeout = () => this.#fire();
    // A module that lives on may begin its timer anew when there is another loop, or none: undici does.
    const loop = this.#loop.isClosed() ? (globalsClock()?.loop() ?? null) : this.#loop;
    return loop === null ? realRinging(timeout, this.#delay) : loop.callLater(this.#delay, timeout);
  }

  #restart(): void {
    this.#handle.cancel();
    this.#handle = this.#start();
    if (!this.#ref) this.#handle.unref();
  }

  #fire(): void {
    const callback = this.#callback;
    if (callback === null) return;
    const fired = this.#handle;
    try {
      this.#resource.runInAsyncScope(callback, this, ...this.#args);
    } finally {
      // It may have begun itself anew.
      if (this.#repeats && this.#callback !== null && this.#handle === fired) this.#restart();
      else if (!this.#repeats && this.#handle === fired) known.delete(this.#number);
    }
  }
}

/** What `setImmediate` returns. @see the documentation of Node, "Timers", Class: Immediate */
export class Immediate {
  /** For the real `clearImmediate`, if it is given one of these when the simulation is over: Node 20 would take it out of its queue. */
  readonly _destroyed = true;
  readonly #handle: Handle;
  #ref = true;

  constructor(loop: EventLoop, callback: Callback, args: unknown[]) {
    const resource = new AsyncResource('Immediate', unobserved);
    const immediate = () => void resource.runInAsyncScope(callback, this, ...args);
    this.#handle = loop.callSoon(immediate);
  }

  ref(): this {
    this.#ref = true;
    return this;
  }

  unref(): this {
    this.#ref = false;
    return this;
  }

  hasRef(): boolean {
    return this.#ref;
  }

  clear(): void {
    this.#handle.cancel();
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}

/** One of Node's own, which somebody has kept from before; the fields are those of Node 20 to 26. */
interface RealTimeout {
  /** null: it was cleared */
  readonly _onTimeout: Callback | null;
  readonly _idleTimeout: number;
}

const realPrototype = prototypeOfReal();

function prototypeOfReal(): { refresh(this: NodeJS.Timeout): NodeJS.Timeout } {
  const timer = real.setTimeout(() => {}, 1);
  real.clearTimeout(timer);
  return Object.getPrototypeOf(timer);
}

const realRefresh = realPrototype.refresh;
/** What rings in the place of a real timer that was begun anew where none is. */
const standIns = new WeakMap<object, Timeout>();

function refreshOnLoop(timer: RealTimeout, loop: EventLoop): void {
  standIns.get(timer)?.close();
  const { _onTimeout: callback, _idleTimeout: delay } = timer;
  if (callback !== null) standIns.set(timer, new Timeout(loop, () => callback.call(timer), delay, [], false));
}

/** The loop to set a timer on; null: it is the real function's business, which also knows how to refuse. */
export function timerLoop(callback: unknown): EventLoop | null {
  return typeof callback === 'function' ? (globalsClock()?.loop() ?? null) : null;
}

const replaced = {
  setTimeout(callback: Callback, delay?: number, ...args: unknown[]): unknown {
    const loop = timerLoop(callback);
    if (loop === null) return real.setTimeout(callback, delay, ...args);
    return new Timeout(loop, callback, delay, args, false);
  },
  setInterval(callback: Callback, delay?: number, ...args: unknown[]): unknown {
    const loop = timerLoop(callback);
    if (loop === null) return real.setInterval(callback, delay, ...args);
    return new Timeout(loop, callback, delay, args, true);
  },
  setImmediate(callback: Callback, ...args: unknown[]): unknown {
    const loop = timerLoop(callback);
    if (loop === null) return real.setImmediate(callback, ...args);
    return new Immediate(loop, callback, args);
  },
  clearTimeout(timer?: unknown): void {
    const found = typeof timer === 'number' || typeof timer === 'string' ? known.get(Number(timer)) : timer;
    if (found instanceof Timeout) {
      found.close();
    } else {
      if (typeof found === 'object' && found !== null) standIns.get(found)?.close();
      real.clearTimeout(timer as NodeJS.Timeout);
    }
  },
  clearInterval(timer?: unknown): void {
    replaced.clearTimeout(timer);
  },
  clearImmediate(immediate?: unknown): void {
    if (immediate instanceof Immediate) immediate.clear();
    // Node 20 takes anything for one of its own.
    else if ((immediate as { _onImmediate?: unknown } | undefined)?._onImmediate != null)
      real.clearImmediate(immediate as NodeJS.Immediate);
  },
};

/**
 * @param modules whose functions of these names are the global ones: node:timers
 * @param promises what `promisify` makes of them
 */
export function replaceTimers(
  replacements: Replacements,
  modules: readonly object[],
  promises: { setTimeout: unknown; setImmediate: unknown },
): void {
  for (const target of [globalThis, ...modules]) {
    for (const [name, value] of Object.entries(replaced)) replacements.replace(target, name, value);
  }
  replacements.replace(realPrototype, 'refresh', function refresh(this: NodeJS.Timeout): NodeJS.Timeout {
    const loop = globalsClock()?.loop() ?? null;
    if (loop === null) return realRefresh.call(this);
    refreshOnLoop(this as unknown as RealTimeout, loop);
    return this;
  });
  Object.defineProperty(replaced.setTimeout, promisify.custom, {
    get: () => promises.setTimeout,
    configurable: true,
  });
  Object.defineProperty(replaced.setImmediate, promisify.custom, {
    get: () => promises.setImmediate,
    configurable: true,
  });
}
