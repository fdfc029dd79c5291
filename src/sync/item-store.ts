import { type Linked, LinkedList } from './linked-list.ts';

/** Holds the items of a queue, and decides which comes out next. */
export interface ItemStore<T> {
  readonly size: number;
  /** Adds an item. What it returns is for `remove`. If it throws, nothing has changed. */
  push(item: T): object;
  /** Takes the next one out; there is one. If it throws, nothing has changed. */
  pop(): T;
  /** Takes that very item out. False: it is not here any more. */
  remove(entry: object): boolean;
  clear(): void;
}

/** In the order in which they came, or in the opposite one. */
export class ListStore<T> implements ItemStore<T> {
  readonly #list = new LinkedList<Item<T>>();
  readonly #newestFirst: boolean;

  constructor(order: 'oldest first' | 'newest first') {
    this.#newestFirst = order === 'newest first';
  }

  get size(): number {
    return this.#list.length;
  }

  push(item: T): object {
    return this.#list.push(new Item(item));
  }

  pop(): T {
    return ((this.#newestFirst ? this.#list.pop() : this.#list.shift()) as Item<T>).item;
  }

  remove(entry: object): boolean {
    return this.#list.remove(entry as Item<T>);
  }

  clear(): void {
    while (this.#list.shift() !== null);
  }
}

class Item<T> implements Linked {
  readonly item: T;
  list: object | null = null;
  previous: Linked | null = null;
  next: Linked | null = null;

  constructor(item: T) {
    this.item = item;
  }
}
