import { AsyncResource } from 'node:async_hooks';
import { Scheduler } from 'effect';
import type { EventLoop } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';

/**
 * A scheduler by which fibers take their turns on the loop: `Effect.runFork(program, { scheduler: loopScheduler() })`.
 *
 * A fiber goes on in the async context in which it asked to.
 *
 * @param loop the running one unless given
 * @throws {StateError} none runs
 */
export function loopScheduler(loop: EventLoop = getRunningLoop()): Scheduler.Scheduler {
  const inTurns = Scheduler.makeBatched((run) => void loop.callSoon(run));
  return {
    shouldYield: (fiber) => inTurns.shouldYield(fiber),
    scheduleTask: (task, priority, fiber) => inTurns.scheduleTask(AsyncResource.bind(task), priority, fiber),
  };
}
