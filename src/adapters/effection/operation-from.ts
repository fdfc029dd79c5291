import { action, type Operation } from 'effection';
import type { Future } from '../../coroutines/index.ts';
import type { EventLoop } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import { type Startable, start } from '../common/start.ts';
import { whenDone } from '../common/when-done.ts';

export interface OperationFromOptions {
  /** the one that runs when the operation does unless given */
  loop?: EventLoop | undefined;
}

/**
 * What waits here as an operation of Effection's: a future, a task, a coroutine, a promise, or a generator or `async` function,
 * which becomes a task each time that the operation is run.
 *
 * To halt it cancels, and waits until the task has cleaned up; what that throws is then the error of the halt.
 *
 * @throws the error, as it is; CancelledError if somebody else has cancelled it
 */
export function operationFrom<T>(source: Startable<T>, options: OperationFromOptions = {}): Operation<T> {
  return {
    *[Symbol.iterator]() {
      const future = start(source, options.loop ?? getRunningLoop());
      try {
        return yield* action<T>((resolve, reject) =>
          whenDone(future, {
            fulfilled: resolve,
            failed: reject as (error: unknown) => void,
            cancelled: reject,
          }),
        );
      } finally {
        if (!future.done()) {
          future.cancel('halted');
          yield* ended(future);
        }
      }
    },
  };
}

/** Waits until it has cleaned up. */
function ended(future: Future<unknown>): Operation<void> {
  return action<void>((resolve, reject) =>
    whenDone(future, {
      fulfilled: () => resolve(),
      failed: reject as (error: unknown) => void,
      cancelled: () => resolve(),
    }),
  );
}
