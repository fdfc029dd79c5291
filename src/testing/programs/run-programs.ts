import { installGlobals } from '../../adapters/node/globals.ts';
import { Replacements } from '../../adapters/node/replacements.ts';
import { Future, nameTasksFrom } from '../../coroutines/index.ts';
import type { Suspension } from '../../interface/index.ts';
import { nodeHost } from '../../loop/index.ts';
import { asDrawn, prescribed, Recording } from '../deviations.ts';
import type { HostLoop } from '../host-loop.ts';
import { startNemesis } from '../nemesis.ts';
import { guardRealIo } from '../real-io.ts';
import { decodeReplay } from '../replay-token.ts';
import { SimulatedHost } from '../simulated-host.ts';
import { Simulation } from '../simulation.ts';
import { SimulationCore, testHostName } from '../simulation-core.ts';
import { firstLineOf } from '../simulation-error.ts';
import type { Trace } from '../trace.ts';
import { traceTasks } from '../trace-tasks.ts';
import { startPlanned } from './fault-plan.ts';
import { loadProgram, separateModules } from './module-instances.ts';
import { replaceNetwork } from './network-shim.ts';
import {
  leaveProgram,
  liveProgramHere,
  NodeProgram,
  type ProgramEnd,
  programHere,
  programOn,
} from './node-program.ts';
import { replaceProcess } from './process-shim.ts';
import { ProgramError } from './program-error.ts';
import type { HostPlan, ProgramPlan } from './program-plan.ts';

const turnsMax = 1_000_000;

/** One course of a simulation of Node's programs. */
export interface ProgramCourse {
  readonly failure: { readonly error: unknown } | null;
  /** milliseconds that were simulated */
  readonly time: number;
  readonly ends: readonly ProgramEnd[];
  readonly recording: Recording;
}

/** What `runPrograms` needs. */
export interface ProgramRunOptions {
  /** as `encodeReplay` has it */
  readonly token: string;
  readonly trace: Trace;
  /** whether what was chosen is asked what it means */
  readonly explains: boolean;
  print(host: string, line: string, descriptor: 1 | 2): void;
}

/**
 * Runs programs that know of no event loop but Node's, on simulated hosts in virtual time. It has the whole process, whose
 * globals are other ones from here on, and can be called once.
 *
 * Programs are loaded, and files read, by Node's own loop; so are they turned from there: whenever it has nothing left to do,
 * which Node says by 'beforeExit', everything that is due in the simulation is done, and, if nothing is, its time moves on
 * to what comes next. While a thread still works, time stands still; how long it takes changes nothing.
 */
export function runPrograms(plan: ProgramPlan, options: ProgramRunOptions): Promise<ProgramCourse> {
  return new Promise((resolve) => new ProgramRun(plan, options, resolve).start());
}

class ProgramRun {
  readonly #plan: ProgramPlan;
  readonly #options: ProgramRunOptions;
  readonly #resolve: (course: ProgramCourse) => void;
  readonly #core: SimulationCore;
  readonly #recording: Recording;
  readonly #programs: NodeProgram[] = [];
  readonly #ends: ProgramEnd[] = [];
  /** of the scenario: nothing more is to happen */
  #over: Future<void> | null = null;
  readonly #setImmediate = setImmediate;
  readonly #onIdle = () => this.#step();

