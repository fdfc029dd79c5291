import { AsyncLocalStorage } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import { inspect } from 'node:util';
import { Future } from '../../coroutines/index.ts';
import { isCancellation, LoopError, type Suspension } from '../../interface/index.ts';
import type { HostLoop } from '../host-loop.ts';
import type { SimulatedHost } from '../simulated-host.ts';

/** Thrown where a program calls `process.exit`, and to what of it goes on after its end: nothing of it is to. */
export class ProgramExit extends LoopError<'ERR_PROGRAM_EXIT'> {
  override readonly name = 'ProgramExit';
  readonly exitCode: number;

  constructor(host: string, exitCode: number) {
    super('ERR_PROGRAM_EXIT', `The program on ${host} has ended with exit code ${exitCode}`);
    this.exitCode = exitCode;
  }
}

/** How a program of Node's came to its end. */
export interface ProgramEnd {
  readonly host: string;
  readonly exitCode: number;
  /** what nobody caught; null: nothing */
  readonly failure: { readonly error: unknown } | null;
}

/** Who runs programs. */
export interface ProgramSupervisor {
  /** Loads the modules of the program, in its async context. */
  load(program: NodeProgram): Promise<void>;
  /** It has written a whole line, to standard output (1) or standard error (2). */
  wrote(program: NodeProgram, line: string, descriptor: 1 | 2): void;
  ended(program: NodeProgram, end: ProgramEnd): void;
}

/** Whose exit code `process.exitCode` is, which is the one property of `process` that cannot be replaced; and what it was. */
let shown: NodeProgram | null = null;
let shownCode: typeof process.exitCode;

const here = new AsyncLocalStorage<NodeProgram>();
const programs = new WeakMap<object, NodeProgram>();
let numbers = 0;

/** The program whose code this is; null: it is none's. It may have ended. */
export function programHere(): NodeProgram | null {
  return here.getStore() ?? null;
}

/** As `programHere`. @throws {ProgramExit} it has ended, and this is not to go on */
export function liveProgramHere(): NodeProgram | null {
  const program = programHere();
  if (program?.alive === false) throw new ProgramExit(program.host.name, program.exitCode ?? 0);
  return program;
}

/** What still runs of this turn of Node's own is none of the program's, which has ended. */
export function leaveProgram(): void {
  here.enterWith(undefined as never);
}

/** The program that runs on a loop. */
export function programOn(loop: object): NodeProgram | null {
  return programs.get(loop) ?? null;
}

const ownFiles = new URL('../../', import.meta.url).href;

/** Lines of a stack that are none of a program's are left out. */
export function withoutOwnFrames(stack: string): string {
  const lines = stack.split('\n');
  return lines.filter((line) => !(line.includes(ownFiles) && /^\s+at /.test(line))).join('\n');
}

/** Exit codes of Node's own. @see the documentation of Node, "Exit codes" */
const uncaughtCode = 1;
const unsettledCode = 13;
const interruptedCode = 130;

/** One run of a program written for Node on a simulated host: what is the process's in reality. */
export class NodeProgram {
  readonly host: SimulatedHost<number>;
  readonly loop: HostLoop;
  /** the listeners of its `process` */
  readonly events = new EventEmitter();
  /** unique among all of the process */
  readonly number = ++numbers;
  readonly file: string;
  readonly argv: string[];
  /** CommonJS modules, which are its own */
  readonly modules: Record<string, unknown> = Object.create(null);
  /** turns of its loop so far */
  turns = 0;
  readonly #supervisor: ProgramSupervisor;
  /** what is not a whole line yet, by descriptor */
  readonly #unended: Record<1 | 2, string> = { 1: '', 2: '' };
  #exitCode: number | undefined;
  #loaded = false;
  #exiting = false;
  #ended = false;
  /** when 'beforeExit' was emitted last, by turns; -1: never */
  #askedAt = -1;

  constructor(
    host: SimulatedHost<number>,
    loop: HostLoop,
    file: string,
    args: readonly string[],
    supervisor: ProgramSupervisor,
  ) {
    this.host = host;
    this.loop = loop;
    this.file = file;
    this.argv = [process.execPath, file, ...args];
    this.#supervisor = supervisor;
    this.events.setMaxListeners(0);
    programs.set(loop, this);
    loop.setExceptionHandler((_loop, { exception, message }) => {
      this.enter(() => this.uncaught(exception ?? new Error(message)));
    });
  }

  /** False: it has ended, or was ended; what of it still goes on is to have no effect. */
  get alive(): boolean {
    return !this.#ended && !this.loop.isClosed();
  }

  /** As its `process.exitCode`; undefined: none was set. */
  get exitCode(): number | undefined {
    takeExitCode();
    return this.#exitCode;
  }

  set exitCode(code: number | undefined) {
    takeExitCode();
    this.#exitCode = code;
    if (shown === this) showExitCode(code);
  }

