import type { ItemStore } from './item-store.ts';

/**
 * The smallest first; of equals, the one that came first. A binary heap.
 *
 * Comparing is the user's code and may throw. So places are found before anything is moved.
 */
export class HeapStore<T> implements ItemStore<T> {
  readonly #compare: (a: T, b: T) => number;
  readonly #heap: Entry<T>[] = [];
  #pushed = 0;

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#heap.length;
  }

  push(item: T): object {
    const entry: Entry<T> = { item, order: this.#pushed, index: -1 };
    const place = this.#placeAbove(entry, this.#heap.length);
    this.#pushed++;
    this.#sinkAncestors(this.#heap.length, place);
    this.#put(entry, place);
    return entry;
  }

  pop(): T {
    const first = this.#heap[0] as Entry<T>;
    this.#takeOut(first);
    return first.item;
  }

  remove(entry: object): boolean {
    if ((entry as Entry<T>).index === -1) return false;
    this.#takeOut(entry as Entry<T>);
    return true;
  }

  clear(): void {
    for (const entry of this.#heap) entry.index = -1;
    this.#heap.length = 0;
  }

  /** The last one fills the gap, and is moved to where it fits. */
  #takeOut(entry: Entry<T>): void {
    const heap = this.#heap;
    const gap = entry.index;
    const last = heap[heap.length - 1] as Entry<T>;
    if (last !== entry) {
      const above = this.#placeAbove(last, gap);
      const path = above < gap ? [] : this.#pathBelow(last, gap);
      this.#sinkAncestors(gap, above);
      let place = above;
      for (const child of path) {
        this.#put(heap[child] as Entry<T>, place);
        place = child;
      }
      this.#put(last, place);
    }
    entry.index = -1;
    heap.pop();
  }

  /** Where it belongs on the way from `index` to the top. */
  #placeAbove(entry: Entry<T>, index: number): number {
    let place = index;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.#precedes(entry, this.#heap[parent] as Entry<T>)) break;
      place = parent;
    }
    return place;
  }

  /** The places on the way down from `index` whose entries must come before it. */
  #pathBelow(entry: Entry<T>, index: number): number[] {
    const heap = this.#heap;
    const path: number[] = [];
    // The last one is the one that is being moved.
    const end = heap.length - 1;
    for (let child = 2 * index + 1; child < end; child = 2 * child + 1) {
      const other = child + 1;
      if (other < end && this.#precedes(heap[other] as Entry<T>, heap[child] as Entry<T>)) child = other;
      if (!this.#precedes(heap[child] as Entry<T>, entry)) break;
      path.push(child);
    }
    return path;
  }

  /** Moves those between `top` and `index` one down, towards `index`. */
  #sinkAncestors(index: number, top: number): void {
    for (let place = index; place > top; ) {
      const parent = (place - 1) >> 1;
      this.#put(this.#heap[parent] as Entry<T>, place);
      place = parent;
    }
  }

  #put(entry: Entry<T>, place: number): void {
    this.#heap[place] = entry;
    entry.index = place;
  }

  #precedes(a: Entry<T>, b: Entry<T>): boolean {
    const difference = this.#compare(a.item, b.item);
    return difference < 0 || (difference === 0 && a.order < b.order);
  }
}

interface Entry<T> {
  readonly item: T;
  /** how many had come before */
  readonly order: number;
  /** where in the heap; -1: no more */
  index: number;
}
