import type { Future } from '../coroutines/index.ts';
import type { SimulationDriver } from '../drivers/simulation/index.ts';
import {
  type Coroutine,
  type ExceptionContext,
  InterruptedError,
  type Operation,
  StateError,
  type Suspension,
} from '../interface/index.ts';
import { Context } from '../loop/index.ts';
import { describeTasks } from './describe-tasks.ts';
import { endProgram } from './end-program.ts';
import { HostLoop } from './host-loop.ts';
import type { SimulationCore } from './simulation-core.ts';
import type { SteppedLoop } from './stepped-loops.ts';
import { chooseTaskOrder } from './task-order.ts';

/** How long a program may take to end, in milliseconds of the world's time. */
const endingTimeMax = 60_000;

/** What a main returns: a coroutine or generator, or an async function's promise. */
export type TaskBody<T> = Coroutine<T> | Generator<Suspension, T, unknown> | PromiseLike<T>;

/** How a program ended. */
export type Outcome<T> =
  | { readonly kind: 'returned'; readonly value: T }
  | { readonly kind: 'failed'; readonly error: unknown };

/** What a program's host learns of it. */
export interface ProgramOwner<T> {
  readonly name: string;
  /** It goes on until the rest of it has ended. */
  mainEnded(outcome: Outcome<T>): void;
  /** Of its own accord, or because it was told to: its loop is closed. */
  programEnded(outcome: Outcome<T>): void;
  /** By a signal, with nothing cleaned up. */
  programTerminated(signal: string): void;
  /** False: it is none of its business any more. */
  unhandled(context: ExceptionContext): boolean;
}

/** One run of a main on a host: from the start of its loop until that is closed or dropped. */
export class Program<T> {
  readonly loop: HostLoop;
  readonly stepped: SteppedLoop;
  readonly #core: SimulationCore;
  readonly #owner: ProgramOwner<T>;
  readonly #main: Future<T>;
  readonly #interruption: Operation | null;
  #interrupted = false;
  #outcome: Outcome<T> | null = null;
  /** of the end, in the world's events; -1: it is not ending */
  #limit = -1;

  constructor(
    core: SimulationCore,
    driver: SimulationDriver,
    owner: ProgramOwner<T>,
    main: () => TaskBody<T>,
  ) {
    this.#core = core;
    this.#owner = owner;
    this.loop = new HostLoop(driver, driver.machine, (context) => owner.unhandled(context));
    if (core.options.order === 'any') chooseTaskOrder(this.loop, core.world);
    this.stepped = core.loops.add(this.loop, driver.machine, () => this.#loopStopped());
    core.programs.add(this);
    this.#interruption = this.loop.watchUnhandled('SIGINT', () => this.#interrupt());
    this.#main = this.loop.createTask(main, { name: owner.name, context: new Context() }) as Future<T>;
    this.#main.addDoneCallback(() => this.#mainDone());
  }

  get ending(): boolean {
    return this.#limit !== -1;
  }

  /** Ends it as `run` would: its tasks are cancelled and clean up, what is closing may send the rest. */
  end(): void {
    if (this.ending) return;
    const { world } = this.#core;
    this.#limit = world.schedule(endingTimeMax, { run: () => this.#overdue() });
    this.#interruption?.cancel();
    const shutdown = this.loop.createTask(() => endProgram(this.loop), {
      name: 'shutdown',
      context: new Context(),
    });
    shutdown.addDoneCallback(() => this.loop.detach(() => this.#close()));
  }

  /** Ends it at once, with nothing cleaned up. The kernel's part is the caller's. */
  drop(): void {
    if (!this.#core.programs.delete(this)) return;
    if (this.ending) this.#core.world.cancel(this.#limit);
    this.stepped.end();
    this.loop.abandon();
  }

  #mainDone(): void {
    const main = this.#main;
    main.markRetrieved();
    this.#outcome ??= this.#outcomeOf(main);
    this.#owner.mainEnded(this.#outcome);
    this.end();
  }

  #outcomeOf(main: Future<T>): Outcome<T> {
    try {
      return { kind: 'returned', value: main.result() };
    } catch (error) {
      const interrupted = this.#interrupted && main.cancelled();
      return {
        kind: 'failed',
        error: interrupted ? new InterruptedError('SIGINT', { cause: error }) : error,
      };
    }
  }

  #interrupt(): void {
    if (this.#interrupted) {
      this.#owner.programTerminated('SIGINT');
      return;
    }
    this.#interrupted = true;
    this.#main.cancel(new InterruptedError('SIGINT'));
  }

  #loopStopped(): void {
    this.#outcome ??= {
      kind: 'failed',
      error: new StateError('ERR_LOOP_STOPPED', 'Cannot finish main: the loop was stopped before'),
    };
    this.end();
  }

  #close(): void {
    this.#core.world.cancel(this.#limit);
    this.#core.programs.delete(this);
    this.stepped.end();
    this.loop.close();
    this.#owner.programEnded(this.#outcome ?? this.#outcomeOf(this.#main));
  }

  #overdue(): void {
    const { name } = this.#owner;
    this.#core.fail(
      this.#core.error(
        'ERR_SHUTDOWN',
        `Cannot end the program on ${name}: its tasks were cancelled, and have not ended after ${endingTimeMax} ms\n${describeTasks(this.loop)}`,
        name,
      ),
    );
  }
}
