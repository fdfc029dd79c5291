import { EmptyError, type Observable } from 'rxjs';
import type { Future } from '../../coroutines/index.ts';
import type { EventLoop } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import { ForeignFuture } from '../common/foreign-future.ts';

export interface FutureFromOptions<D> {
  /** the result if nothing is emitted; an EmptyError unless given */
  defaultValue?: D;
  /** the running one unless given */
  loop?: EventLoop | undefined;
}

/**
 * Subscribes, and gives a future of the last value: `yield* futureFrom(source)`, `await futureFrom(source.pipe(first()))`.
 * Cancelling it unsubscribes.
 *
 * @throws what the observable fails with; EmptyError: it ended without a value
 * @see rxjs.lastValueFrom
 */
export function futureFrom<T>(observable: Observable<T>, options?: FutureFromOptions<T>): Future<T>;
export function futureFrom<T, D>(observable: Observable<T>, options: FutureFromOptions<D>): Future<T | D>;
export function futureFrom<T, D>(
  observable: Observable<T>,
  options: FutureFromOptions<D> = {},
): Future<T | D> {
  return new ForeignFuture<T | D>(options.loop ?? getRunningLoop(), (outcome) => {
    let last: { readonly value: T | D } | null =
      'defaultValue' in options ? { value: options.defaultValue as D } : null;
    const subscription = observable.subscribe({
      next(value) {
        last = { value };
      },
      error: (error: unknown) => outcome.failed(error),
      complete() {
        if (last === null) outcome.failed(new EmptyError());
        else outcome.succeeded(last.value);
      },
    });
    return () => {
      subscription.unsubscribe();
      outcome.cancelled();
    };
  });
}
