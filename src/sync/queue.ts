import type { Future } from '../coroutines/index.ts';
import { Exchange } from './exchange.ts';
import { type ItemStore, ListStore } from './item-store.ts';
import { LinkedList } from './linked-list.ts';
import { LoopBound } from './loop-bound.ts';
import { QueueEmpty, QueueFull, QueueShutDown } from './queue-errors.ts';
import { granted, refused, Waiter } from './waiter.ts';

/**
 * Items from those who have them to those who need them, first in, first out; with a maximum size those who put wait for
 * those who get. Both are served strictly first come, first served.
 *
 * An item is promised to the getter that is first in line as soon as it is there: `qsize`, `full` and the other questions
 * are about the items that nobody was promised.
 *
 * Cancelling loses nothing: a `get` that ends by cancellation has taken no item, a `put` has put none.
 *
 * @see asyncio.Queue
 */
export class Queue<T> extends LoopBound {
  readonly #maxsize: number;
  readonly #exchange: Exchange<T>;
  readonly #joiners = new LinkedList<Waiter<void>>();
  /** items that were put and not said to be done */
  #unfinished = 0;
  #isShutDown = false;

  /**
   * @param maxsize items; 0 or less: no limit
   * @param store first in, first out unless given
   * @throws {RangeError} `maxsize` is NaN
   */
  constructor(maxsize = 0, store: ItemStore<T> = new ListStore<T>('oldest first')) {
    super();
    if (typeof maxsize !== 'number') throw new TypeError('Cannot make a queue: maxsize is not a number');
    if (Number.isNaN(maxsize)) throw new RangeError('Cannot make a queue: maxsize is NaN');
    this.#maxsize = maxsize;
    this.#exchange = new Exchange(store, maxsize > 0 ? maxsize : Infinity, (change) => {
      // Whoever says that something is done before getting it may have said it of an item that is dropped now.
      this.#unfinished = Math.max(0, this.#unfinished + change);
      this.#wakeJoiners();
    });
  }

  get maxsize(): number {
    return this.#maxsize;
  }

  /** Items that nobody was promised. */
  qsize(): number {
    return this.#exchange.size;
  }

  empty(): boolean {
    return this.#exchange.size === 0;
  }

  full(): boolean {
    return this.#exchange.size >= this.#exchange.capacity;
  }

  /**
   * Puts an item in, once there is room.
   *
   * @throws {QueueShutDown} the queue was shut down, now or while this waited
   */
  put(item: T): Future<void> {
    const loop = this.bind();
    return this.#isShutDown ? refused(loop, new QueueShutDown('put')) : this.#exchange.put(item, loop, null);
  }

  /**
   * @throws {QueueFull} there is no room
   * @throws {QueueShutDown} the queue was shut down
   */
  putNowait(item: T): void {
    this.checkLoop();
    if (this.#isShutDown) throw new QueueShutDown('put');
    if (!this.#exchange.canPut) throw new QueueFull();
    this.#exchange.insert(item);
  }

  /**
   * Takes an item out, once there is one.
   *
   * @throws {QueueShutDown} the queue was shut down, now or while this waited, and is empty
   */
  get(): Future<T> {
    const loop = this.bind();
    return this.#isShutDown && !this.#exchange.canTake
      ? refused(loop, new QueueShutDown('get'))
      : this.#exchange.get(loop, null);
  }

  /**
   * @throws {QueueEmpty} there is no item
   * @throws {QueueShutDown} the queue was shut down and is empty
   */
  getNowait(): T {
    this.checkLoop();
    if (!this.#exchange.canTake) throw this.#isShutDown ? new QueueShutDown('get') : new QueueEmpty();
    return this.#exchange.take();
  }

  /**
   * Says that the work on an item that was got is done.
   *
   * @throws {RangeError} said more often than items were put
   */
  taskDone(): void {
    this.checkLoop();
    if (this.#unfinished <= 0) {
      throw new RangeError('Cannot say that a task is done: all that were put are done already');
    }
    this.#unfinished--;
    this.#wakeJoiners();
  }

  /** Until `taskDone` was said for every item that was put. */
  join(): Future<void> {
    const loop = this.bind();
    return this.#unfinished === 0 ? granted(loop, undefined) : this.#joiners.push(new Waiter<void>(loop));
  }

  /**
   * Takes no more items; those that are in it can still be got. Whoever waits, in vain from now on, is told.
   *
   * @param immediate drops the items too, which then count as done
   */
  shutdown(immediate = false): void {
    this.checkLoop();
    this.#isShutDown = true;
    this.#exchange.refusePutters(() => new QueueShutDown('put'));
    this.#exchange.refuseGetters(() => new QueueShutDown('get'));
    if (immediate) this.#exchange.drop();
  }

  protected describe(): string {
    const { size, getting, putting } = this.#exchange;
    const parts = [`size=${size}`];
    if (this.#maxsize > 0) parts.push(`maxsize=${this.#maxsize}`);
    if (getting > 0) parts.push(`getters=${getting}`);
    if (putting > 0) parts.push(`putters=${putting}`);
    if (this.#unfinished > 0) parts.push(`tasks=${this.#unfinished}`);
    if (this.#isShutDown) parts.push('shutdown');
    return parts.join(' ');
  }

  #wakeJoiners(): void {
    if (this.#unfinished > 0) return;
    for (let next = this.#joiners.shift(); next !== null; next = this.#joiners.shift()) next.grant();
  }
}