  constructor(plan: ProgramPlan, options: ProgramRunOptions, resolve: (course: ProgramCourse) => void) {
    this.#plan = plan;
    this.#options = options;
    this.#resolve = resolve;
    const { seed, prescriptions } = decodeReplay(options.token);
    const { link, timeMax } = plan;
    this.#core = new SimulationCore({ seed, link, timeMax, turnsMax, order: 'queued' });
    this.#recording = new Recording(
      prescriptions === null ? asDrawn : prescribed(prescriptions),
      options.explains,
    );
  }

  start(): void {
    try {
      this.#start();
    } catch (error) {
      this.#finish({ error });
    }
  }

  #start(): void {
    const core = this.#core;
    const { world } = core;
    world.oracle.overruling = this.#recording.overruling;
    world.trace = this.#options.trace;
    core.locate = () => programHere()?.host ?? null;
    nameTasksFrom(1);
    this.#replaceAll();
    traceTasks(
      (loop) => core.hostNameOf(loop),
      (event) => world.note(event),
    );
    const sim = new Simulation(core);
    new SimulatedHost<void>(core, testHostName, () => this.#scenario(sim)).start();
    process.on('beforeExit', this.#onIdle);
  }

  /** For the rest of the process. */
  #replaceAll(): void {
    const core = this.#core;
    process.removeAllListeners('uncaughtException');
    process.removeAllListeners('unhandledRejection');
    process.on('uncaughtException', (error) => {
      const program = programHere();
      if (program === null) core.fail(error);
      else program.enter(() => program.uncaught(error));
      // Node goes on to set an immediate, which what has ended cannot.
      if (program?.alive === false) leaveProgram();
    });
    process.on('unhandledRejection', (reason, promise) => {
      const program = programHere();
      if (program === null) core.fail(reason);
      else program.enter(() => program.rejected(reason, promise));
    });
    separateModules();
    guardRealIo((attempt) => core.fail(attempt), { awaitsThreads: true });
    const replacements = new Replacements();
    replaceNetwork(replacements);
    replaceProcess(replacements);
    const host = () => core.hostHere() as SimulatedHost<unknown>;
    installGlobals({
      appliesHere: () => programHere() !== null,
      now: () => host().clock.wallTime(),
      monotonic: () => host().clock.now(),
      random: () => core.random(),
      loop: () => (liveProgramHere() as NodeProgram).loop,
    });
  }

  *#scenario(sim: Simulation): Generator<Suspension, void, unknown> {
    const { hosts, faults, main } = this.#plan;
    const over = new Future<void>();
    this.#over = over;
    for (const host of hosts) sim.host<number>(host.name, (simulated) => this.#program(simulated, host));
    startPlanned(sim, faults.planned);
    if (faults.rates !== null) {
      // The simulation ends with that one, whatever happens to it.
      const others = ({ name }: { name: string }) => name !== main;
      startNemesis(sim, { hosts: others, ...faults.rates });
    }
    yield* over;
    for (const program of this.#programs) {
      program.flush();
      program.host.exit(0, 'is ended with the simulation');
    }
  }

  #program(host: SimulatedHost<number>, { file, args }: HostPlan): Generator<Suspension, number, unknown> {
    const { main, hosts } = this.#plan;
    const isFirst =
      host.name === (main ?? hosts[0]?.name) && this.#programs.every((other) => other.host !== host);
    const program = new NodeProgram(host, host.loop as HostLoop, file, args, {
      load: () => loadProgram(program, isFirst),
      wrote: (_program, line, descriptor) => this.#wrote(host.name, line, descriptor),
      ended: (_program, end) => this.#ended(end),
    });
    this.#programs.push(program);
    return program.main();
  }

  #wrote(host: string, line: string, descriptor: 1 | 2): void {
    this.#core.world.note({ host, kind: 'said', text: line });
    this.#options.print(host, line, descriptor);
  }

  #ended(end: ProgramEnd): void {
    this.#ends.push(end);
    const { host, exitCode, failure } = end;
    if (failure !== null) {
      const { error } = failure;
      const message = `The program on ${host} failed: ${firstLineOf(error)}`;
      this.#core.fail(new ProgramError('ERR_PROGRAM_FAILED', message, host, { cause: error }));
    } else if (exitCode !== 0) {
      const message = `The program on ${host} ended with exit code ${exitCode}`;
      this.#core.fail(new ProgramError('ERR_EXIT_CODE', message, host));
    }
  }

  /** Node has nothing left to do. */
  #step(): void {
    const core = this.#core;
    let error: { error: unknown } | null = null;
    try {
      // What failed may have done so since the last time, by Node's own loop.
      core.throwFailures();
      if (!this.#turnAll() && !this.#endIdle()) this.#advance();
      core.throwFailures();
    } catch (failure) {
      error = { error: failure };
    }
    // What a host had written before it went down, in the middle of a line.
    for (const program of this.#programs) if (!program.alive) program.flush();
    if (error === null && core.programs.size > 0) {
      // Has Node look again, and come back when it has done what was begun.
      this.#setImmediate(() => {});
      return;
    }
    process.removeListener('beforeExit', this.#onIdle);
    this.#finish(error);
  }

  /** Everything that is due now. False: nothing was. */
  #turnAll(): boolean {
    const core = this.#core;
    let turned = false;
    while (!core.failed) {
      const next = core.loops.next();
      if (next === null) break;
      turned = true;
      const program = programOn(next.loop);
      if (program === null) {
        core.turn(next);
      } else {
        program.turns++;
        program.enter(() => core.turn(next));
      }
      this.#lookForEnd();
    }
    return turned;
  }

  /** Programs end that wait for nothing any more. False: none does. */
  #endIdle(): boolean {
    const idle = this.#programs.filter((program) => program.idle);
    for (const program of idle) program.endOfItself();
    if (idle.length > 0) this.#lookForEnd();
    return idle.length > 0;
  }

  #advance(): void {
    const { loops, options } = this.#core;
    while (!loops.anyReady) {
      const moved = loops.advance(options.timeMax);
      if (moved !== 'moved') {
        this.#quiet(moved);
        break;
      }
    }
    this.#turnAll();
  }

  /** Nothing happens any more, by itself or because time is up. */
  #quiet(why: 'never' | 'late'): void {
    const { main, timeMax } = this.#plan;
    const { hosts } = this.#core;
    if (main === null) {
      this.#end();
      return;
    }
    const state = hosts.get(main)?.state;
    const what = why === 'late' ? `${timeMax} ms have gone by` : 'nothing can ever happen any more';
    const message = `${what}, and the program on ${main} has not ended (${state})`;
    this.#core.fail(new ProgramError('ERR_NOT_ENDED', `Cannot go on: ${message}`, main));
  }

  #lookForEnd(): void {
    const { hosts } = this.#core;
    const { main, hosts: planned } = this.#plan;
    const isOver = (name: string) => ['ended', 'killed'].includes(hosts.get(name)?.state ?? '');
    if (main === null) {
      if (hosts.size > 1 && planned.every(({ name }) => isOver(name))) this.#end();
    } else if (isOver(main)) {
      if (hosts.get(main)?.state === 'killed') {
        this.#core.fail(new ProgramError('ERR_EXIT_CODE', `The program on ${main} was killed`, main));
      }
      this.#end();
    }
  }

  #end(): void {
    if (this.#over?.done() === false) this.#over.setResult();
  }

  #finish(failure: { error: unknown } | null): void {
    const core = this.#core;
    for (const program of this.#programs) program.flush();
    core.close();
    nodeHost.drainMicrotasks?.();
    this.#resolve({ failure, time: core.world.now, ends: this.#ends, recording: this.#recording });
  }
}
