import type { EventLoop, Future } from '../interface/index.ts';

/** How a promise ended. */
export type Outcome<T> = { readonly value: T } | { readonly error: unknown };

/**
 * Calls what gives a promise, and waits for it on the loop. The future never fails: what is thrown at a wait for it is
 * the waiting task's own cancellation, and what the promise rejects with is told from that, whatever it is.
 */
export function outcomeOf<T>(loop: EventLoop, call: () => PromiseLike<T>): Future<Outcome<T>> {
  const future = loop.createFuture<Outcome<T>>();
  const settle = (outcome: Outcome<T>) => {
    if (!future.done() && !loop.isClosed()) future.setResult(outcome);
  };
  new Promise<T>((resolve) => resolve(call())).then(
    (value) => settle({ value }),
    (error: unknown) => settle({ error }),
  );
  return future;
}

/** Follows something that nobody waits for, and reports its failure. */
export function reportFailure(loop: EventLoop, message: string, call: () => unknown): void {
  new Promise((resolve) => resolve(call())).catch((exception: unknown) => {
    loop.callExceptionHandler({ message, exception });
  });
}

/** The error of a task that was cancelled. */
export function cancellationOf(task: Future<unknown>): unknown {
  try {
    return task.exception();
  } catch (cancellation) {
    return cancellation;
  }
}
