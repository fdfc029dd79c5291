import { AsyncResource } from 'node:async_hooks';
import type { EventLoop, Handle } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';

/** What `createActor` takes as its `clock`. */
export interface ActorClock {
  setTimeout(callback: (...args: unknown[]) => void, delay: number): Handle;
  clearTimeout(timer: Handle): void;
}

/**
 * The clock of actors that wait by the loop's time: `createActor(machine, { clock: loopClock() })`.
 *
 * @param loop the running one unless given
 * @throws {StateError} none runs
 */
export function loopClock(loop: EventLoop = getRunningLoop()): ActorClock {
  return {
    setTimeout: (callback, delay) => loop.callLater(delay, AsyncResource.bind(callback)),
    clearTimeout: (timer) => timer?.cancel(),
  };
}
