import type { Parameters } from 'fast-check';

const { PROPERTY_RUNS_FACTOR, PROPERTY_SEED } = process.env;
const factor = Number(PROPERTY_RUNS_FACTOR ?? 1);
const seed = Number(PROPERTY_SEED ?? Number.NaN);

/**
 * For properties that are worth more runs than a suite has time for: `count` of them, times PROPERTY_RUNS_FACTOR.
 *
 * A failure prints its seed; PROPERTY_SEED replays it.
 */
export function propertyRuns<T>(count: number): Parameters<T> {
  return { numRuns: Math.ceil(count * factor), ...(Number.isNaN(seed) ? {} : { seed }) };
}
