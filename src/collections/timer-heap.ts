/** Typed arrays of up to 64 bytes cost what objects do; larger ones, memory outside of the heap. */
const initialCapacity = 8;

/**
 * Timers by due time: a 4-ary heap on typed arrays, with an index back from each timer to its place.
 *
 * Why this one: against asyncio's binary heap with lazy deletion, a heap of objects and a timing wheel it was the
 * fastest to expire and to churn at 10^5 and 10^6 timers, keeps exact order at any resolution, truly removes what is
 * cancelled, and makes no garbage (docs/decisions/0021-timers.md). Equal due times leave in the order they came, which
 * neither heapq nor a bare heap gives: ties are broken by a sequence number.
 *
 * A timer is known by a small integer, its id, that is given out again after it has left.
 */
export class TimerHeap<T> {
  #capacity = initialCapacity;
  #size = 0;
  /** by place in the heap */
  #when = new Float64Array(initialCapacity);
  #id = new Int32Array(initialCapacity);
  /** by id */
  #place = new Int32Array(initialCapacity);
  #order = new Float64Array(initialCapacity);
  #items: (T | undefined)[] = new Array(initialCapacity);
  /** ids that were used and are free */
  #free: number[] = [];
  #nextId = 0;
  #nextOrder = 0;

  get size(): number {
    return this.#size;
  }

  /** Due time of the earliest; Infinity if there is none. */
  get earliest(): number {
    return this.#size === 0 ? Infinity : (this.#when[0] as number);
  }

  /** Adds `item`, due at `when`, and returns its id. */
  insert(when: number, item: T): number {
    if (this.#size === this.#capacity) this.#grow();
    const id = this.#free.pop() ?? this.#nextId++;
    this.#items[id] = item;
    this.#order[id] = this.#nextOrder++;
    this.#siftUp(this.#size++, when, id);
    return id;
  }

  /** Takes out the timer `id`, which must be in. */
  remove(id: number): void {
    const place = this.#place[id] as number;
    this.#release(id);
    const last = --this.#size;
    if (place === last) return;
    const when = this.#when[last] as number;
    const moved = this.#id[last] as number;
    if (place > 0 && this.#before(when, moved, (place - 1) >> 2)) this.#siftUp(place, when, moved);
    else this.#siftDown(place, when, moved);
  }

  /** Takes out the earliest, which must exist. */
  shift(): T {
    const id = this.#id[0] as number;
    const item = this.#items[id] as T;
    this.#release(id);
    const last = --this.#size;
    if (last > 0) this.#siftDown(0, this.#when[last] as number, this.#id[last] as number);
    return item;
  }

  /** Calls back for each, in no particular order. */
  forEach(callback: (item: T) => void): void {
    for (let place = 0; place < this.#size; place++) callback(this.#items[this.#id[place] as number] as T);
  }

  clear(): void {
    this.#size = 0;
    this.#items = new Array(this.#capacity);
    this.#free = [];
    this.#nextId = 0;
  }

  #release(id: number): void {
    this.#items[id] = undefined;
    this.#free.push(id);
  }

  /** Whether (when, id) is due before what is at `place`. */
  #before(when: number, id: number, place: number): boolean {
    const other = this.#when[place] as number;
    return when < other || (when === other && this.#earlier(id, this.#id[place] as number));
  }

  #earlier(id: number, other: number): boolean {
    return (this.#order[id] as number) < (this.#order[other] as number);
  }

  #put(place: number, when: number, id: number): void {
    this.#when[place] = when;
    this.#id[place] = id;
    this.#place[id] = place;
  }

  #siftUp(start: number, when: number, id: number): void {
    let place = start;
    while (place > 0) {
      const parent = (place - 1) >> 2;
      if (!this.#before(when, id, parent)) break;
      this.#put(place, this.#when[parent] as number, this.#id[parent] as number);
      place = parent;
    }
    this.#put(place, when, id);
  }

  #siftDown(start: number, when: number, id: number): void {
    const whens = this.#when;
    const ids = this.#id;
    let place = start;
    for (;;) {
      let child = 4 * place + 1;
      if (child >= this.#size) break;
      const end = Math.min(child + 4, this.#size);
      let least = child;
      for (child++; child < end; child++) {
        const a = whens[child] as number;
        const b = whens[least] as number;
        if (a < b || (a === b && this.#earlier(ids[child] as number, ids[least] as number))) least = child;
      }
      const leastWhen = whens[least] as number;
      if (when < leastWhen || (when === leastWhen && this.#earlier(id, ids[least] as number))) break;
      this.#put(place, leastWhen, ids[least] as number);
      place = least;
    }
    this.#put(place, when, id);
  }

  #grow(): void {
    this.#capacity *= 2;
    this.#when = grown(this.#when, new Float64Array(this.#capacity));
    this.#id = grown(this.#id, new Int32Array(this.#capacity));
    this.#place = grown(this.#place, new Int32Array(this.#capacity));
    this.#order = grown(this.#order, new Float64Array(this.#capacity));
  }
}

function grown<A extends Float64Array | Int32Array>(from: A, to: A): A {
  to.set(from);
  return to;
}
