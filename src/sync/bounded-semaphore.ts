import { Semaphore } from './semaphore.ts';

/** A semaphore that notices one release too many. @see asyncio.BoundedSemaphore */
export class BoundedSemaphore extends Semaphore {
  readonly #bound: number;

  constructor(value = 1) {
    super(value);
    this.#bound = value;
  }

  /** @throws {RangeError} there would be more units than at first */
  override release(): void {
    if (this.value >= this.#bound) {
      throw new RangeError(`Cannot release the semaphore: all ${this.#bound} of its units are free`);
    }
    super.release();
  }
}
