import { HeapStore } from './heap-store.ts';
import { naturalOrder } from './natural-order.ts';
import { Queue } from './queue.ts';

export interface PriorityQueueOptions<T> {
  /**
   * as for `Array.prototype.sort`: less than 0 if `a` is to come out before `b`. Unless given: numbers, strings, dates,
   * and arrays of such, of which the first elements that differ decide
   */
  compare?: ((a: T, b: T) => number) | undefined;
}

/**
 * A queue that gives the smallest item first, and of equal ones the one that was put first.
 *
 * @see asyncio.PriorityQueue
 */
export class PriorityQueue<T> extends Queue<T> {
  constructor(maxsize = 0, options?: PriorityQueueOptions<T>) {
    const compare = options?.compare ?? naturalOrder;
    if (typeof compare !== 'function') throw new TypeError('Cannot make a queue: compare is not a function');
    super(maxsize, new HeapStore<T>(compare));
  }
}
