import type { Host } from '../guest-runner.ts';

// Captured when this module is loaded: a shim that later puts the loop under `setTimeout` must not be what the loop
// itself stands on.
const { setImmediate, clearImmediate, setTimeout, clearTimeout } = globalThis;

/**
 * Node's own drain of its two queues; undocumented (DEP0134), present from Node 11 to 26.
 *
 * A tick that throws throws through it, and must go on to Node uncaught: Node then clears the stack of async ids, on
 * which the tick has left its own. Caught, the id stays, and aborts the process when the present callback returns.
 */
const tickCallback = (process as { _tickCallback?: () => void })._tickCallback?.bind(process);

/** Node, or what behaves like it: setImmediate after I/O, setTimeout in whole milliseconds. */
export const nodeHost: Host = {
  setImmediate: (callback) => setImmediate(callback),
  clearImmediate: (immediate) => clearImmediate(immediate as NodeJS.Immediate),
  setAlarm: (callback, delay) => setTimeout(callback, delay),
  clearAlarm: (alarm) => clearTimeout(alarm as NodeJS.Timeout),
  refAlarm: (alarm, ref) => {
    if (ref) (alarm as NodeJS.Timeout).ref();
    else (alarm as NodeJS.Timeout).unref();
  },
  drainMicrotasks: tickCallback ?? null,
};
