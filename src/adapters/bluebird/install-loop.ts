import { AsyncResource } from 'node:async_hooks';
import type { EventLoop } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';

type Schedule = (callback: () => void) => void;

/**
 * Has Bluebird run its callbacks in the loop's turns, until the function it returns is called: what is settled meanwhile, of
 * all promises of this copy of Bluebird. Its own timers, as of `delay`, stay the host's.
 *
 * @param bluebird what `bluebird` exports
 * @param loop the running one unless given
 * @throws {StateError} no loop runs
 */
export function installLoop(
  bluebird: { setScheduler(scheduler: Schedule): unknown },
  loop: EventLoop = getRunningLoop(),
): () => void {
  const before = bluebird.setScheduler((callback) => void loop.callSoon(AsyncResource.bind(callback)));
  return () => void bluebird.setScheduler(before as unknown as Schedule);
}
