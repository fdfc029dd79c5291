import { performance } from 'node:perf_hooks';
import process from 'node:process';
import type { Overruling, TraceSink } from '../drivers/simulation/index.ts';
import { asDrawn, type Deviation, prescribed, Recording } from './deviations.ts';
import { type ExhaustiveOptions, searchExhaustively } from './exhaustive.ts';
import { ExplorationError, type ExplorationFailure } from './exploration-error.ts';
import { checkFaults, type FaultOptions, startNemesis } from './nemesis.ts';
import type { TaskBody } from './program.ts';
import { ProgressLine } from './progress-line.ts';
import { replayCommand, requestedReplay } from './replay.ts';
import { encodeReplay, type Replay } from './replay-token.ts';
import { sameFailure } from './same-failure.ts';
import { type ShrinkOptions, type Shrunk, shrink } from './shrink.ts';
import { type SimulationOptions, simulate } from './simulate.ts';
import type { Simulation } from './simulation.ts';
import { Trace } from './trace.ts';
import { traceTail } from './trace-tail.ts';
import { keepTrace } from './write-trace.ts';

export interface ExploreOptions extends Omit<SimulationOptions, 'seed' | 'overruling' | 'trace'> {
  /** What is run again and again; it must do the same whenever the same is chosen. */
  scenario: (sim: Simulation) => TaskBody<unknown>;
  /**
   * how many seeds, from 0 on or from `from`; 1 000 unless given. In an exhaustive search, only random numbers come from one:
   * the first
   */
  seeds?: number | { readonly from?: number | undefined; readonly count: number } | undefined;
  /**
   * Tries all courses that a choice of what goes on next can give, up to bounds, in place of seeds; everything else is
   * plain: least latency, no faults.
   */
  exhaustive?: boolean | ExhaustiveOptions | undefined;
  /** what goes wrong meanwhile, and how often; nothing unless given */
  faults?: FaultOptions | undefined;
  /** how hard to try to make a failing course simpler; false: not at all */
  shrink?: boolean | ShrinkOptions | undefined;
  /** whether two failures are the same one; of one class, one code and one message but for numbers unless given */
  sameFailure?: ((failure: unknown, other: unknown) => boolean) | undefined;
  /** of the test that this is, for the command that replays a failure */
  name?: string | undefined;
  onProgress?: ((progress: ExploreProgress) => void) | undefined;
  /** true: shows how far it is in a line at the bottom of the terminal, if there is one */
  progress?: boolean | undefined;
  /** ends it between two runs */
  signal?: AbortSignal | undefined;
}

export interface ExploreProgress {
  /** runs */
  readonly done: number;
  /** runs, null where that is not known before the end */
  readonly total: number | null;
  readonly seed: number;
  /** milliseconds simulated in all of them together */
  readonly virtualTime: number;
}

export interface ExploreReport {
  readonly runs: number;
  /** milliseconds, of all runs together */
  readonly virtualTime: number;
  /** milliseconds that it really took */
  readonly wallTime: number;
  /** of the loops of all hosts, in all runs together */
  readonly turns: number;
  /** of an exhaustive search; null: seeds were explored, or one course was replayed */
  readonly exhaustive: { readonly complete: boolean; readonly deepest: number } | null;
  /** whether TULIPA_SEED asked for one course, so that this says nothing of others */
  readonly replayed: boolean;
}

/**
 * Runs a scenario in many courses: one for each seed, or all there are (`exhaustive`). Which task goes on first is chosen
 * too, unless `order` is 'queued'.
 *
 * It stops at the first failure, makes that as simple as it can, and tells how to have it happen again. Between any two
 * runs, whatever else is to be done in this process is done. With `TULIPA_SEED` in the environment, only the course that
 * this names is run, and its trace is printed.
 *
 * @throws {ExplorationError} the scenario fails in some course
 * @throws {StateError} `exhaustive`, and the program does otherwise when the same is chosen (`ERR_NOT_DETERMINISTIC`)
 * @throws {ReplayTokenError} `TULIPA_SEED` is no seed, nor what was printed for it
 * @throws {TypeError | RangeError} the options make no sense
 */
export async function explore(options: ExploreOptions): Promise<ExploreReport> {
  checkOptions(options);
  const replay = requestedReplay();
  const exploration = new Exploration(options);
  if (replay !== null) return await exploration.replay(replay);
  return exploration.isExhaustive ? await exploration.search() : await exploration.sample();
}

interface Course {
  /** null: it has ended well */
  readonly failure: { readonly error: unknown } | null;
  readonly virtualTime: number;
  readonly turns: number;
}

