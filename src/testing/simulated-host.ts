import type { Future } from '../coroutines/index.ts';
import type { Clock, Machine, SimulatedSignals, TraceState } from '../drivers/simulation/index.ts';
import {
  type EventLoop,
  type ExceptionContext,
  InterruptedError,
  isCancellation,
  type Signal,
  StateError,
} from '../interface/index.ts';
import { type Outcome, Program, type ProgramOwner, type TaskBody } from './program.ts';
import { ReportedFuture } from './reported-future.ts';
import { type SimulationCore, testHostName } from './simulation-core.ts';
import { firstLineOf } from './simulation-error.ts';

/** What runs on a host: a generator function, an async function, or any that gives a coroutine. Each start calls it anew. */
export type HostMain<T> = (host: SimulatedHost<T>) => TaskBody<T>;

export interface HostOptions {
  /** by how many milliseconds its wall clock is ahead, and how fast its clocks run; 0 and 1 unless given */
  clock?: { readonly skew?: number | undefined; readonly rate?: number | undefined } | undefined;
}

/** How a host's clocks deviate from the world's. Both may be set while programs run. */
export interface HostClock {
  /** By how many milliseconds its wall clock, which `Date` shows, is ahead. */
  skew: number;
  /** How many milliseconds of its clocks go by in one of the world's: above 1, its programs time out early. */
  rate: number;
  /** Milliseconds, monotonic: what its loop's `time` gives. */
  now(): number;
  /** Milliseconds since 1970. */
  wallTime(): number;
}

/**
 * 'off': nothing was ever started. 'ended', 'killed': no program runs, but the kernel answers those who connect. 'crashed':
 * nothing does.
 */
export type HostState = 'off' | 'running' | 'paused' | 'ended' | 'killed' | 'crashed';

/** The outcome of a program, for who waits for it on the host of the scenario. */
class FinishedFuture<T> extends ReportedFuture<T> {
  readonly host: string;

  constructor(loop: EventLoop, host: string) {
    super({ loop });
    this.host = host;
  }
}

/**
 * A machine of a simulation, with a program on it that has an event loop, clocks and addresses of its own.
 *
 * A program ends by itself when its main does, in the way of `run`: other tasks are cancelled, closing connections may send
 * the rest. `crash` and `kill` end it with nothing cleaned up.
 */
export class SimulatedHost<T = unknown> {
  readonly name: string;
  /**
   * What survives the end of a program, and a crash too, while all else is new at every `start`. Values stay as they are,
   * and are there at once and whole: a disk that loses what was not flushed is not simulated.
   */
  readonly disk: Map<string, unknown> = new Map();
  readonly clock: HostClock;
  readonly #core: SimulationCore;
  readonly #machine: Machine;
  readonly #owner: ProgramOwner<T>;
  #main: HostMain<T> | null;
  #program: Program<T> | null = null;
  #finished: FinishedFuture<T> | null = null;
  #state: Exclude<HostState, 'paused'> = 'off';
  #paused = false;
  /** by a signal */
  #stopped = false;

  /** @internal Made by `Simulation.host`. */
  constructor(core: SimulationCore, name: string, main: HostMain<T> | null, options: HostOptions = {}) {
    if (/^localhost$/i.test(name))
      throw new RangeError(`Cannot add the host: '${name}' is what every host calls itself`);
    this.#core = core;
    this.#machine = core.world.addMachine(name);
    this.name = name;
    this.#main = main;
    this.clock = new LiveClock(this.#machine.clock, () => this.#program?.stepped.clockChanged());
    if (options.clock?.skew !== undefined) this.clock.skew = options.clock.skew;
    if (options.clock?.rate !== undefined) this.clock.rate = options.clock.rate;
    this.#owner = {
      name,
      mainEnded: (outcome) => this.#mainEnded(outcome),
      programEnded: (outcome) => this.#programEnded(outcome),
      programTerminated: (signal) => this.#terminated(signal),
      unhandled: (context) => this.#unhandled(context),
    };
    core.hosts.set(name, this);
  }

  /** Literal ones, IPv4 first, under which other hosts reach it; they reach it by its name too. */
  get addresses(): readonly [ipv4: string, ipv6: string] {
    return this.#machine.addresses;
  }

  get state(): HostState {
    return this.#state === 'running' && (this.#paused || this.#stopped) ? 'paused' : this.#state;
  }

  /** Of the program that runs. @throws {StateError} none does */
  get loop(): EventLoop {
    return this.#running('get its loop').loop;
  }

