/** For tests that nothing is left of a million rounds of something: no memory, task, timer or report. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { allTasks, currentTask } from '../../src/coroutines/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { run } from '../../src/runtime/index.ts';
import {
  asyncFunction,
  collectReports,
  generator,
  type Script,
  Spelled,
  type Spelling,
} from '../coroutines/spellings.ts';
import { collectGarbage } from './collect-garbage.ts';

/** What is tried again and again, by the task of the test or one it starts. */
export interface Rounds {
  round(): Script<void>;
  /** Ends what lives long, after what is left was measured. */
  end?(): Script<void>;
  /** What else is to hold at the end. What it refers to lives as long as the test, and would keep what leaks. */
  check?(): void;
}

export interface RoundCounts {
  'yield*': number;
  await: number;
}

const million = 1_000_000;
const { LEAK_ROUNDS } = process.env;

/** A round that throws nothing and starts no task: some 2 µs as a generator, and 10 as an `async` function. */
export const cheap: RoundCounts = counts(million, 10_000);
/**
 * A round in which a cancellation is thrown, or tasks are started, takes 10 to 40 µs: a million of each kind take
 * minutes. LEAK_ROUNDS=1000000 has the patience.
 */
export const dear: RoundCounts = counts(10_000, 10_000);

function counts(generators: number, asyncFunctions: number): RoundCounts {
  return { 'yield*': Number(LEAK_ROUNDS ?? generators), await: Number(LEAK_ROUNDS ?? asyncFunctions) };
}

const batchCount = 6;
/**
 * What each batch of rounds may leave. Code is compiled, and thrown away, in one or the other, some 100 KiB and at times
 * a MiB, but what leaks does so in all of them; so the least growth but one counts, which is 26 KiB at most. Of 10 000
 * rounds each may leave 39 bytes: less than a callback that stays somewhere.
 */
const growthBytesMax = 64 * 1024;

/** A test in both spellings: `prepare` makes what lives long, and says what a round is. */
export function leavesNothing(
  name: string,
  roundCounts: RoundCounts,
  prepare: (spelled: Spelled) => Rounds,
  options: { todo?: string } = {},
): void {
  for (const spelling of [generator, asyncFunction]) {
    const count = roundCounts[spelling.name];
    if (count === 0) continue;
    it(`${name}: ${count.toLocaleString('en')} times [${spelling.name}]`, options, () =>
      assertNothingLeft(spelling, count, prepare),
    );
  }
}

/** @throws {AssertionError} something is left */
export async function assertNothingLeft(
  spelling: Spelling,
  count: number,
  prepare: (spelled: Spelled) => Rounds,
): Promise<void> {
  const { stackTraceLimit } = Error;
  // Half the time of a round that throws is the recording of the stack, which is not what is tried here.
  Error.stackTraceLimit = 0;
  const spelled = new Spelled(spelling);
  try {
    await run(async () => {
      const loop = getRunningLoop();
      collectReports(loop, spelled.reports);
      const self = currentTask();
      const { round, end, check } = prepare(spelled);
      const batchSize = Math.ceil(count / batchCount);
      // All by one task: what a task keeps until it ends is left as well.
      const growth = (await spelled.task(() => usualGrowth(round, batchSize))) as number;
      assert.ok(growth < growthBytesMax, `${growth} bytes are left, ${growth / batchSize} of each round`);
      if (end !== undefined) await spelled.task(end);
      assert.deepEqual([...allTasks()], [self]);
      assert.equal(loop.timeUntilNextTimer(), null, 'a timer is left');
      check?.();
    });
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  assert.deepEqual(spelled.reports, [], 'something was reported to the exception handler');
}

/** What a batch of rounds leaves, in bytes. The first one, with what was there before, is never the least but one. */
function* usualGrowth(round: () => Script<void>, batchSize: number): Script<number> {
  const growths: number[] = [];
  let before = 0;
  for (let batch = 0; batch < batchCount; batch++) {
    for (let i = 0; i < batchSize; i++) yield* round();
    const after = (yield usedBytes()) as number;
    growths.push(after - before);
    before = after;
  }
  growths.sort((a, b) => a - b);
  return growths[1] as number;
}

/** On the heap and in typed arrays. */
async function usedBytes(): Promise<number> {
  // Once: what finalization callbacks let go of is there a batch longer, and does not grow.
  await collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
