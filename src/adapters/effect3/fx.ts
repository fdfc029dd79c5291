import { Cause, type Context, Effect, Exit, FiberId } from 'effect';
import { type Coroutine, coroutine } from '../../coroutines/index.ts';
import type { EventLoop } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import { ForeignFuture } from '../common/foreign-future.ts';
import { loopClock } from './loop-clock.ts';
import { loopScheduler } from './loop-scheduler.ts';

/**
 * Runs an effect in the present task, on the task's loop: `yield* fx(effect)`, `await fx(effect)`.
 *
 * Cancelling the task interrupts the fiber; the task goes on when that has cleaned up. What cannot be interrupted is waited
 * for too.
 *
 * @param services what the effect requires, as `Effect.context()` gives it
 * @throws what the effect fails with, as it is, or else its defect; CancelledError if it was interrupted. `fx(Effect.exit(effect))`
 *   has the types of the errors, and throws none
 */
export function fx<A, E>(effect: Effect.Effect<A, E>): Coroutine<A>;
export function fx<A, E, R>(effect: Effect.Effect<A, E, R>, services: Context.Context<R>): Coroutine<A>;
export function fx<A, E, R>(effect: Effect.Effect<A, E, R>, services?: Context.Context<R>): Coroutine<A> {
  const provided =
    services === undefined ? (effect as Effect.Effect<A, E>) : Effect.provide(effect, services);
  return runEffect(() => futureOf(provided, getRunningLoop())) as Coroutine<A>;
}

// Named as its frames are to be shown.
const runEffect = coroutine(function* fx<A>(fork: () => ForeignFuture<A>) {
  return yield* fork();
});

function futureOf<A, E>(effect: Effect.Effect<A, E>, loop: EventLoop): ForeignFuture<A> {
  return new ForeignFuture<A>(loop, (outcome) => {
    const fiber = Effect.runFork(Effect.withClock(effect, loopClock(loop)), {
      scheduler: loopScheduler(loop),
    });
    fiber.addObserver((exit) => {
      if (Exit.isSuccess(exit)) outcome.succeeded(exit.value);
      else if (Cause.isInterruptedOnly(exit.cause)) outcome.cancelled('interrupted');
      else outcome.failed(Cause.squash(exit.cause));
    });
    return () => fiber.unsafeInterruptAsFork(FiberId.none);
  });
}
