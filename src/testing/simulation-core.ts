import { type Choices, World, type WorldOptions } from '../drivers/simulation/index.ts';
import { type EventLoop as EventLoopInterface, GroupError } from '../interface/index.ts';
import { runningLoop } from '../loop/index.ts';
import type { EventLoop } from '../runtime/index.ts';
import { Conditions } from './conditions.ts';
import { describeTasks, indented } from './describe-tasks.ts';
import { HostLoop } from './host-loop.ts';
import type { Outcome, Program } from './program.ts';
import type { SimulatedHost } from './simulated-host.ts';
import { firstLineOf, SimulationError, type SimulationErrorCode } from './simulation-error.ts';
import { type SteppedLoop, SteppedLoops } from './stepped-loops.ts';

/** The name of the host on which the scenario runs. */
export const testHostName = 'test';

export interface CoreOptions extends WorldOptions {
  readonly turnsMax: number;
  readonly timeMax: number;
  readonly order: 'queued' | 'any';
}

// biome-ignore lint/suspicious/noExplicitAny: whatever its program returns
type AnyHost = SimulatedHost<any>;

/** What the parts of one simulation share, and its course from turn to turn. */
export class SimulationCore {
  readonly world: World;
  readonly loops: SteppedLoops;
  readonly conditions: Conditions;
  readonly hosts = new Map<string, AnyHost>();
  /** those that have not ended */
  // biome-ignore lint/suspicious/noExplicitAny: whatever they return
  readonly programs = new Set<Program<any>>();
  readonly options: CoreOptions;
  /** how the scenario has ended; null: it has not */
  scenario: Outcome<unknown> | null = null;
  /** the scenario has ended, and all programs are to end */
  ending = false;
  /** whose code this is, where more is known of it than which loop runs; null: nothing is */
  locate: (() => AnyHost | null) | null = null;
  /** everything has ended: what fails now fails nothing any more */
  over = false;
  readonly #failures: unknown[] = [];
  readonly #randoms = new Map<AnyHost | null, Choices>();

  constructor(options: CoreOptions) {
    this.options = options;
    this.world = new World(options);
    this.loops = new SteppedLoops(this.world, options.turnsMax);
    this.conditions = new Conditions(this.world, (description, cause) => {
      const why = cause === undefined ? '' : `: its condition threw ${firstLineOf(cause)}`;
      this.fail(this.error('ERR_ALWAYS', `This did not hold: ${description}${why}`, null, cause));
    });
  }

  get testHost(): AnyHost | null {
    return this.hosts.get(testHostName) ?? null;
  }

  /** The host whose code this is: the one of the scenario, if it is none's. */
  hostHere(): AnyHost | null {
    const located = this.locate?.() ?? null;
    if (located !== null) return located;
    const loop = runningLoop();
    return (loop instanceof HostLoop ? this.hosts.get(loop.machine.name) : undefined) ?? this.testHost;
  }

  /** A number from 0 on, below 1, of the host whose code this is. */
  random(): number {
    const host = this.hostHere();
    let choices = this.#randoms.get(host);
    if (choices === undefined) {
      choices = this.world.oracle.choices(`random on ${host?.name ?? testHostName}`, 'random');
      this.#randoms.set(host, choices);
    }
    return choices.fraction();
  }

  /** The name of the host of this simulation on which a loop runs. */
  hostNameOf(loop: EventLoopInterface): string | null {
    return loop instanceof HostLoop && loop.machine.world === this.world ? loop.machine.name : null;
  }

  error(code: SimulationErrorCode, message: string, host: string | null, cause?: unknown): SimulationError {
    const details = { seed: this.world.oracle.seed, time: this.world.now, host };
    return new SimulationError(code, message, details, cause === undefined ? undefined : { cause });
  }

  /** Ends the simulation after the turn that is under way. */
  fail(error: unknown): void {
    if (this.over) return;
    // What was told where it happened is told again by whoever it was thrown to.
    const known = this.#failures.some(
      (failure) => failure === error || (error instanceof SimulationError && error.cause === failure),
    );
    if (!known) this.#failures.push(error);
  }

  /** Turns the loops and moves time on until the scenario has ended, and every program after it. @throws what failed */
  run(): void {
    const { loops, programs, options } = this;
    while (!this.failed) {
      const next = loops.next();
      if (next !== null) {
        this.turn(next);
        continue;
      }
      if (programs.size === 0) break;
      const moved = loops.advance(options.timeMax);
      if (moved !== 'moved') this.#stuck(moved);
    }
    this.throwFailures();
  }

  get failed(): boolean {
    return this.#failures.length > 0;
  }

  /** One turn of a loop, and what follows from it. */
  turn(next: SteppedLoop): void {
    if (!this.loops.turn(next)) this.#livelocked(next.machine.name, next.loop);
    if (this.conditions.any) this.conditions.look();
    if (this.scenario !== null && !this.ending) this.#endAll();
  }

  /** @throws what failed, if anything has */
  throwFailures(): void {
    const failures = this.#failures;
    if (failures.length === 0) return;
    if (failures.length === 1) throw failures[0];
    const { seed } = this.world.oracle;
    throw new GroupError(
      failures,
      `${failures.length} failures at once, in the simulation with seed ${seed}`,
    );
  }

  /** Drops what is left, which a failure may have left in any state. */
  close(): void {
    this.over = true;
    this.conditions.clear();
    for (const program of this.programs) program.drop();
    for (const machine of this.world.machines.values()) machine.halt();
  }

  #endAll(): void {
    this.ending = true;
    this.conditions.clear();
    for (const host of this.hosts.values()) host.end();
  }

  #stuck(why: 'never' | 'late'): void {
    const [code, what] =
      why === 'late'
        ? ([
            'ERR_TIME_LIMIT',
            `it takes more than ${this.options.timeMax} ms of simulated time (timeMax)`,
          ] as const)
        : (['ERR_DEADLOCK', 'nothing can ever happen any more'] as const);
    this.fail(this.error(code, `Cannot finish the scenario: ${what}\n${this.#describe()}`, null));
  }

  #livelocked(host: string, loop: EventLoop): void {
    const what = `Cannot move time on: after ${this.options.turnsMax} turns at ${this.world.now} ms (turnsMax), there is still something to do at once on ${host}`;
    this.fail(this.error('ERR_LIVELOCK', `${what}\n${indented(describeTasks(loop))}`, host));
  }

  /** Every host, and what its tasks wait for. */
  #describe(): string {
    const lines = [`At ${this.world.now} ms:`];
    for (const host of this.hosts.values()) {
      const { name, state, program } = host;
      lines.push(`${name}${state === 'running' ? '' : ` (${state})`}${program === null ? '' : ':'}`);
      if (program !== null) lines.push(indented(describeTasks(program.loop)));
    }
    return lines.join('\n');
  }
}
