import { setImmediate } from 'node:timers/promises';
import type { Answer, Effort } from './answer.ts';
import { Samples } from './samples.ts';

interface Clock {
  readonly unit: string;
  /** milliseconds since whenever */
  now(): number;
}

const timeOfDay: Clock = { unit: 'ns/operation', now: () => performance.now() };

/** Of the process, in all its threads. */
const cpuTime: Clock = {
  unit: 'CPU ns/operation',
  now() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
};

/** Times parts of a candidate's work: what lies between `start`, or a `lap`, and the next `lap`. */
export class Stopwatch {
  readonly laps = new Map<string, { milliseconds: number; operations: number }>();
  readonly #clock: Clock;
  #started = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  start(): void {
    this.#started = this.#clock.now();
  }

  /** Ends a part, and starts the next one. @param operations how many were done, by the work's own count */
  lap(caseName: string, operations: number): void {
    const now = this.#clock.now();
    this.laps.set(caseName, { milliseconds: now - this.#started, operations });
    this.#started = this.#clock.now();
  }
}

/** Does all cases once, each as one lap. */
export type Candidate = (watch: Stopwatch) => Promise<void>;

/**
 * Lets the candidates take turns, for some rounds.
 *
 * - Rounds that nobody counts come first, so that the compiler has done its work.
 * - The order changes from round to round: nobody always comes after the same neighbour.
 * - Young garbage is collected before each sample, so that nobody pays for the neighbour's. It must not be a full
 *   collection: that throws away compiled code whose objects have died, above all the loop of the sample before, and
 *   what is measured next is unoptimised code, three to six times as slow. (Programs have one loop.)
 * - Work cannot be optimised away unseen: each candidate counts what it has done, and the counts are compared.
 *
 * @param candidates by name; the first is the baseline
 */
export async function measure(
  effort: Effort,
  candidates: Readonly<Record<string, Candidate>>,
  options: { rounds?: number; warmUps?: number; clock?: 'time of day' | 'CPU time' } = {},
): Promise<Pick<Answer, 'baseline' | 'figures' | 'notes'>> {
  const { rounds, warmUps } = effort.quick
    ? { rounds: 1, warmUps: 0 }
    : { rounds: options.rounds ?? 15, warmUps: options.warmUps ?? 3 };
  const clock = options.clock === 'CPU time' ? cpuTime : timeOfDay;
  const all = Object.entries(candidates);
  const samples = new Samples(Object.keys(candidates));
  const operationsOf = new Map<string, number>();
  for (let round = -warmUps; round < rounds; round += 1) {
    for (let turn = 0; turn < all.length; turn += 1) {
      const [name, candidate] = all[(turn + round + warmUps) % all.length] as [string, Candidate];
      const watch = new Stopwatch(clock);
      await setImmediate();
      globalThis.gc?.({ type: 'minor' });
      watch.start();
      await candidate(watch);
      for (const [caseName, { milliseconds, operations }] of watch.laps) {
        const expected = operationsOf.get(caseName) ?? operations;
        operationsOf.set(caseName, expected);
        if (operations !== expected || operations === 0) {
          throw new Error(
            `Cannot compare ${name}, ${caseName}: it did ${operations} of ${expected} operations`,
          );
        }
        if (round >= 0) samples.add(name, caseName, clock.unit, (milliseconds * 1e6) / operations);
      }
    }
  }
  const notes =
    globalThis.gc === undefined ? ['Without --expose-gc: samples pay for each other’s garbage.'] : [];
  return { baseline: samples.baseline, figures: samples.figures(), notes };
}
