import type { EventLoop } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import { type Startable, start } from '../common/start.ts';
import { whenDone } from '../common/when-done.ts';

type Executor<T> = (
  resolve: (value: T) => void,
  reject: (error: unknown) => void,
  onCancel?: (callback: () => void) => void,
) => void;

/** The class of promises that `bluebird` exports. */
export type BluebirdClass<P> = new (executor: Executor<never>) => P;

/**
 * A promise of Bluebird's for something that waits here. With Bluebird's cancellation switched on, to cancel it cancels the
 * task, or the future. The other way it needs no adapter: cancelling `wrapFuture(promise)` cancels the promise.
 *
 * @param bluebird what `bluebird` exports
 * @param loop the running one unless given
 */
export function bluebirdFrom<T, P extends PromiseLike<unknown>>(
  bluebird: BluebirdClass<P>,
  source: Startable<T>,
  loop: EventLoop = getRunningLoop(),
): P & PromiseLike<T> {
  const executor: Executor<T> = (resolve, reject, onCancel) => {
    const future = start(source, loop);
    const forget = whenDone(future, { fulfilled: resolve, failed: reject, cancelled: reject });
    onCancel?.(() => {
      forget();
      future.cancel('the promise was cancelled');
    });
  };
  return new bluebird(executor as Executor<never>) as P & PromiseLike<T>;
}
