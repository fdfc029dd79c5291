import { Future } from '../coroutines/index.ts';
import type { Completion, EventLoop, Operation } from '../interface/index.ts';

/** A future for an operation of a driver; cancelling it cancels the operation. */
export class OperationFuture<T> extends Future<T> {
  #operation: Operation | null = null;

  constructor(loop: EventLoop, start: (completion: Completion<T>) => Operation) {
    super({ loop });
    this.#operation = start({
      succeeded: (value) => {
        if (!this.done()) this.fulfil(value);
      },
      failed: (error) => {
        if (!this.done()) this.fail(error);
      },
    });
  }

  override cancel(reason?: unknown): boolean {
    if (!super.cancel(reason)) return false;
    this.#operation?.cancel();
    return true;
  }
}
