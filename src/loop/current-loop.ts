import { type EventLoop, type EventLoopPolicy, StateError } from '../interface/index.ts';
import { asyncOwner } from './async-context.ts';

// Three ways to be "the running loop", tried in this order: a turn of it is on the stack (microtasks included, which are
// drained inside the turn); the code is an async function's that one of its tasks drives, resumed by something foreign;
// it is attached to this thread's host as a guest, which is then always running (PEP 3156: "embedded loops").
//
// Among loops that are stepped side by side, an async function of one may be resumed by a promise that was settled in a
// turn of another; of these the function's own is the running one.

let turning: EventLoop | null = null;
/** when the turns that are under way began, or the clock was last looked at in them */
let turningSince = 0;
let attached: EventLoop | null = null;
/** what `setEventLoop` set for this thread, under the default policy */
let current: EventLoop | null = null;
let policy: EventLoopPolicy | null = null;
/** loops that are stepped, or were, as code of theirs may still be resumed */
const stepped = new WeakSet<EventLoop>();
/** how many are now */
let steppedCount = 0;

/** The running loop of this thread, or null. */
export function runningLoop(): EventLoop | null {
  if (turning !== null) return steppedCount === 0 ? turning : amongStepped(turning);
  const owned = asyncOwner()?.getLoop();
  return owned !== undefined && !owned.isClosed() ? owned : attached;
}

function amongStepped(turning: EventLoop): EventLoop {
  const owned = asyncOwner()?.getLoop();
  if (owned === undefined || owned === turning) return turning;
  return stepped.has(owned) && stepped.has(turning) ? owned : turning;
}

/** The loop that runs this code. @throws {StateError} none does */
export function getRunningLoop(): EventLoop {
  const loop = runningLoop();
  if (loop === null)
    throw new StateError('ERR_NO_RUNNING_LOOP', 'Cannot get the running loop: no loop runs here');
  return loop;
}

/** The running loop, else what the policy says. @throws {StateError} none runs and none was set */
export function getEventLoop(): EventLoop {
  return runningLoop() ?? installedPolicy().getEventLoop();
}

/** Makes `loop` the one that `getEventLoop` gives where none runs; null: none. */
export function setEventLoop(loop: EventLoop | null): void {
  installedPolicy().setEventLoop(loop);
}

/** The default policy's own memory; it makes no loops, which whoever knows the drivers must add. */
export const threadLoop = {
  getEventLoop(): EventLoop {
    if (current === null) {
      throw new StateError('ERR_NO_EVENT_LOOP', 'Cannot get the event loop: none runs and none was set');
    }
    return current;
  },
  setEventLoop(loop: EventLoop | null): void {
    if (loop !== null && (typeof loop !== 'object' || typeof loop.callSoon !== 'function')) {
      throw new TypeError('Cannot set the event loop: it is neither an event loop nor null');
    }
    current = loop;
  },
};

function installedPolicy(): Pick<EventLoopPolicy, 'getEventLoop' | 'setEventLoop'> {
  return policy ?? threadLoop;
}

/** null: the default one */
export function installPolicy(next: EventLoopPolicy | null): void {
  policy = next;
}

export function policyInstalled(): EventLoopPolicy | null {
  return policy;
}

/** Marks a turn of `loop`, begun at `now`, as being on the stack; what it returns is for `leaveTurn`. */
export function enterTurn(loop: EventLoop, now: number): EventLoop | null {
  const previous = turning;
  turning = loop;
  turnsGoOn(now);
  return previous;
}

/** Says that the turn on the stack has come to `now`. */
export function turnsGoOn(now: number): void {
  // In whole milliseconds, because V8 stores small integers for nothing, and makes an object of any other number.
  turningSince = Math.floor(now);
}

/**
 * The loop's time for those whom some turns and a millisecond do not matter: inside turns it costs no look at the clock.
 */
export function roughTime(loop: EventLoop): number {
  return turning === loop ? turningSince : Math.floor(loop.time());
}

export function leaveTurn(previous: EventLoop | null): void {
  turning = previous;
}

/**
 * Makes `loop` this thread's guest.
 * @throws {StateError} another loop runs here
 */
export function attach(loop: EventLoop): void {
  const running = runningLoop();
  if (running !== null) throw alreadyRunning(loop, running);
  attached = loop;
}

export function detach(loop: EventLoop): void {
  if (attached === loop) attached = null;
}

/** Says that `loop` is stepped from now on, beside others. */
export function steppingBegins(loop: EventLoop): void {
  stepped.add(loop);
  steppedCount++;
}

export function steppingEnds(): void {
  steppedCount--;
}

export function alreadyRunning(wanted: EventLoop | null, running: EventLoop): StateError {
  const why = wanted === running ? 'it is already running' : 'another loop is running in this thread';
  return new StateError('ERR_LOOP_RUNNING', `Cannot run the event loop: ${why}`);
}
