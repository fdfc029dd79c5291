/** One thing that all peers are asked to do, each in its own best way. */
export interface Case {
  readonly unit: string;
  /** how many operations a sample has, and how many if nobody looks at the time */
  readonly count: number;
  readonly quickCount: number;
  /** The sum that so many operations come to: who gets another one has skipped some, or done them wrongly. */
  sum(count: number): number;
}

/** Tasks at once, where there are several: each does its share of the operations. */
export const TASKS = 100;

const WAIT = 'CPU ns/wait';
const TASK = 'CPU ns/task';
const EXCHANGE = 'CPU ns/exchange';

/** What each of them is exactly: docs/performance.md, "Peers". */
export const CASES = {
  'one task': { unit: WAIT, count: 40_000, quickCount: 100, sum: below },
  '100 tasks': { unit: WAIT, count: 40_000, quickCount: 1_000, sum: (count) => TASKS * below(count / TASKS) },
  '5 deep': { unit: WAIT, count: 40_000, quickCount: 100, sum: below },
  '20 deep': { unit: WAIT, count: 40_000, quickCount: 100, sum: below },
  'spawn, join': { unit: TASK, count: 10_000, quickCount: 100, sum: below },
  'waits once': { unit: TASK, count: 10_000, quickCount: 100, sum: below },
  eager: { unit: TASK, count: 10_000, quickCount: 100, sum: below },
  'gather 10,000': { unit: TASK, count: 10_000, quickCount: 100, sum: below },
  'cancel 10,000': { unit: TASK, count: 10_000, quickCount: 100, sum: (count) => count },
  'ping-pong': { unit: EXCHANGE, count: 10_000, quickCount: 100, sum: (count) => below(count) + count },
  lock: { unit: EXCHANGE, count: 10_000, quickCount: 1_000, sum: (count) => count },
} satisfies Record<string, Case>;

export type CaseName = keyof typeof CASES;

/** 0 + 1 + … + (count - 1) */
function below(count: number): number {
  return (count * (count - 1)) / 2;
}
