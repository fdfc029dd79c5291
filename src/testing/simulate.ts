import { installGlobals } from '../adapters/node/globals.ts';
import type { GlobalsClock } from '../adapters/node/globals-clock.ts';
import { nameTasksFrom } from '../coroutines/index.ts';
import type {
  LinkOptions,
  NameOptions,
  Overruling,
  TraceEvent,
  TraceSink,
} from '../drivers/simulation/index.ts';
import { type EventLoop, NotSupportedError, StateError } from '../interface/index.ts';
import { nodeHost, runningLoop, unownedScope } from '../loop/index.ts';
import { EventLoop as RealLoop } from '../runtime/index.ts';
import type { TaskBody } from './program.ts';
import { guardRealIo } from './real-io.ts';
import { SimulatedHost } from './simulated-host.ts';
import { Simulation } from './simulation.ts';
import { SimulationCore, testHostName } from './simulation-core.ts';
import { firstLineOf } from './simulation-error.ts';
import { traceTasks } from './trace-tasks.ts';
import { catchUncaught } from './uncaught.ts';

const turnsMaxDefault = 1_000_000;
const timeMaxDefault = 24 * 3_600_000;
/** Milliseconds on either side of 1970 that a `Date` can have. */
const timeValueMax = 8.64e15;

export interface SimulationOptions {
  /** by which every choice is made; 0 unless given */
  seed?: number | undefined;
  /** how links between hosts behave, but for those that are given something else */
  link?: LinkOptions | undefined;
  /** how the names of other hosts are looked up */
  names?: NameOptions | undefined;
  /** what wall clocks show at the beginning, as `Date.now` does; 2030-01-01 unless given */
  startOfTime?: number | undefined;
  /**
   * 'any': of the tasks of a host that are ready, which one goes on is chosen too. 'queued', unless given: the one that was
   * first, as on every loop. Which host goes on is chosen in both.
   */
  order?: 'queued' | 'any' | undefined;
  /**
   * whether `setTimeout`, `Date`, `performance.now`, `Math.random` and their like are the host's, for code that knows no
   * event loop; false unless given
   */
  globals?: boolean | undefined;
  /** turns without time moving on; 1 000 000 unless given */
  turnsMax?: number | undefined;
  /** milliseconds of simulated time that the scenario may take; a day unless given */
  timeMax?: number | undefined;
  /** who is told of all that happens; nobody unless given */
  trace?: TraceSink | null | undefined;
  /** what chooses in place of the seed */
  overruling?: Overruling | null | undefined;
}

/** What a scenario is: a generator function, an async function, or any that gives a coroutine. */
export type Scenario<T> = (sim: Simulation) => TaskBody<T>;

let running = false;

/**
 * Runs a scenario in a world of its own, in which time passes only when nothing can happen before. It is the program of a
 * host named `test`; when it ends, the programs of all other hosts are ended, as `run` would.
 *
 * All of it happens inside of one callback of the host's loop: nothing else of the process runs meanwhile.
 *
 * @returns what the scenario returns
 * @throws what the scenario throws
 * @throws {SimulationError} something else failed: on a host, or because it would never end
 * @throws {GroupError} several of these at once
 * @throws {StateError} this is a simulation already (`ERR_NESTED_SIMULATION`); a loop that blocks runs here (`ERR_LOOP_RUNNING`)
 */
export async function simulate<T>(scenario: Scenario<T>, options: SimulationOptions = {}): Promise<T> {
  if (typeof scenario !== 'function') throw new TypeError('Cannot simulate: the scenario is not a function');
  if (running) {
    throw new StateError(
      'ERR_NESTED_SIMULATION',
      'Cannot simulate: this is a simulation already, and a world inside of another has no time of its own',
    );
  }
  const loop = runningLoop();
  if (loop instanceof RealLoop && loop.blocks) {
    throw new StateError(
      'ERR_LOOP_RUNNING',
      'Cannot simulate: the event loop that runs here owns the thread; run it as a guest, or simulate without it',
    );
  }
  const core = new SimulationCore(checked(options));
  return await new Promise((resolve, reject) => {
    nodeHost.setImmediate(() => {
      try {
        resolve(unownedScope().runInAsyncScope(() => runAlone(core, scenario, options)));
      } catch (error) {
        reject(error);
      }
    });
  });
}

