import { AsyncResource } from 'node:async_hooks';
import type { Future } from '../../coroutines/index.ts';
import type { CancelledError } from '../../interface/index.ts';

/** Who is told how a future of ours ended: one of the three, once. */
export interface Receiver<T> {
  fulfilled(value: T): void;
  failed(error: unknown): void;
  cancelled(error: CancelledError): void;
}

/**
 * Tells the outside, in its async context, how the future ends; what goes wrong is then the outside's to report.
 *
 * @returns stops telling; whether the future is cancelled too is for the caller to say
 */
export function whenDone<T>(future: Future<T>, receiver: Receiver<T>): () => void {
  const told = AsyncResource.bind(() => future.tell(receiver));
  future.addDoneCallback(told);
  return () => void future.removeDoneCallback(told);
}