  /**
   * What the main of the program that was started last returns, once the program has ended; its error is thrown to who waits
   * for it, and fails the simulation if nobody does. After `crash` and `kill` it is a {@link SimulationError}
   * (`ERR_HOST_DOWN`). To be waited for in the scenario.
   *
   * @throws {StateError} nothing was started
   */
  get finished(): Future<T> {
    if (this.#finished === null) throw this.#cannot('wait for its program', 'none was started');
    return this.#finished;
  }

  /**
   * Switches it on, if it is not, and runs a program, from the next turn on.
   *
   * @param main the one of the last time unless given
   * @throws {StateError} a program runs on it already, there is no main, or the scenario has ended
   */
  start(main?: HostMain<T>): this {
    if (this.#program !== null) throw this.#cannot('start a program', 'one is running');
    if (this.#core.ending) throw this.#cannot('start a program', 'the scenario has ended');
    if (main !== undefined) this.#main = main;
    const body = this.#main;
    if (body === null) throw this.#cannot('start a program', 'it was given none');
    if (typeof body !== 'function')
      throw new TypeError(`Cannot start a program on ${this.name}: its main is not a function`);
    const driver = this.#machine.boot();
    this.#paused = false;
    this.#stopped = false;
    const program = new Program<T>(this.#core, driver, this.#owner, bound(body, this));
    this.#program = program;
    this.#signals?.attend({
      terminated: (signal) => this.#terminated(signal),
      stopped: (signal) => this.#stop(program, signal),
      continued: () => this.#continue(program),
    });
    this.#finished = new FinishedFuture<T>(this.#core.testHost?.program?.loop ?? program.loop, this.name);
    this.#state = 'running';
    this.#note('up', 'starts');
    return this;
  }

  /** Loss of power: no `finally` is run, nobody is told, and what is sent to it gets no answer. */
  crash(): void {
    this.#mustNotBeTest('crash it');
    if (this.#state === 'off' || this.#state === 'crashed') return;
    this.#down('crashed', 'crashes', 'the host has crashed');
    this.#machine.halt();
  }

  /** As by SIGKILL: no `finally` is run, but the kernel closes what the program had open. */
  kill(): void {
    this.#mustNotBeTest('kill its program');
    if (this.#program !== null) this.#terminated('SIGKILL');
  }

  /** Crashes it, if a program runs, and starts the same main. Its name, its addresses and what is on its disk stay. */
  restart(): this {
    if (this.#program !== null) this.crash();
    return this.start();
  }

  /** Its program stands still until `resume`, while its kernel goes on: connections are made, data wait to be read. */
  pause(): void {
    this.#mustNotBeTest('pause it');
    const program = this.#running('pause it');
    if (this.#paused) return;
    this.#paused = true;
    program.stepped.hold();
    this.#note('paused', 'is paused');
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#program?.stepped.release();
    this.#note('up', 'goes on');
  }

  /**
   * Sends a signal to its program. Without a handler of the program's own, SIGINT cancels its main as `run` does, and others
   * do what they do to a process.
   *
   * @throws {RangeError} there is no such signal
   * @throws {StateError} no program runs
   */
  signal(signal: Signal): void {
    this.#running(`send ${String(signal)} to its program`);
    this.#signals?.deliver(signal);
  }

  toString(): string {
    return `<SimulatedHost ${this.name} ${this.state}>`;
  }

  /**
   * @internal Its program ends at once, as a process does that exits: nothing is cleaned up but by the kernel.
   *
   * @param value what its main returns, so to speak
   */
  exit(value: T, text: string): void {
    if (this.#program === null) return;
    const { driver } = this.#machine;
    this.#program.drop();
    this.#program = null;
    this.#state = 'ended';
    this.#note('ended', text);
    driver?.close();
    if (this.#finished?.done() === false) this.#finished.setResult(value);
  }

  /** @internal */
  get keepsAlive(): boolean {
    return this.#machine.driver?.keepsAlive === true;
  }

  /** @internal */
  get program(): Program<T> | null {
    return this.#program;
  }

  /** @internal The scenario has ended: the program is to end too. */
  end(): void {
    const program = this.#program;
    if (program === null) return;
    // What stands still cannot clean up.
    if (program.stepped.held) this.#down('killed', 'is ended as it stands', 'the scenario has ended');
    else program.end();
  }

  get #signals(): SimulatedSignals | null {
    return this.#machine.driver?.signals ?? null;
  }

  #mainEnded(outcome: Outcome<T>): void {
    if (this.name !== testHostName) return;
    this.#core.scenario = outcome;
    if (outcome.kind === 'failed') this.#core.fail(outcome.error);
  }

  #programEnded(outcome: Outcome<T>): void {
    this.#program = null;
    this.#state = 'ended';
    this.#note('ended', outcome.kind === 'returned' ? 'ends' : `ends: ${firstLineOf(outcome.error)}`);
    const finished = this.#finished;
    if (finished === null || finished.done()) return;
    if (outcome.kind === 'returned') {
      finished.setResult(outcome.value);
    } else if (isCancellation(outcome.error)) {
      finished.cancel(outcome.error.reason);
    } else if (this.#core.ending) {
      finished.cancel();
      if (this.name !== testHostName) this.#failed(outcome.error);
    } else {
      finished.setException(outcome.error);
      // Whoever had it interrupted knows it.
      if (outcome.error instanceof InterruptedError) finished.markRetrieved();
    }
  }

  #terminated(signal: string): void {
    if (this.name === testHostName) {
      this.#core.fail(this.#core.error('ERR_HOST_DOWN', `The scenario was ended by ${signal}`, this.name));
      return;
    }
    const { driver } = this.#machine;
    this.#down('killed', `is killed by ${signal}`, `its program was killed by ${signal}`);
    driver?.close();
  }

  #down(state: 'killed' | 'crashed', text: string, why: string): void {
    this.#program?.drop();
    this.#program = null;
    this.#state = state;
    this.#note('down', text);
    const finished = this.#finished;
    if (finished === null || finished.done()) return;
    finished.setException(
      this.#core.error('ERR_HOST_DOWN', `Cannot wait for the program on ${this.name}: ${why}`, this.name),
    );
    // Whoever had this done knows it.
    finished.markRetrieved();
  }

  #stop(program: Program<T>, signal: string): void {
    if (this.#stopped) return;
    this.#stopped = true;
    program.stepped.hold();
    this.#note('paused', `is stopped by ${signal}`);
  }

  #continue(program: Program<T>): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    program.stepped.release();
    this.#note('up', 'is continued');
  }

  /** False: nobody is there any more to whom it matters. */
  #unhandled(context: ExceptionContext): boolean {
    if (this.#core.over) return false;
    const { message, exception, future } = context;
    if (future instanceof FinishedFuture) {
      this.#failed(exception, future.host);
    } else {
      const what = exception === undefined ? message : `${message}: ${firstLineOf(exception)}`;
      this.#core.fail(
        this.#core.error('ERR_UNHANDLED', `Unhandled on ${this.name}: ${what}`, this.name, exception),
      );
    }
    return true;
  }

  #failed(error: unknown, host = this.name): void {
    this.#core.fail(
      this.#core.error('ERR_HOST_FAILED', `The main of ${host} failed: ${firstLineOf(error)}`, host, error),
    );
  }

  #running(doing: string): Program<T> {
    if (this.#program === null) throw this.#cannot(doing, `no program runs on it (${this.#state})`);
    return this.#program;
  }

  #mustNotBeTest(doing: string): void {
    if (this.name === testHostName) throw this.#cannot(doing, 'the scenario runs on it');
  }

  #cannot(doing: string, why: string): StateError<'ERR_HOST_STATE'> {
    return new StateError('ERR_HOST_STATE', `Cannot ${doing}, on ${this.name}: ${why}`);
  }

  #note(state: TraceState, text: string): void {
    const { world } = this.#core;
    if (world.trace !== null) world.note({ host: this.name, kind: 'host', text, state });
  }
}

/** To be called without arguments, and still of the kind and the name of `main`. */
function bound<T>(main: HostMain<T>, host: SimulatedHost<T>): () => TaskBody<T> {
  return Object.defineProperty(main.bind(undefined, host), 'name', { value: main.name });
}

class LiveClock implements HostClock {
  readonly #clock: Clock;
  readonly #onChange: () => void;

  constructor(clock: Clock, onChange: () => void) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  get skew(): number {
    return this.#clock.skew;
  }

  set skew(skew: number) {
    this.#clock.skew = skew;
  }

  get rate(): number {
    return this.#clock.rate;
  }

  set rate(rate: number) {
    this.#clock.rate = rate;
    // Timers are due at other times of the world now.
    this.#onChange();
  }

  now(): number {
    return this.#clock.now();
  }

  wallTime(): number {
    return this.#clock.wallTime();
  }
}