function runAlone<T>(core: SimulationCore, scenario: Scenario<T>, options: SimulationOptions): T {
  if (nodeHost.drainMicrotasks === null || !nodeHost.drainsHere()) {
    throw new NotSupportedError(
      'simulation',
      'simulation',
      'Cannot simulate: this runtime does not let us run promise reactions',
    );
  }
  const undo: (() => void)[] = [];
  running = true;
  try {
    const { world } = core;
    const hostOf = (loop: EventLoop) => core.hostNameOf(loop);
    const note = (event: Omit<TraceEvent, 'time'>) => world.note(event);
    world.oracle.overruling = options.overruling ?? null;
    world.trace = options.trace ?? null;
    undo.push(
      catchUncaught((error, kind) => {
        const host = core.hostHere()?.name ?? null;
        const what =
          kind === 'unhandledRejection' ? 'A promise was rejected, and nobody handles that' : 'Uncaught';
        core.fail(core.error('ERR_UNHANDLED', `${what}: ${firstLineOf(error)}`, host, error));
      }),
    );
    const next = nameTasksFrom(1);
    undo.push(() => void nameTasksFrom(next));
    undo.push(guardRealIo((attempt) => core.fail(attempt)));
    if (options.globals === true) undo.push(installGlobals(globalsOf(core)));
    if (world.trace !== null) undo.push(traceTasks(hostOf, note));
    const sim = new Simulation(core);
    new SimulatedHost<T>(core, testHostName, () => scenario(sim)).start();
    core.run();
  } finally {
    try {
      core.close();
      // What was left to the microtasks belongs to the simulation too.
      nodeHost.drainMicrotasks();
    } finally {
      running = false;
      undoAll(undo);
    }
  }
  const { scenario: outcome } = core;
  if (outcome?.kind !== 'returned') throw outcome?.error;
  return outcome.value as T;
}

/** The last first, and all of them, whatever the program has made of what is to be put back. */
function undoAll(undo: (() => void)[]): void {
  try {
    undo.pop()?.();
  } finally {
    if (undo.length > 0) undoAll(undo);
  }
}

/** What the globals show, to whichever host asks. */
function globalsOf(core: SimulationCore): GlobalsClock {
  const host = () => core.hostHere() as NonNullable<ReturnType<SimulationCore['hostHere']>>;
  return {
    now: () => host().clock.wallTime(),
    monotonic: () => host().clock.now(),
    random: () => core.random(),
    loop: () => host().loop,
  };
}

function checked(options: SimulationOptions) {
  const {
    seed,
    link,
    names,
    startOfTime,
    trace,
    order = 'queued',
    turnsMax = turnsMaxDefault,
    timeMax = timeMaxDefault,
  } = options;
  if (order !== 'queued' && order !== 'any')
    throw new RangeError(`Cannot simulate: there is no order '${String(order)}'; there are queued and any`);
  if (trace !== undefined && trace !== null && typeof trace.note !== 'function')
    throw new TypeError('Cannot simulate: the trace has no method `note`');
  if (startOfTime !== undefined && !(Math.abs(startOfTime) <= timeValueMax))
    throw new RangeError(`Cannot simulate: startOfTime is ${startOfTime}, which no clock can show`);
  if (!(turnsMax >= 1)) throw new RangeError(`Cannot simulate: turnsMax is ${turnsMax}, not 1 or more`);
  if (!(timeMax >= 0)) throw new RangeError(`Cannot simulate: timeMax is ${timeMax}, not 0 or more`);
  return { seed, link, names, startOfTime, order, turnsMax, timeMax };
}
