import { AsyncResource } from 'node:async_hooks';
import { dateTimestampProvider } from 'rxjs/internal/scheduler/dateTimestampProvider';
import { immediateProvider } from 'rxjs/internal/scheduler/immediateProvider';
import { intervalProvider } from 'rxjs/internal/scheduler/intervalProvider';
import { timeoutProvider } from 'rxjs/internal/scheduler/timeoutProvider';
import { Immediate } from 'rxjs/internal/util/Immediate';
import { type EventLoop, type Handle, StateError } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import { wallClockOf } from '../common/wall-clock.ts';

type Callback = (...args: unknown[]) => void;

let installed = false;

/** What RxJS holds of ours. It may have been set before the loop was installed, or be taken back after, with none or another. */
const ours = new WeakSet<Handle>();

function kept(handle: Handle): Handle {
  ours.add(handle);
  return handle;
}

/** Takes back what is ours, or else leaves it to `native`. */
const cancelOr =
  <T>(native: (id: T) => void) =>
  (id: unknown): void => {
    if (typeof id === 'object' && id !== null && ours.has(id as Handle)) (id as Handle).cancel();
    else native(id as T);
  };

const clear = cancelOr((id: NodeJS.Timeout) => clearTimeout(id));
const clearSoon = cancelOr((id: number) => Immediate.clearImmediate(id));

/**
 * Has all of RxJS wait on the loop, until the function it returns is called: also operators that are given no scheduler. What
 * was set before goes on where it was set.
 *
 * @param loop the running one unless given
 * @throws {StateError} no loop runs; one is installed already (`ERR_INSTALLED`)
 */
export function installLoop(loop: EventLoop = getRunningLoop()): () => void {
  if (installed) throw new StateError('ERR_INSTALLED', 'Cannot install the loop: RxJS waits on one already');
  installed = true;
  const later = (callback: Callback, delay = 0, ...args: unknown[]) =>
    kept(loop.callLater(delay, AsyncResource.bind(callback), ...args));
  // A timer of 0 ms that comes again and again would leave no time to anything else.
  const repeatedly = (callback: Callback, delay = 0, ...args: unknown[]) =>
    kept(loop.callRepeatedly(Math.max(delay, 1), AsyncResource.bind(callback), ...args));
  const soon = (callback: () => void) => kept(loop.callSoon(AsyncResource.bind(callback)));
  setDelegates({ later, repeatedly, soon });
  dateTimestampProvider.delegate = { now: wallClockOf(loop) };
  let left = false;
  return () => {
    if (left) return;
    left = true;
    installed = false;
    // Looked up at the call, as RxJS does, so that fake ones are found.
    setDelegates({
      later: (...args) => setTimeout(...args),
      repeatedly: (...args) => setInterval(...args),
      soon: (callback) => Immediate.setImmediate(callback),
    });
    dateTimestampProvider.delegate = undefined;
  };
}

interface Setters {
  later(callback: Callback, delay?: number, ...args: unknown[]): unknown;
  repeatedly(callback: Callback, delay?: number, ...args: unknown[]): unknown;
  soon(callback: () => void): unknown;
}

/** RxJS passes on what these return, and looks at none of it, whatever its types say. */
function setDelegates({ later, repeatedly, soon }: Setters): void {
  timeoutProvider.delegate = { setTimeout: later as never, clearTimeout: clear as never };
  intervalProvider.delegate = { setInterval: repeatedly as never, clearInterval: clear as never };
  immediateProvider.delegate = { setImmediate: soon as never, clearImmediate: clearSoon as never };
}
