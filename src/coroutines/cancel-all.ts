import type { CancelledError, Future as FutureInterface } from '../interface/index.ts';
import { passedOn } from './cancellation.ts';
import { Task } from './task.ts';

/** Cancels them as one, with one error for all tasks among them. False if all were done. */
export function cancelAll(futures: Iterable<FutureInterface<unknown>>, error: CancelledError): boolean {
  const shared = passedOn(error);
  let asked = false;
  // Cancelling may end one at once, and who hears of that may take it out of what is gone through here.
  for (const future of [...futures]) {
    // A task factory may have made one of another kind.
    const agrees = future instanceof Task ? future.cancelBy(shared) : future.cancel(error.reason);
    asked = agrees || asked;
  }
  return asked;
}
