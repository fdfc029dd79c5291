/** The same numbers from the same seed. @see "xorshift32", Marsaglia, Xorshift RNGs */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed, 2654435761) | 1;
  }

  /** An integer from 0 on, below `limit`. */
  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }

  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }

  /** Small numbers far more often than large ones. */
  size(limit: number): number {
    return this.below(1 + this.below(1 + this.below(limit)));
  }
}