const seedsDefault = 1_000;
/** Beyond that, the seed alone is handier than what is left of its choices. */
const tokenLengthMax = 2_000;

class Exploration {
  readonly #options: ExploreOptions;
  readonly #start = performance.now();
  readonly #progress: ProgressLine | null;
  #runs = 0;
  #virtualTime = 0;
  #turns = 0;

  constructor(options: ExploreOptions) {
    this.#options = options;
    this.#progress =
      options.progress === true && process.stderr.isTTY ? new ProgressLine(process.stderr) : null;
  }

  get isExhaustive(): boolean {
    const { exhaustive } = this.#options;
    return exhaustive !== undefined && exhaustive !== false;
  }

  /** One course for each seed. */
  async sample(): Promise<ExploreReport> {
    const { from, count } = seedsOf(this.#options);
    try {
      for (let seed = from; seed < from + count; seed++) {
        this.#options.signal?.throwIfAborted();
        const course = await this.#run(seed, null);
        this.#count(course, seed, count);
        if (course.failure !== null) throw await this.#failed(seed, asDrawn, course.failure.error);
      }
    } finally {
      this.#progress?.clear();
    }
    return this.#report(null);
  }

  /** All courses. */
  async search(): Promise<ExploreReport> {
    const { exhaustive } = this.#options;
    const { from: seed } = seedsOf(this.#options);
    let failed: { overruling: Overruling; error: unknown } | null = null;
    try {
      const { complete, deepest } = await searchExhaustively(
        async (overruling) => {
          this.#options.signal?.throwIfAborted();
          const recording = new Recording(overruling);
          const course = await this.#run(seed, recording.overruling);
          this.#count(course, seed, null);
          if (course.failure === null) return true;
          failed = { overruling: prescribed(recording.deviations), error: course.failure.error };
          return false;
        },
        typeof exhaustive === 'object' ? exhaustive : {},
      );
      if (failed !== null) {
        const { overruling, error } = failed as { overruling: Overruling; error: unknown };
        throw await this.#failed(seed, overruling, error);
      }
      return this.#report({ complete, deepest });
    } finally {
      this.#progress?.clear();
    }
  }

  /** One course that is known. */
  async replay({ seed, prescriptions }: Replay): Promise<ExploreReport> {
    const trace = new Trace();
    const recording = new Recording(prescriptions === null ? asDrawn : prescribed(prescriptions), true);
    const course = await this.#run(seed, recording.overruling, trace);
    this.#count(course, seed, 1);
    const token = encodeReplay({ seed, prescriptions });
    process.stderr.write(`Replayed ${token}${course.failure === null ? ': it ends well' : ''}\n${trace}`);
    keepTrace(trace, this.#title(seed), course.failure);
    if (course.failure === null) return this.#report(null, true);
    throw this.#error(token, course.failure.error, trace, {
      seed,
      deviations: recording.tell(),
      deviationsBefore: recording.deviations.length,
      attempts: 0,
      // Those of a seed are too many to be told.
      shrinking: prescriptions === null ? 'none' : 'replayed',
    });
  }

  async #run(seed: number, overruling: Overruling | null, trace: TraceSink | null = null): Promise<Course> {
    const { scenario, faults, signal, exhaustive, shrink, onProgress, progress, ...options } = this.#options;
    let simulation: Simulation | null = null;
    const main = (sim: Simulation) => {
      simulation = sim;
      if (faults !== undefined) startNemesis(sim, faults);
      return scenario(sim);
    };
    let failure: { error: unknown } | null = null;
    try {
      await simulate(main, {
        order: 'any',
        ...options,
        seed,
        overruling,
        ...(trace === null ? {} : { trace }),
      });
    } catch (error) {
      failure = { error };
    }
    const seen = simulation as Simulation | null;
    return { failure, virtualTime: seen?.time ?? 0, turns: seen?.turns ?? 0 };
  }

