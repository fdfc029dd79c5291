import type { Case } from '../peers/cases.ts';

/** How the network is in all cases with messages. */
export const LINK = { latency: { min: 1, max: 2 } };

export const PORT = 80;
export const MESSAGE_BYTES = 64;
export const PAIRS = 50;

/** Tasks that sleep at once. */
export const SLEEPERS = 100;
export const MANY_SLEEPERS = 10_000;

/** Milliseconds for which nobody gets through, to the one who tries again and again. */
export const PARTITION = 40 * 60_000;
/** Milliseconds that a try may take, and that are between two: at first and at most, twice as long each time. */
export const TRY = 5_000;
export const BACK_OFF = { min: 1_000, max: 60_000 };

const MESSAGE = 'CPU ns/message';
const TIMER = 'CPU ns/timer';
const RUN = 'CPU ns/simulation';

/** What each of them is exactly: docs/performance.md, "Simulation". */
export const CASES = {
  'one pair': { unit: MESSAGE, count: 20_000, quickCount: 200, sum: same },
  '50 pairs': { unit: MESSAGE, count: 20_000, quickCount: 200, sum: same },
  datagrams: { unit: MESSAGE, count: 20_000, quickCount: 200, sum: same },
  'one timer': { unit: TIMER, count: 40_000, quickCount: 100, sum: same },
  '100 timers': { unit: TIMER, count: 100_000, quickCount: 1_000, sum: same },
  '10,000 timers': { unit: TIMER, count: 100_000, quickCount: 10_000, sum: same },
  empty: { unit: RUN, count: 200, quickCount: 2, sum: same },
  '3 hosts': { unit: RUN, count: 100, quickCount: 2, sum: same },
  '40 minutes of retries': { unit: RUN, count: 1, quickCount: 1, sum: same },
  'lock service': { unit: RUN, count: 50, quickCount: 2, sum: same },
  'replicated log': { unit: RUN, count: 50, quickCount: 2, sum: same },
} satisfies Record<string, Case>;

export type SimulationCase = keyof typeof CASES;

/** How long that sleeper sleeps this time, in milliseconds: 1 to 10. */
export function delayOf(sleeper: number, time: number): number {
  return 1 + ((sleeper + time) % 10);
}

/** The same of ten thousand: 1 to 1,000. */
export function longDelayOf(sleeper: number, time: number): number {
  return 1 + ((sleeper * 7 + time) % 1_000);
}

function same(count: number): number {
  return count;
}
