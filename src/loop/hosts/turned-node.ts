import { createHook, executionAsyncResource } from 'node:async_hooks';
import { StateError } from '../../interface/index.ts';
import { type NodeUvLoop, nodeUvLoop } from '../../syscalls/index.ts';
import type { TurnedHost } from '../blocking-runner.ts';
import { nodeHost } from './node-host.ts';

// Captured when loaded, as in node-host.ts.
const { setInterval, clearInterval, setTimeout, clearTimeout, queueMicrotask, performance } = globalThis;

/** The longest that a timer of Node's takes. */
const foreverMs = 2 ** 31 - 1;

/** Of Node's timers with delays up to this, in milliseconds, one in a list of its own is looked for. */
const kickDelayMax = 16;

/**
 * Node's own loop, turned by a loop of ours while that owns the thread: `uv_run` in the middle of our JavaScript. Node
 * makes no such calls, and some things would go wrong.
 *
 * - libuv looks at nothing unless something keeps it alive: a timer does, while this lasts.
 * - An immediate that throws, or a tick that one leaves, aborts the process where it is not V8's outermost call. So those
 *   are made to catch, from the first loop of this kind on, and what they throw is thrown a moment later, where it does
 *   no harm.
 * - In a callback of a timer, Node has libuv's timer, one for all, set again when that has returned. One that is set anew
 *   sets it at once, if no other has its delay, since those share a list.
 * - Node runs ticks and microtasks at the end of the outermost callback, which is the one that we are in. So async hooks
 *   count callbacks, and run them at the end of each that is the outermost of the inner turn.
 */
export class TurnedNode implements TurnedHost {
  turns = 0;
  readonly #loop: NodeUvLoop;
  #keepAlive: NodeJS.Timeout | null = null;
  #kicks: NodeJS.Timeout[] = [];
  /** how many callbacks of Node's are under way in a turn of its loop, one inside the other; -1: no turn is, or a drain */
  #depth = -1;
  readonly #drainer = createHook({
    before: () => {
      if (this.#depth >= 0) this.#depth++;
    },
    after: () => {
      if (this.#depth <= 0 || --this.#depth > 0) return;
      this.#depth = -1;
      nodeHost.drainMicrotasks?.();
      this.#depth = 0;
    },
    trackPromises: false,
  });

  /** @throws {NotSupportedError} not here */
  constructor() {
    this.#loop = nodeUvLoop();
    guard.enable();
  }

  get descriptor(): number {
    return this.#loop.descriptor;
  }

  mustBeOutside(): void {
    // Before its loop has begun nothing of Node's is on the stack. Later something always is, and of that only a timer
    // leaves no list half done which the inner turns would need, or spoil.
    if (!hostHasBegun() || executionAsyncResource() instanceof timerClass()) return;
    throw new StateError(
      'ERR_HOST_TURNING',
      "Cannot turn Node's own loop here, in the middle of a turn of it: use await run(main), or call from the main script, before Node's loop begins, or from a callback of setTimeout",
    );
  }

  begin(): void {
    inReaction = !nodeHost.drainsHere();
    this.#keepAlive = setInterval(() => {}, foreverMs);
    this.#drainer.enable();
    if (hostHasBegun()) this.#kickTimers();
  }

  end(): void {
    this.#drainer.disable();
    inReaction = false;
    if (this.#keepAlive !== null) clearInterval(this.#keepAlive);
    this.#keepAlive = null;
    for (const kick of this.#kicks) clearTimeout(kick);
    this.#kicks = [];
  }

  timeout(): number | null {
    const timeout = this.#loop.timeout();
    return timeout === -1 ? null : timeout;
  }

  turn(): void {
    this.turns++;
    this.#depth = 0;
    try {
      this.#loop.turn();
    } finally {
      this.#depth = -1;
    }
    // What was not called as a callback, by V8's threads for example.
    nodeHost.drainMicrotasks?.();
  }

  #kickTimers(): void {
    for (let delay = 1; delay <= kickDelayMax; delay++) {
      this.#kicks.push(setTimeout(() => {}, delay));
      const timeout = this.#loop.timeout();
      // 0: there is something else to do at once, so that it does not tell.
      if (timeout > 0 && timeout <= delay) return;
    }
  }
}

/** Whether the run that turns Node's loop is inside a promise reaction, so that no microtask runs before its end. */
let inReaction = false;

const guard = createHook({
  init: (_id, type, _trigger, resource) => {
    if (type === 'Immediate') catchIn(resource as Record<string, unknown>, '_onImmediate');
    else if (type === 'TickObject') catchIn(resource as Record<string, unknown>, 'callback');
  },
  // Promises are many, and need no guard.
  trackPromises: false,
});

function catchIn(resource: Record<string, unknown>, name: string): void {
  const callback = resource[name];
  if (typeof callback !== 'function') return;
  resource[name] = function (this: unknown, ...args: unknown[]) {
    try {
      Reflect.apply(callback, this, args);
    } catch (error) {
      throwLater(error);
    }
  };
}

function throwLater(error: unknown): void {
  const rethrow = () => {
    throw error;
  };
  if (inReaction) setTimeout(rethrow, 0);
  else queueMicrotask(rethrow);
}

function hostHasBegun(): boolean {
  return performance.nodeTiming.loopStart !== -1;
}

let timer: (new () => object) | null = null;

/** What timers of Node's are instances of. */
function timerClass(): new () => object {
  if (timer === null) {
    const one = setTimeout(() => {}, foreverMs);
    clearTimeout(one);
    timer = one.constructor as new () => object;
  }
  return timer;
}
