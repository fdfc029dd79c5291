import type { EventLoop, Handle } from '../interface/index.ts';

/** Calls back when a moment of the loop's time has come; the moment may be moved. */
export class Deadline {
  readonly #strike: () => void;
  #timer: Handle | null = null;

  constructor(strike: () => void) {
    this.#strike = strike;
  }

  /** null: never. One that has passed strikes at the first wait, before anything that this wait is for. */
  set(when: number | null, loop: EventLoop): void {
    this.clear();
    if (when === null) return;
    this.#timer = when <= loop.time() ? loop.callSoon(this.#strike) : loop.callAt(when, this.#strike);
  }

  clear(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}

/** @throws {TypeError} neither a number nor null; {RangeError} NaN */
export function checkTime(time: number | null): void {
  if (time === null) return;
  if (typeof time !== 'number')
    throw new TypeError('Cannot set a timeout: the time is neither a number of milliseconds nor null');
  if (Number.isNaN(time)) throw new RangeError('Cannot set a timeout: the time is NaN');
}
