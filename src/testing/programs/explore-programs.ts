import { availableParallelism } from 'node:os';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import type { Deviation } from '../deviations.ts';
import { ExplorationError, type ExplorationFailure } from '../exploration-error.ts';
import { ProgressLine } from '../progress-line.ts';
import { encodeReplay } from '../replay-token.ts';
import { sameFailure } from '../same-failure.ts';
import { shrink } from '../shrink.ts';
import type { CourseFailure, CourseOrder, CourseReport, ProgramPlan } from './program-plan.ts';
import { runCourse } from './run-course.ts';

export interface ProgramExploration {
  readonly seeds: { readonly from: number; readonly count: number };
  /** milliseconds of real time for making a failing course simpler */
  readonly shrinkTimeMax: number;
  readonly traceFile: string | null;
  readonly title: string;
  /** the command that runs one course, by its token */
  command(token: string): string;
}

export interface ProgramExplorationReport {
  readonly runs: number;
  /** milliseconds, of all runs together */
  readonly virtualTime: number;
  readonly wallTime: number;
}

/** Beyond that, the seed alone is handier than what is left of its choices. */
const tokenLengthMax = 2_000;

/**
 * Runs programs in one course for each seed, several at a time, until one fails; that is made as simple as it gets, and run
 * once more, with what its programs print.
 *
 * @throws {ExplorationError} a course fails
 * @throws {CourseLostError} the process of one has died
 */
export async function explorePrograms(
  plan: ProgramPlan,
  exploration: ProgramExploration,
): Promise<ProgramExplorationReport> {
  const { from, count } = exploration.seeds;
  const start = performance.now();
  const progress = process.stderr.isTTY ? new ProgressLine(process.stderr) : null;
  const atOnce = availableParallelism();
  let virtualTime = 0;
  let runs = 0;
  try {
    for (let seed = from; seed < from + count; seed += atOnce) {
      const seeds = Array.from({ length: Math.min(atOnce, from + count - seed) }, (_, index) => seed + index);
      const reports = await Promise.all(
        seeds.map(async (each) => await runCourse(quietly(plan, String(each)))),
      );
      for (const [index, report] of reports.entries()) {
        runs++;
        virtualTime += report.time;
        progress?.show({ done: runs, total: count, seed: seeds[index] as number, virtualTime });
        if (report.failure === null) continue;
        progress?.clear();
        throw await explain(plan, exploration, seeds[index] as number, report);
      }
    }
  } finally {
    progress?.clear();
  }
  return { runs, virtualTime, wallTime: performance.now() - start };
}

function quietly(plan: ProgramPlan, token: string): CourseOrder {
  return { plan, token, prints: false, explains: false, traceFile: null, title: '' };
}

/** What another process has told of, as the error that it was. */
export function errorOf({ name, code, message }: CourseFailure): Error {
  return Object.assign(new Error(message), { name }, code === null ? {} : { code });
}

async function explain(
  plan: ProgramPlan,
  { shrinkTimeMax, traceFile, title, command }: ProgramExploration,
  seed: number,
  first: CourseReport,
): Promise<ExplorationError> {
  const error = errorOf(first.failure as CourseFailure);
  const tokenOf = (prescriptions: readonly Deviation[] | null) => encodeReplay({ seed, prescriptions });
  const run = async (token: string) => await runCourse(quietly(plan, token));
  const failsSo = ({ failure }: CourseReport) => failure !== null && sameFailure(error, errorOf(failure));
  const before = { seed, deviationsBefore: first.deviations.length };
  const again = await run(tokenOf(first.deviations));
  if (!failsSo(again)) {
    const token = tokenOf(null);
    const lost: ExplorationFailure = {
      ...before,
      token,
      command: command(token),
      deviations: [],
      attempts: 0,
      shrinking: 'lost',
      trace: '',
    };
    return new ExplorationError(lost, { cause: error });
  }
  const attempt = async (candidate: readonly Deviation[]) => {
    const report = await run(tokenOf(candidate));
    return failsSo(report) ? report.deviations : null;
  };
  const shrunk = await shrink(first.deviations, attempt, () => performance.now(), { timeMax: shrinkTimeMax });
  const ofChoices = tokenOf(shrunk.deviations);
  const isSeedEnough =
    ofChoices.length > tokenLengthMax || shrunk.deviations.length === first.deviations.length;
  const token = isSeedEnough ? tokenOf(null) : ofChoices;
  const last = await runCourse({ plan, token, prints: true, explains: true, traceFile, title });
  const failure: ExplorationFailure = {
    ...before,
    token,
    command: command(token),
    deviations: last.deviations,
    attempts: shrunk.attempts,
    shrinking: shrunk.complete ? 'minimal' : 'bounded',
    trace: last.tail,
  };
  return new ExplorationError(failure, { cause: last.failure === null ? error : errorOf(last.failure) });
}
