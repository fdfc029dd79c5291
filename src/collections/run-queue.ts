import type { Runnable } from '../interface/index.ts';

const initialSlots = 16;

/**
 * First in, first out: a ring whose size is a power of two, so that an index wraps by a mask. It grows and never
 * shrinks; slots are cleared as they are left, so that nothing that has run is kept alive.
 */
export class RunQueue {
  #slots: (Runnable | undefined)[] = new Array(initialSlots);
  #mask = initialSlots - 1;
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

  /** Has the one at that place be the next; the others keep their order. */
  advance(place: number): void {
    const advanced = this.at(place);
    for (let behind = place; behind > 0; behind--)
      this.#slots[(this.#head + behind) & this.#mask] = this.at(behind - 1);
    this.#slots[this.#head] = advanced;
  }

  clear(): void {
    this.#slots = new Array(initialSlots);
    this.#mask = initialSlots - 1;
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