  /** Calls back in the async context by which its code is known. */
  enter<T>(callback: () => T): T {
    takeExitCode();
    if (shown !== this) {
      shown = this;
      showExitCode(this.#exitCode);
    }
    return here.run(this, callback);
  }

  /** @internal It was set by way of `process`. */
  keepExitCode(code: number | undefined): void {
    this.#exitCode = code;
  }

  /** The main of its host. Ends with the program, so only by force or by a signal. */
  *main(): Generator<Suspension, number, unknown> {
    this.enter(() => void this.#load());
    try {
      return yield* new Future<number>({ loop: this.loop });
    } catch (error) {
      // A SIGINT that the program does not handle.
      if (isCancellation(error)) this.#end(interruptedCode, null);
      throw error;
    }
  }

  async #load(): Promise<void> {
    try {
      await this.#supervisor.load(this);
      this.#loaded = true;
    } catch (error) {
      this.uncaught(error);
    }
  }

  /** `process.exit`. */
  exit(code?: number | string | null): never {
    if (code != null) this.exitCode = Number(code);
    this.#tellOfExit();
    const exitCode = this.exitCode ?? 0;
    this.#end(exitCode, null);
    throw new ProgramExit(this.host.name, exitCode);
  }

  /** What nobody caught: as in reality, it ends the program, unless that listens for it. */
  uncaught(error: unknown, origin = 'uncaughtException'): void {
    if (error instanceof ProgramExit || !this.alive) return;
    try {
      this.events.emit('uncaughtExceptionMonitor', error, origin);
      if (this.events.emit('uncaughtException', error, origin)) return;
    } catch (other) {
      if (other instanceof ProgramExit) return;
      this.#fail(other);
      return;
    }
    this.#fail(error);
  }

  /** A promise was rejected, and nobody handles that. */
  rejected(reason: unknown, promise: unknown): void {
    if (reason instanceof ProgramExit || !this.alive) return;
    if (this.events.listenerCount('unhandledRejection') === 0) {
      this.uncaught(reason, 'unhandledRejection');
      return;
    }
    try {
      this.events.emit('unhandledRejection', reason, promise);
    } catch (error) {
      this.uncaught(error);
    }
  }

  /** Nothing keeps it from ending: no timer, connection, server or question is left, while time stands still. */
  get idle(): boolean {
    return (
      this.alive &&
      this.host.state === 'running' &&
      this.loop.queued === 0 &&
      !this.loop.hasRefdTimers &&
      !this.host.keepsAlive
    );
  }

  /** It is `idle`: it is told so, or, if that has changed nothing, ends. */
  endOfItself(): void {
    this.enter(() => {
      if (this.#loaded && this.#askedAt !== this.turns) {
        this.#askedAt = this.turns + 1;
        this.loop.callSoon(() => void this.events.emit('beforeExit', this.exitCode ?? 0));
        return;
      }
      if (!this.#loaded) {
        this.write('Warning: Detected unsettled top-level await\n', 2);
        this.exitCode ??= unsettledCode;
      }
      this.#tellOfExit();
      this.#end(this.exitCode ?? 0, null);
    });
  }

  /** To its standard output (1) or standard error (2). */
  write(text: string, descriptor: 1 | 2): void {
    const lines = (this.#unended[descriptor] + text).split('\n');
    this.#unended[descriptor] = lines.pop() as string;
    for (const line of lines) this.#supervisor.wrote(this, line, descriptor);
  }

  /** What is left of its output is told, although the line has not ended. */
  flush(): void {
    for (const descriptor of [1, 2] as const) {
      const rest = this.#unended[descriptor];
      this.#unended[descriptor] = '';
      if (rest !== '') this.#supervisor.wrote(this, rest, descriptor);
    }
  }

  #fail(error: unknown): void {
    this.write(`Uncaught ${withoutOwnFrames(inspect(error))}\n`, 2);
    this.exitCode = uncaughtCode;
    this.#tellOfExit();
    this.#end(uncaughtCode, { error });
  }

  #tellOfExit(): void {
    if (this.#exiting || !this.alive) return;
    this.#exiting = true;
    try {
      this.events.emit('exit', this.exitCode ?? 0);
    } catch (error) {
      if (error instanceof ProgramExit) return;
      this.write(`Uncaught ${withoutOwnFrames(inspect(error))}\n`, 2);
      this.exitCode = uncaughtCode;
    }
  }

  #end(exitCode: number, failure: ProgramEnd['failure']): void {
    if (!this.alive) return;
    this.#ended = true;
    this.flush();
    this.host.exit(exitCode, `ends with exit code ${exitCode}`);
    this.#supervisor.ended(this, { host: this.host.name, exitCode, failure });
  }
}

/** What was set since it was shown is the exit code of the program that was entered last. */
function takeExitCode(): void {
  if (process.exitCode === shownCode) return;
  shownCode = process.exitCode;
  shown?.keepExitCode(shownCode == null ? undefined : Number(shownCode));
}

function showExitCode(code: number | undefined): void {
  process.exitCode = code;
  shownCode = process.exitCode;
}
