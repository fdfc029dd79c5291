import type { Future } from '../coroutines/index.ts';
import type { EventLoop } from '../interface/index.ts';
import type { ItemStore } from './item-store.ts';
import { LinkedList } from './linked-list.ts';
import { granted, Waiter } from './waiter.ts';

// What queues and channels have in common. Four facts always hold between two calls:
//
// - Getters wait only while there is no item that is not promised to one before them, and no putter waits then.
// - Putters wait only while as many items are here as may be.
// - A getter that is let go on is promised an item, not a certain one: it takes the next one when its task looks. So the
//   order is that of taking, whatever the store; and if it is cancelled before, the promise goes to the next getter.
// - A putter that is let go on has its item in the store. If it is cancelled before its task has learnt of it, the item
//   is taken out again, unless somebody has it by then: in that case the task learns that it was put.

/** Passes items from those who put to those who get; each side waits for the other in line. */
export class Exchange<T> {
  readonly #store: ItemStore<T>;
  readonly #capacity: number;
  readonly #counted: (change: number) => void;
  readonly #getters = new LinkedList<Getter<T>>();
  readonly #putters = new LinkedList<Putter<T>>();
  /** getters that may take an item and have not yet */
  readonly #promised = new LinkedList<Getter<T>>();
  #putAtOnce: Future<void> | null = null;

  /**
   * @param capacity items for nobody in particular that may be here; 0: an item is only passed from hand to hand
   * @param counted is told how many items have come, or were withdrawn or dropped (negative), but not of those taken
   */
  constructor(store: ItemStore<T>, capacity: number, counted: (change: number) => void) {
    this.#store = store;
    this.#capacity = capacity;
    this.#counted = counted;
  }

  /** Items that nobody was promised. */
  get size(): number {
    return this.#store.size - this.#promised.length;
  }

  get capacity(): number {
    return this.#capacity;
  }

  get getting(): number {
    return this.#getters.length;
  }

  get putting(): number {
    return this.#putters.length;
  }

  /** Whether an item could be put without waiting. */
  get canPut(): boolean {
    return this.size < this.#capacity || this.#getters.length > 0;
  }

  /** Whether an item could be taken without waiting. */
  get canTake(): boolean {
    return this.size > 0 || this.#putters.length > 0;
  }

  /** Puts an item where `canPut`. What the store throws is thrown, and nothing was put. */
  insert(item: T): void {
    this.#store.push(item);
    this.#counted(1);
    this.#serveGetters();
  }

  /** Takes the next item where `canTake`. */
  take(): T {
    if (this.size === 0) this.#admit(this.#putters.shift() as Putter<T>);
    const item = this.#store.pop();
    this.#admitPutters();
    return item;
  }

  /** @param owner on whose account, for `refusePutters` */
  put(item: T, loop: EventLoop, owner: object | null): Future<void> {
    if (!this.canPut) return this.#putters.push(new Putter(loop, this, item, owner));
    this.insert(item);
    this.#putAtOnce ??= granted<void>(loop, undefined);
    return this.#putAtOnce;
  }

  get(loop: EventLoop, owner: object | null): Future<T> {
    if (this.canTake) return granted(loop, this.take());
    return this.#getters.push(new Getter(loop, this, owner));
  }

  /** Ends the waits of putters in vain: all, or those on one account. */
  refusePutters(error: () => Error, owner?: object): void {
    refuse(this.#putters, error, owner);
  }

  refuseGetters(error: () => Error, owner?: object): void {
    refuse(this.#getters, error, owner);
  }

  /** Drops what was not promised to anybody; nobody may be waiting to put. */
  drop(): void {
    for (const getter of this.#promised) getter.take();
    const dropped = this.#store.size;
    this.#store.clear();
    this.#counted(-dropped);
  }

  /** @internal The item that the getter was promised. */
  redeem(getter: Getter<T>): T {
    this.#promised.remove(getter);
    try {
      return this.#store.pop();
    } catch (error) {
      this.#serveGetters();
      throw error;
    }
  }

  /** @internal The getter will not take what it was promised. */
  release(getter: Getter<T>): void {
    this.#promised.remove(getter);
    this.#serveGetters();
  }

  /** @internal Takes back an item that was put. False: too late. */
  withdraw(entry: object): boolean {
    if (this.size <= 0 || !this.#store.remove(entry)) return false;
    this.#counted(-1);
    this.#admitPutters();
    return true;
  }

  #serveGetters(): void {
    while (this.#getters.length > 0 && this.size > 0) {
      const getter = this.#promised.push(this.#getters.shift() as Getter<T>);
      getter.promise();
    }
  }

  #admitPutters(): void {
    while (this.#putters.length > 0 && this.size < this.#capacity) {
      this.#admit(this.#putters.shift() as Putter<T>);
    }
  }

  #admit(putter: Putter<T>): void {
    try {
      putter.entry = this.#store.push(putter.item);
    } catch (error) {
      putter.refuse(error);
      return;
    }
    this.#counted(1);
    putter.grant();
  }
}

interface OnAccount {
  readonly owner: object | null;
}

function refuse(line: LinkedList<Waiter<unknown> & OnAccount>, error: () => Error, owner?: object): void {
  for (const waiter of line) {
    if (owner !== undefined && waiter.owner !== owner) continue;
    line.remove(waiter);
    waiter.refuse(error());
  }
}

class Putter<T> extends Waiter<void> implements OnAccount {
  readonly item: T;
  readonly owner: object | null;
  /** its item in the store */
  entry: object | null = null;
  readonly #exchange: Exchange<T>;

  constructor(loop: EventLoop, exchange: Exchange<T>, item: T, owner: object | null) {
    super(loop);
    this.#exchange = exchange;
    this.item = item;
    this.owner = owner;
  }

  protected override takeBack(): boolean {
    return this.entry !== null && this.#exchange.withdraw(this.entry);
  }
}

/** Its result is not there before somebody looks at it. */
class Getter<T> extends Waiter<T> implements OnAccount {
  readonly owner: object | null;
  readonly #exchange: Exchange<T>;
  #state: 'promised' | 'taken' | 'failed' = 'promised';
  /** the item, or what the store has thrown instead of giving one */
  #outcome: unknown = undefined;

  constructor(loop: EventLoop, exchange: Exchange<T>, owner: object | null) {
    super(loop);
    this.#exchange = exchange;
    this.owner = owner;
  }

  promise(): void {
    this.grant(undefined as T);
  }

  /** Takes what was promised, once. */
  take(): void {
    if (this.#state !== 'promised') return;
    try {
      this.#outcome = this.#exchange.redeem(this);
      this.#state = 'taken';
    } catch (error) {
      this.#outcome = error;
      this.#state = 'failed';
    }
  }

  override result(): T {
    super.result();
    this.take();
    if (this.#state === 'failed') throw this.#outcome;
    return this.#outcome as T;
  }

  protected override takeBack(): boolean {
    if (this.#state !== 'promised') return false;
    this.#exchange.release(this);
    return true;
  }
}
