import { AsyncResource } from 'node:async_hooks';
import { Observable, type Subscriber } from 'rxjs';
import type { Future } from '../../coroutines/index.ts';
import type { EventLoop } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import { type Startable, start } from '../common/start.ts';
import { whenDone } from '../common/when-done.ts';

/** What `for await` takes: also iterators that give futures and coroutines of ours in place of promises. */
export interface Iterating<T> {
  [Symbol.asyncIterator](): { next(): PromiseLike<IteratorResult<T, unknown>> };
}

export interface ObservableFromOptions {
  /** the one that runs at the subscription unless given */
  loop?: EventLoop | undefined;
}

/**
 * An observable of something to wait for, which emits the result, or of something to iterate over, as a `StreamReader` is,
 * which emits each item.
 *
 * A function is started anew at each subscription; a coroutine or a future can be subscribed to as often as it can be waited
 * for. To unsubscribe cancels: the task that was started, the future, or the iteration, which is then closed. There is no
 * back-pressure in RxJS: items are emitted as fast as they come.
 *
 * Errors pass as they are; a cancellation by somebody else is the error CancelledError.
 */
export function observableFrom<T>(
  source: Startable<T> | Iterating<T>,
  options: ObservableFromOptions = {},
): Observable<T> {
  return new Observable<T>((subscriber) => {
    const loop = options.loop ?? getRunningLoop();
    // Of whoever subscribed; a task has the loop's.
    const scope = new AsyncResource('TulipaObservable');
    const iterating = Symbol.asyncIterator in source;
    const future: Future<unknown> = iterating
      ? start(() => emitAll(source, subscriber, scope), loop)
      : start(source, loop);
    const forget = whenDone(future, {
      fulfilled(value) {
        if (!iterating) subscriber.next(value as T);
        subscriber.complete();
      },
      failed: (error) => subscriber.error(error),
      cancelled: (error) => subscriber.error(error),
    });
    return () => {
      if (future.done()) return;
      forget();
      future.cancel('unsubscribed');
    };
  });
}

async function emitAll<T>(
  source: Iterating<T>,
  subscriber: Subscriber<T>,
  scope: AsyncResource,
): Promise<void> {
  for await (const item of source as AsyncIterable<T>) {
    if (subscriber.closed) return;
    scope.runInAsyncScope(subscriber.next, subscriber, item);
  }
}
