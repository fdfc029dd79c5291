import { AsyncResource } from 'node:async_hooks';
import { Clock, Duration, Effect } from 'effect';
import type { EventLoop } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import { wallClockOf } from '../common/wall-clock.ts';

/**
 * A clock of Effect's that shows and waits for the loop's time: `Effect.withClock(program, loopClock())`. Its dates are the one
 * at which it was made, and the loop's time since.
 *
 * @param loop the running one unless given
 * @throws {StateError} none runs
 */
export function loopClock(loop: EventLoop = getRunningLoop()): Clock.Clock {
  const milliseconds = wallClockOf(loop);
  const nanoseconds = () => BigInt(Math.round(milliseconds() * 1e6));
  return {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: milliseconds,
    currentTimeMillis: Effect.sync(milliseconds),
    unsafeCurrentTimeNanos: nanoseconds,
    currentTimeNanos: Effect.sync(nanoseconds),
    sleep(duration) {
      const delay = Duration.toMillis(duration);
      // `Effect.never` would keep a timer of the host's.
      if (delay === Infinity) return Effect.async<void>(() => {});
      return Effect.async<void>((resume) => {
        const handle = loop.callLater(
          delay,
          AsyncResource.bind(() => resume(Effect.void)),
        );
        return Effect.sync(() => handle.cancel());
      });
    },
  };
}
