import type { Future } from '../coroutines/index.ts';
import { BrokenBarrierError } from './broken-barrier-error.ts';
import { LinkedList } from './linked-list.ts';
import { LoopBound } from './loop-bound.ts';
import { granted, refused, Waiter } from './waiter.ts';

/**
 * A place where tasks wait for each other: the last of so many lets all go on, and the next round may begin.
 *
 * @see asyncio.Barrier
 */
export class Barrier extends LoopBound {
  readonly #parties: number;
  readonly #line = new LinkedList<Waiter<number>>();
  #broken = false;

  /**
   * @param parties how many go on together, at least 1
   * @throws {RangeError} less than 1, or not a whole number
   */
  constructor(parties: number) {
    super();
    if (typeof parties !== 'number') throw new TypeError('Cannot make a barrier: parties is not a number');
    if (!(Number.isInteger(parties) && parties >= 1)) {
      throw new RangeError(`Cannot make a barrier for ${parties}: not a whole number from 1 on`);
    }
    this.#parties = parties;
  }

  get parties(): number {
    return this.#parties;
  }

  /** How many wait at present. */
  get nWaiting(): number {
    return this.#line.length;
  }

  /** True from `abort` until `reset`. */
  get broken(): boolean {
    return this.#broken;
  }

  /**
   * Until so many wait. One that is cancelled does not count.
   *
   * @returns a number of one's own from 0 to parties - 1, for who is to do what one must do: the last has the highest
   * @throws {BrokenBarrierError} it is broken, or is broken or reset meanwhile
   */
  wait(): Future<number> {
    const loop = this.bind();
    if (this.#broken)
      return refused(loop, new BrokenBarrierError('Cannot wait at the barrier: it is broken'));
    if (this.#line.length + 1 < this.#parties) return this.#line.push(new Waiter<number>(loop));
    let index = 0;
    for (let next = this.#line.shift(); next !== null; next = this.#line.shift()) next.grant(index++);
    return granted(loop, index);
  }

  /** Sends those away who wait, and starts afresh. */
  reset(): void {
    this.checkLoop();
    this.#broken = false;
    this.#refuse('it was reset');
  }

  /** Breaks it for those who wait and those who come, until `reset`. */
  abort(): void {
    this.checkLoop();
    this.#broken = true;
    this.#refuse('it was broken');
  }

  protected describe(): string {
    return this.#broken ? 'broken' : `waiting=${this.#line.length}/${this.#parties}`;
  }

  #refuse(why: string): void {
    for (let next = this.#line.shift(); next !== null; next = this.#line.shift()) {
      next.refuse(new BrokenBarrierError(`Cannot go on from the barrier: ${why}`));
    }
  }
}
