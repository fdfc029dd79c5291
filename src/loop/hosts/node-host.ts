import { isMainThread } from 'node:worker_threads';
import { ffi } from '../../syscalls/index.ts';
import type { Host } from '../guest-runner.ts';

// Captured when this module is loaded: a shim that later puts the loop under `setTimeout` must not be what the loop
// itself stands on.
const { setImmediate, clearImmediate, setTimeout, clearTimeout, queueMicrotask } = globalThis;

/** Node's own drain of its two queues; undocumented (DEP0134), present from Node 11 to 26. */
const tickCallback = (process as { _tickCallback?: () => void })._tickCallback?.bind(process);

/**
 * A tick that throws throws through the drain and leaves its id on Node's stack of async ids, which aborts the process
 * where somebody next finds it there. What a microtask throws is for Node at once, by a way of its own, which also clears
 * that stack: nobody handles `uncaughtException`, and the process ends; else we are back here, and go on.
 */
function drain(tickCallback: () => void): void {
  for (;;) {
    try {
      tickCallback();
      return;
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

/**
 * In a worker thread Node has only asked for its end when somebody's error was uncaught, and inside of microtasks that
 * request is lost: a loop that blocks would go on for ever.
 */
function drainInWorker(tickCallback: () => void): void {
  drain(tickCallback);
  if ((process as { _exiting?: boolean })._exiting === true) process.exit();
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
  watchDescriptor: (descriptor, callback) => ffi().watch?.(descriptor, callback) ?? null,
  // Ending a worker in the middle of a native callback takes the whole process down.
  prefersBlocking: !isMainThread,
  drainMicrotasks:
    tickCallback === undefined
      ? null
      : isMainThread
        ? () => drain(tickCallback)
        : () => drainInWorker(tickCallback),
  drainsHere: () => {
    if (tickCallback === undefined) return false;
    let drained = false;
    queueMicrotask(() => {
      drained = true;
    });
    tickCallback();
    return drained;
  },
};
