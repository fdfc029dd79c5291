import { AsyncResource } from 'node:async_hooks';
import { type Clock, Duration, Effect } from 'effect';
import type { EventLoop } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import { wallClockOf } from '../common/wall-clock.ts';

const nanosecondsOf = (milliseconds: number) => BigInt(Math.round(milliseconds * 1e6));

/**
 * A clock of Effect's that shows and waits for the loop's time: `Effect.provideService(program, Clock.Clock, loopClock())`. Its
 * dates are the one at which it was made, and the loop's time since.
 *
 * @param loop the running one unless given
 * @throws {StateError} none runs
 */
export function loopClock(loop: EventLoop = getRunningLoop()): Clock.Clock {
  const milliseconds = wallClockOf(loop);
  const nanoseconds = () => nanosecondsOf(milliseconds());
  const monotonic = () => nanosecondsOf(loop.time());
  return {
    currentTimeMillisUnsafe: milliseconds,
    currentTimeMillis: Effect.sync(milliseconds),
    currentTimeNanosUnsafe: nanoseconds,
    currentTimeNanos: Effect.sync(nanoseconds),
    monotonicTimeNanosUnsafe: monotonic,
    monotonicTimeNanos: Effect.sync(monotonic),
    sleep(duration) {
      const delay = Duration.toMillis(duration);
      if (delay === Infinity) return Effect.never;
      return Effect.callback<void>((resume) => {
        const handle = loop.callLater(
          delay,
          AsyncResource.bind(() => resume(Effect.void)),
        );
        return Effect.sync(() => handle.cancel());
      });
    },
  };
}
