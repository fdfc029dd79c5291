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
  return new LoopScheduler(loop);
}

class LoopScheduler extends Scheduler.MixedScheduler {
  constructor(loop: EventLoop) {
    super('async', (callback) => {
      const handle = loop.callSoon(callback);
      return () => handle.cancel();
    });
  }

  override makeDispatcher(): ReturnType<Scheduler.MixedScheduler['makeDispatcher']> {
    const dispatcher = super.makeDispatcher();
    const { scheduleTask } = dispatcher;
    dispatcher.scheduleTask = (task, priority) =>
      scheduleTask.call(dispatcher, AsyncResource.bind(task), priority);
    return dispatcher;
  }
}
