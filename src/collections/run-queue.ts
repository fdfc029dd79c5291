import type { Runnable } from '../interface/index.ts';

/**
 * First in, first out: a ring whose size is a power of two, so that an index wraps by a mask. It grows and never
 * shrinks; slots are cleared as they are left, so that nothing that has run is kept alive.
 */
export class RunQueue {
  #slots: (Runnable | undefined)[] = new Array(256);
  #mask = 255;
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(runnable: Runnable): void {
    if (this.#length > this.#mask) this.#grow();
    this.#slots[(this.#head + this.#length) & this.#mask] = runnable;
    this.#length++;
  }

  /** The oldest, which leaves; undefined if there is none. */
  shift(): Runnable | undefined {
    const runnable = this.#slots[this.#head];
    if (runnable === undefined) return undefined;
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & this.#mask;
    this.#length--;
    return runnable;
  }

  /** The one at that place, 0 for the oldest; undefined if there is none. */
  at(place: number): Runnable | undefined {
    return place < this.#length ? this.#slots[(this.#head + place) & this.#mask] : undefined;
  }

  /** Takes the one at the last of these places to the first of them, and each of the others one of them back. */
  advance(places: readonly number[]): void {
    let incoming = this.at(places.at(-1) as number);
    for (const place of places) {
      const slot = (this.#head + place) & this.#mask;
      const leaving = this.#slots[slot];
      this.#slots[slot] = incoming;
      incoming = leaving;
    }
  }

  clear(): void {
    this.#slots = new Array(256);
    this.#mask = 255;
    this.#head = 0;
    this.#length = 0;
  }

  #grow(): void {
    const slots: (Runnable | undefined)[] = new Array(this.#slots.length * 2);
    for (let i = 0; i < this.#length; i++) slots[i] = this.#slots[(this.#head + i) & this.#mask];
    this.#slots = slots;
    this.#mask = slots.length - 1;
    this.#head = 0;
  }
}
