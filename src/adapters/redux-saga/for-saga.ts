import type { EventLoop } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import { type Startable, start } from '../common/start.ts';
import { whenDone } from '../common/when-done.ts';

/** Where redux-saga looks for how a promise is cancelled: its `CANCEL`. */
const CANCEL = '@@redux-saga/CANCEL_PROMISE';

/**
 * What waits here as a promise for a saga to yield: `yield forSaga(sleep(100))`, `yield call(forSaga, main)`. When the saga is
 * cancelled the task, or the future, is too.
 *
 * @param loop the running one unless given
 */
export function forSaga<T>(source: Startable<T>, loop: EventLoop = getRunningLoop()): Promise<T> {
  const future = start(source, loop);
  let forget = () => {};
  const promise = new Promise<T>((resolve, reject) => {
    forget = whenDone(future, { fulfilled: resolve, failed: reject, cancelled: reject });
  });
  return Object.assign(promise, {
    [CANCEL]: () => {
      forget();
      future.cancel('the saga was cancelled');
    },
  });
}
