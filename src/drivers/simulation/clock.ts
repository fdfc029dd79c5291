/** A machine's clocks, which need not agree with those of others. */
export class Clock {
  readonly #time: () => number;
  readonly #startOfTime: number;
  /** by how much the monotonic clock is ahead at `#since`, and how fast it runs from then on */
  #since = 0;
  #base = 0;
  #rate = 1;
  #skew = 0;

  /** @param time of the world, in milliseconds */
  constructor(time: () => number, startOfTime: number) {
    this.#time = time;
    this.#startOfTime = startOfTime;
  }

  /** Milliseconds, monotonic. */
  now(): number {
    return this.#at(this.#time());
  }

  /** Milliseconds since 1970, as `Date.now` has them, but with fractions. */
  wallTime(): number {
    return this.#startOfTime + this.now() + this.#skew;
  }

  /** By how many milliseconds the wall clock is ahead; it may be set while programs run, and jumps then. */
  get skew(): number {
    return this.#skew;
  }

  set skew(skew: number) {
    if (!Number.isFinite(skew))
      throw new RangeError(`Cannot set the clock: ${skew} is no number of milliseconds`);
    this.#skew = skew;
  }

  /** How many milliseconds of this clock go by in one of the world's: 1.0001 is a clock that gains 0.36 s an hour. */
  get rate(): number {
    return this.#rate;
  }

  set rate(rate: number) {
    if (!(rate > 0 && rate < Infinity))
      throw new RangeError(`Cannot set the clock: ${rate} is no rate above 0`);
    const time = this.#time();
    this.#base = this.#at(time);
    this.#since = time;
    this.#rate = rate;
  }

  /** The world's time at which this clock has come to `local`, or just after. */
  worldTimeOf(local: number): number {
    if (this.#rate === 1) {
      const time = this.#since + (local - this.#base);
      return this.#at(time) >= local ? time : nextAfter(time);
    }
    let time = this.#since + (local - this.#base) / this.#rate;
    while (this.#at(time) < local) time = nextAfter(time);
    return time;
  }

  #at(time: number): number {
    return this.#base + (time - this.#since) * this.#rate;
  }
}

const number = new Float64Array(1);
const bits = new BigInt64Array(number.buffer);

/** The next larger number, of one from 0 on. */
function nextAfter(value: number): number {
  number[0] = value;
  bits[0] = (bits[0] as bigint) + 1n;
  return number[0] as number;
}
