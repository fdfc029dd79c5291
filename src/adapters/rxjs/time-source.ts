import type { SchedulerLike } from 'rxjs';
import type { TimeSource } from '../hosted/index.ts';

/**
 * A scheduler of RxJS as what a loop runs on: `run(main, { loopFactory: () => hostedLoop(timeSourceOf(scheduler)) })`.
 */
export function timeSourceOf(scheduler: SchedulerLike): TimeSource {
  return {
    now: () => scheduler.now(),
    later(delay, callback) {
      const subscription = scheduler.schedule(() => callback(), delay);
      return () => subscription.unsubscribe();
    },
  };
}
