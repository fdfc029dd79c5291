import { Effect } from 'effect';
import type { Future } from '../../coroutines/index.ts';
import type { EventLoop } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import { type Startable, start } from '../common/start.ts';
import { whenDone } from '../common/when-done.ts';

export interface EffectFromOptions<E> {
  /** gives the error that the effect fails with; the error itself, of unknown type, unless given */
  catch?: ((error: unknown) => E) | undefined;
  /** the one that runs when the effect does unless given */
  loop?: EventLoop | undefined;
}

/**
 * What waits here as an effect: a future, a task, a coroutine, a promise, or a generator or `async` function, which becomes
 * a task each time that the effect is run.
 *
 * To interrupt it cancels, and waits until the task has cleaned up; what that throws is then a defect. Somebody else's
 * cancellation interrupts the fiber.
 */
export function effectFrom<A, E = unknown>(
  source: Startable<A>,
  options: EffectFromOptions<E> = {},
): Effect.Effect<A, E> {
  const errorOf = options.catch ?? ((error: unknown) => error as E);
  return Effect.suspend(() => {
    const future = start(source, options.loop ?? getRunningLoop());
    return Effect.async<A, E>((resume) => {
      const forget = whenDone(future, {
        fulfilled: (value) => resume(Effect.succeed(value)),
        failed: (error) => resume(Effect.suspend(() => Effect.fail(errorOf(error)))),
        cancelled: () => resume(Effect.interrupt),
      });
      return Effect.suspend(() => {
        forget();
        future.cancel('interrupted');
        return ended(future);
      });
    });
  });
}

/** Waits until it has cleaned up. */
function ended(future: Future<unknown>): Effect.Effect<void> {
  return Effect.async<void>((resume) => {
    whenDone(future, {
      fulfilled: () => resume(Effect.void),
      failed: (error) => resume(Effect.die(error)),
      cancelled: () => resume(Effect.void),
    });
  });
}
