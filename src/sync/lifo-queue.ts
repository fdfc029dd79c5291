import { ListStore } from './item-store.ts';
import { Queue } from './queue.ts';

/** A queue that gives the newest item first. @see asyncio.LifoQueue */
export class LifoQueue<T> extends Queue<T> {
  constructor(maxsize = 0) {
    super(maxsize, new ListStore<T>('newest first'));
  }
}