  #title(seed: number): string {
    return `${this.#options.name ?? 'Exploration'}, seed ${seed}`;
  }

  #count({ virtualTime, turns }: Course, seed: number, total: number | null): void {
    this.#runs++;
    this.#virtualTime += virtualTime;
    this.#turns += turns;
    const progress: ExploreProgress = { done: this.#runs, total, seed, virtualTime: this.#virtualTime };
    this.#options.onProgress?.(progress);
    this.#progress?.show(progress);
  }

  #report(exhaustive: ExploreReport['exhaustive'], replayed = false): ExploreReport {
    const wallTime = performance.now() - this.#start;
    return {
      runs: this.#runs,
      virtualTime: this.#virtualTime,
      wallTime,
      turns: this.#turns,
      exhaustive,
      replayed,
    };
  }

  /** Makes it simpler, and tells of it. */
  async #failed(seed: number, overruling: Overruling, error: unknown): Promise<ExplorationError> {
    this.#progress?.clear();
    const isSame = this.#options.sameFailure ?? sameFailure;
    const first = new Recording(overruling);
    const again = await this.#run(seed, first.overruling);
    const before = { seed, deviationsBefore: first.deviations.length };
    if (again.failure === null || !isSame(error, again.failure.error)) {
      const lost = { ...before, deviations: [], attempts: 0, shrinking: 'lost' } as const;
      return this.#error(encodeReplay({ seed, prescriptions: null }), error, null, lost);
    }
    const shrunk = await this.#shrink(seed, first.deviations, (other) => isSame(error, other));
    const deviations = shrunk?.deviations ?? first.deviations;
    // What it meant, and the trace, are only asked for in this run.
    const last = new Recording(prescribed(deviations), true);
    const trace = new Trace();
    const { failure } = await this.#run(seed, last.overruling, trace);
    keepTrace(trace, this.#title(seed), failure);
    const ofChoices = encodeReplay({ seed, prescriptions: deviations });
    const isSeedEnough =
      overruling === asDrawn && (isEqual(deviations, first.deviations) || ofChoices.length > tokenLengthMax);
    const token = isSeedEnough ? encodeReplay({ seed, prescriptions: null }) : ofChoices;
    return this.#error(token, failure === null ? error : failure.error, trace, {
      ...before,
      deviations: last.tell(),
      attempts: shrunk?.attempts ?? 0,
      shrinking: shrunk === null ? 'none' : shrunk.complete ? 'minimal' : 'bounded',
    });
  }

  async #shrink(
    seed: number,
    deviations: readonly Deviation[],
    isSame: (error: unknown) => boolean,
  ): Promise<Shrunk | null> {
    const options = this.#options.shrink ?? true;
    if (options === false) return null;
    const attempt = async (candidate: readonly Deviation[]) => {
      const recording = new Recording(prescribed(candidate));
      const { failure } = await this.#run(seed, recording.overruling);
      return failure !== null && isSame(failure.error) ? recording.deviations : null;
    };
    const { signal } = this.#options;
    // Whoever ends it has no time left to see it made simpler, but is told what failed.
    const now = () => (signal?.aborted === true ? Infinity : performance.now());
    return await shrink(deviations, attempt, now, options === true ? {} : options);
  }

  #error(
    token: string,
    cause: unknown,
    trace: Trace | null,
    rest: Omit<ExplorationFailure, 'token' | 'command' | 'trace'>,
  ): ExplorationError {
    const command = replayCommand(this.#options.name ?? null, token);
    const told = trace === null ? '' : traceTail(trace);
    return new ExplorationError({ ...rest, token, command, trace: told }, { cause });
  }
}

function isEqual(some: readonly Deviation[], all: readonly Deviation[]): boolean {
  return some.length === all.length && some.every(({ outcome }, place) => outcome === all[place]?.outcome);
}

function seedsOf({ seeds = seedsDefault }: ExploreOptions): { from: number; count: number } {
  return typeof seeds === 'number'
    ? { from: 0, count: seeds }
    : { from: seeds.from ?? 0, count: seeds.count };
}

function checkOptions(options: ExploreOptions): void {
  if (typeof options !== 'object' || options === null || typeof options.scenario !== 'function')
    throw new TypeError('Cannot explore: there is no scenario, which is a function');
  const { from, count } = seedsOf(options);
  if (!Number.isSafeInteger(count) || count < 1)
    throw new RangeError(`Cannot explore: ${count} is no number of seeds`);
  if (!Number.isSafeInteger(from) || from < 0 || !Number.isSafeInteger(from + count))
    throw new RangeError(`Cannot explore: ${from} is no seed to begin with`);
  const { exhaustive, shrink, faults } = options;
  for (const kind of (typeof exhaustive === 'object' ? exhaustive.kinds : null) ?? []) {
    if (!['order', 'network', 'fault'].includes(kind))
      throw new RangeError(
        `Cannot explore: '${kind}' choices cannot all be tried; order, network and fault can`,
      );
  }
  for (const [name, value] of [
    ...Object.entries(typeof exhaustive === 'object' ? exhaustive : {}),
    ...Object.entries(typeof shrink === 'object' ? shrink : {}),
  ]) {
    if (name.endsWith('Max') && value !== undefined && !(typeof value === 'number' && value > 0))
      throw new RangeError(`Cannot explore: ${name} is ${value}, and must be above 0`);
  }
  if (faults !== undefined) checkFaults(faults);
}
