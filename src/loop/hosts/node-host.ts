import { AsyncResource } from 'node:async_hooks';
import { isMainThread } from 'node:worker_threads';
import { ffi } from '../../syscalls/index.ts';
import type { Host, HostWatch } from '../guest-runner.ts';

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

/**
 * By an immediate that is always there and never keeps the process: Node comes to it each time it has looked at its I/O,
 * and waits for that as if it was not there.
 */
function watchByFlag(descriptor: number, callback: () => void): HostWatch | null {
  const flag = ffi().flag?.(descriptor);
  if (flag === undefined) return null;
  let immediate = setImmediate(look).unref();
  function look(): void {
    immediate = setImmediate(look).unref();
    if (flag?.take() === true) callback();
  }
  return {
    ref: () => flag.ref(),
    unref: () => flag.unref(),
    close: () => {
      clearImmediate(immediate);
      flag.close();
    },
  };
}

/** Dearer: what is called there is called from C, where turns cannot be made, and asks for an immediate. */
function watchByCalls(descriptor: number, callback: () => void): HostWatch | null {
  let immediate: NodeJS.Immediate | null = null;
  const called = (): void => {
    immediate = null;
    callback();
  };
  const ask = AsyncResource.bind(() => {
    immediate ??= setImmediate(called);
  });
  const watch = ffi().watch?.(descriptor, ask);
  if (watch === undefined) return null;
  return {
    ref: () => watch.ref(),
    unref: () => watch.unref(),
    close: () => {
      if (immediate !== null) clearImmediate(immediate);
      watch.close();
    },
  };
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
  watchDescriptor: (descriptor, callback) =>
    watchByFlag(descriptor, callback) ?? watchByCalls(descriptor, callback),
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
