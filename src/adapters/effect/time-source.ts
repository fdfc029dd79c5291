import { Clock, Duration, Effect } from 'effect';
import type { TimeSource } from '../hosted/index.ts';

/**
 * The clock of the present fiber, as a `TestClock` is, as what a loop runs on:
 * `run(main, { loopFactory: () => hostedLoop(source) })`.
 */
export const timeSource: Effect.Effect<TimeSource> = Effect.gen(function* () {
  const clock = yield* Clock.Clock;
  const context = yield* Effect.context<never>();
  return {
    now: () => clock.currentTimeMillisUnsafe(),
    later(delay, callback) {
      const waiting = Effect.andThen(clock.sleep(Duration.millis(delay)), Effect.sync(callback));
      const fiber = Effect.runForkWith(context)(Effect.andThen(Effect.yieldNow, waiting));
      return () => fiber.interruptUnsafe();
    },
  };
});
