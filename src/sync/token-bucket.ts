/**
 * A bucket of tokens that fills at a steady rate, as one number: the moment at which it will be full again. Nothing is
 * added up as time passes, so that a due time that was worked out once stays exact.
 *
 * @see the virtual scheduling form of the generic cell rate algorithm, ITU-T I.371
 */
export class TokenBucket {
  readonly #timePerToken: number;
  readonly #size: number;
  #fullAt = -Infinity;

  constructor(timePerToken: number, size: number) {
    this.#timePerToken = timePerToken;
    this.#size = size;
  }

  /** When there are so many tokens, if nobody spends any until then. */
  dueTime(tokens: number): number {
    return this.#fullAt - (this.#size - tokens) * this.#timePerToken;
  }

  /** False: there are fewer at that time. */
  spend(tokens: number, now: number): boolean {
    if (this.dueTime(tokens) > now) return false;
    this.#fullAt = Math.max(this.#fullAt, now) + tokens * this.#timePerToken;
    return true;
  }

  giveBack(tokens: number): void {
    this.#fullAt -= tokens * this.#timePerToken;
  }
}
