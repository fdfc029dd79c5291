import type { Choices } from './oracle.ts';

/**
 * How long something takes, in milliseconds. One number: always so long. `min` and `max`: evenly between them. With
 * `median`: half of it is at most that, and some takes far longer, up to `max`.
 */
export type Latency = number | { readonly min: number; readonly max: number; readonly median?: number };

/** @throws {TypeError | RangeError} it is no latency */
export function checkLatency(latency: Latency, what: string): void {
  const { min, max, median } = spread(latency);
  for (const value of [min, max, median ?? min]) {
    if (typeof value !== 'number')
      throw new TypeError(`Cannot set ${what}: it is not a number of milliseconds`);
    if (!(value >= 0 && value < Infinity))
      throw new RangeError(`Cannot set ${what}: ${value} is no number of milliseconds from 0 on`);
  }
  if (min > max || (median !== undefined && (median < min || median > max)))
    throw new RangeError(`Cannot set ${what}: min, median and max are not in this order`);
}

/**
 * One of them. Only sums, products and quotients: these are the same number on every engine, which logarithms and powers
 * need not be.
 */
export function drawLatency(latency: Latency, choices: Pick<Choices, 'fraction'>): number {
  if (typeof latency === 'number') return latency;
  const { min, max, median } = latency;
  if (min === max) return min;
  const u = choices.fraction();
  if (median === undefined) return min + (max - min) * u;
  // Log-logistic with shape 1: as long a tail as a network has.
  return Math.min(max, min + ((median - min) * u) / (1 - u));
}

function spread(latency: Latency): { min: number; max: number; median?: number } {
  return typeof latency === 'object' && latency !== null ? latency : { min: latency, max: latency };
}
