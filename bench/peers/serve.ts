// The side of a peer: a line of JSON for each question, on standard input, and one for each answer, on standard output.
// python.py speaks it too.
import { createInterface } from 'node:readline';
import { setImmediate } from 'node:timers/promises';
import type { CaseName } from './cases.ts';

/** The first line. */
export interface Greeting {
  /** e.g. `effect 4.1.0` */
  readonly version: string;
  /** what it can be asked */
  readonly cases: readonly string[];
}

export interface Request {
  readonly case: string;
  readonly count: number;
}

/** What one sample came to. */
export interface Sample {
  readonly cpuMilliseconds: number;
  readonly sum: number;
}

/**
 * Starts the clock, inside the peer's own task: neither its loop's beginning nor its end is measured.
 *
 * It is the CPU time of the process, helper threads included. That stays what it is while others use the machine; the
 * time of day does not, least of all for those who often go through the kernel, where they are made to wait.
 */
export function begin(): (sum: number) => Sample {
  const started = process.cpuUsage();
  return (sum) => {
    const { user, system } = process.cpuUsage(started);
    return { cpuMilliseconds: (user + system) / 1000, sum };
  };
}

export type Work = (count: number) => PromiseLike<Sample>;

/** Answers until standard input ends. @param works what this peer has no way to do is left out */
export async function serve<Name extends string = CaseName>(
  version: string,
  works: Partial<Record<Name, Work>>,
): Promise<void> {
  const answer = (line: Greeting | Sample) => console.log(JSON.stringify(line));
  answer({ version, cases: Object.keys(works) });
  for await (const line of createInterface(process.stdin)) {
    const { case: name, count } = JSON.parse(line) as Request;
    const work: Work | undefined = works[name as Name];
    if (work === undefined) throw new RangeError(`Cannot do ${name}: this peer has not said so`);
    await setImmediate();
    // As in measure.ts: young garbage only, for a full collection throws away compiled code.
    globalThis.gc?.({ type: 'minor' });
    answer(await work(count));
  }
}
