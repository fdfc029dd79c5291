import { Acquirable } from './acquirable.ts';
import { waitingText } from './loop-bound.ts';

/**
 * At most so many at a time. Units are handed out strictly first come, first served.
 *
 * @see asyncio.Semaphore
 */
export class Semaphore extends Acquirable {
  #value: number;

  /**
   * @param value units that are free at first, a whole number
   * @throws {RangeError} less than 0, or not whole
   */
  constructor(value = 1) {
    super();
    if (typeof value !== 'number') throw new TypeError('Cannot make a semaphore: the value is not a number');
    if (!(Number.isInteger(value) && value >= 0)) {
      throw new RangeError(`Cannot make a semaphore of ${value}: not a whole number from 0 on`);
    }
    this.#value = value;
  }

  /** Units that are free. While anybody waits there are none. */
  get value(): number {
    return this.#value;
  }

  locked(): boolean {
    return this.#value === 0;
  }

  /** Lets the next in line have a unit, else adds one to those that are free. */
  release(): void {
    this.checkLoop();
    if (!this.handOver()) this.#value++;
  }

  protected tryTake(): boolean {
    if (this.#value === 0) return false;
    this.#value--;
    return true;
  }

  protected describe(): string {
    return this.#value > 0 ? `value=${this.#value}` : `locked${waitingText(this.waiting)}`;
  }
}
