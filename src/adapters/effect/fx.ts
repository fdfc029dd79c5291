import { Cause, Clock, Context, Effect, Exit, Scheduler } from 'effect';
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
 * @param services what the effect requires, as `Effect.context()` gives it; a clock or scheduler in it is used in place of ours
 * @throws what the effect fails with, as it is, or else its defect; CancelledError if it was interrupted. `fx(Effect.exit(effect))`
 *   has the types of the errors, and throws none
 */
export function fx<A, E>(effect: Effect.Effect<A, E>): Coroutine<A>;
export function fx<A, E, R>(effect: Effect.Effect<A, E, R>, services: Context.Context<R>): Coroutine<A>;
export function fx<A, E, R>(
  effect: Effect.Effect<A, E, R>,
  services: Context.Context<R> = Context.empty() as Context.Context<R>,
): Coroutine<A> {
  return runEffect(() => futureOf(effect, services, getRunningLoop())) as Coroutine<A>;
}

// Named as its frames are to be shown.
const runEffect = coroutine(function* fx<A>(fork: () => ForeignFuture<A>) {
  return yield* fork();
});

function futureOf<A, E, R>(
  effect: Effect.Effect<A, E, R>,
  services: Context.Context<R>,
  loop: EventLoop,
): ForeignFuture<A> {
  return new ForeignFuture<A>(loop, (outcome) => {
    const onLoop = Context.merge(servicesOf(loop), services);
    const fiber = Effect.runForkWith(onLoop)(effect);
    fiber.addObserver((exit) => {
      if (Exit.isSuccess(exit)) outcome.succeeded(exit.value);
      else if (Cause.hasInterruptsOnly(exit.cause)) outcome.cancelled('interrupted');
      else outcome.failed(Cause.squash(exit.cause));
    });
    return () => fiber.interruptUnsafe();
  });
}

const knownServices = new WeakMap<EventLoop, Context.Context<never>>();

/** The clock and the scheduler, once for each loop. */
function servicesOf(loop: EventLoop): Context.Context<never> {
  let services = knownServices.get(loop);
  if (services === undefined) {
    services = Context.empty().pipe(
      Context.add(Scheduler.Scheduler, loopScheduler(loop)),
      Context.add(Clock.Clock, loopClock(loop)),
    ) as Context.Context<never>;
    knownServices.set(loop, services);
  }
  return services;
}
