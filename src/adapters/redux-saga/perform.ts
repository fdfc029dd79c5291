import type { Future } from '../../coroutines/index.ts';
import type { EventLoop } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import { ForeignFuture } from '../common/foreign-future.ts';

/** A task of redux-saga's, as `runSaga` and `sagaMiddleware.run` give it. */
export interface SagaTask<T> {
  toPromise(): Promise<T>;
  cancel(): void;
  isCancelled(): boolean;
}

/**
 * A future of a saga that runs: `yield* perform(runSaga(io, saga))`. Cancelling it cancels the saga, whose `finally` has then
 * run up to its first wait; redux-saga itself waits for no more.
 *
 * @param loop the running one unless given
 * @throws what the saga throws; CancelledError if somebody else cancels it
 */
export function perform<T>(task: SagaTask<T>, loop: EventLoop = getRunningLoop()): Future<T> {
  return new ForeignFuture<T>(loop, (outcome) => {
    task.toPromise().then((value) => {
      if (task.isCancelled()) outcome.cancelled('the saga was cancelled');
      else outcome.succeeded(value);
    }, outcome.failed);
    return () => {
      task.cancel();
      outcome.cancelled();
    };
  });
}
