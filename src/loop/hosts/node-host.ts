import type { Host } from '../guest-runner.ts';

// Captured when this module is loaded: a shim that later puts the loop under `setTimeout` must not be what the loop
// itself stands on.
const { setImmediate, clearImmediate, setTimeout, clearTimeout } = globalThis;

/** Node's own drain of its two queues; undocumented (DEP0134), present from Node 11 to 26. */
const tickCallback = (process as { _tickCallback?: () => void })._tickCallback?.bind(process);

/** Throws where Node looks for uncaught exceptions, instead of through the turn that is under way. */
function rethrow(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}

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
  drainMicrotasks:
    tickCallback === undefined
      ? null
      : () => {
          try {
            tickCallback();
          } catch (error) {
            rethrow(error);
          }
        },
};
