import type { Parameters } from 'fast-check';

const { PROPERTY_RUNS_FACTOR, PROPERTY_SEED } = process.env;
const factor = Number(PROPERTY_RUNS_FACTOR ?? 1);

/** The same for everybody: whether a change passes is for the change to say, and not for the dice. */
const usual = 20_130_315;

/**
 * How a property is tried: `count` times, in the same cases in every run.
 *
 * To look for what has not been met yet, PROPERTY_SEED=random has others each time (a failure prints its seed, which
 * PROPERTY_SEED=n replays) and PROPERTY_RUNS_FACTOR=n has n times as many.
 */
export function propertyRuns<T>(count: number): Parameters<T> {
  const numRuns = Math.ceil(count * factor);
  if (PROPERTY_SEED === 'random') return { numRuns };
  const seed = Number(PROPERTY_SEED ?? usual);
  if (!Number.isInteger(seed))
    throw new RangeError(`PROPERTY_SEED is neither 'random' nor a whole number: ${PROPERTY_SEED}`);
  return { numRuns, seed };
}
