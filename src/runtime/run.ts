import { ensureFuture, Task } from '../coroutines/index.ts';
import {
  type Awaitable,
  type Context,
  type EventLoop as EventLoopInterface,
  type Future as FutureInterface,
  InterruptedError,
  type Operation,
  StateError,
  type Suspension,
  type TaskSource,
} from '../interface/index.ts';
import { alreadyRunning, copyContext, nodeHost, runningLoop, warn } from '../loop/index.ts';
import { environment } from './drivers.ts';
import { endTasks } from './end-tasks.ts';
import { EventLoop } from './event-loop.ts';
import { extension } from './loop-extension.ts';
import { newEventLoop } from './new-event-loop.ts';
import { getEventLoopPolicy } from './policy.ts';
import { isRunnable, isSource } from './runnable.ts';
import { deadlock, describeTasks, warnIfLate } from './stuck.ts';
import { dieOfUncaughtInterrupts } from './uncaught-interrupt.ts';

/** How long closing connections may take to send the rest when a run ends. */
const closingGrace = 2_000;
/** How long the default executor may take to end its work. */
const executorGrace = 300_000;
const cancelRounds = 100;
/** How long tasks may take to end once they were cancelled before somebody is told. */
const patienceDefault = 5_000;

export type RunnerKind = 'guest' | 'blocking';

export interface RunnerOptions {
  /** the driver of the loop; `TULIPA_LOOP`, else the best that works here, unless given */
  driver?: string | undefined;
  /** makes the loop, in place of `driver` */
  loopFactory?: (() => EventLoopInterface) | undefined;
  /**
   * 'guest': in turns of the host's own loop, beside everything else in the program. 'blocking': owns the thread from the
   * host's next turn until main has ended; faster, and nothing of the host's runs meanwhile. Unless given, TULIPA_RUNNER,
   * else guest; in a worker thread blocking, where the driver can. A guest there warns: to terminate such a thread while it
   * is in our loop takes the whole process down. In a simulation always blocking.
   */
  runner?: RunnerKind | undefined;
  /** Has a blocking run turn Node's own loop too, as `newEventLoop` has it; not with `loopFactory`. */
  turnsHost?: boolean | undefined;
  /** debug mode of the loop; as the environment says unless given */
  debug?: boolean | undefined;
  /**
   * true: opens the socket by which `tulipa ps` looks into the process; false: never, nor when it is asked to. Unless
   * given, as TULIPA_DEBUG_SOCKET says (1 or 0), and by default when `tulipa ps` asks for it, by a signal.
   */
  debugSocket?: boolean | undefined;
  /**
   * After so many milliseconds a warning tells which tasks a run still waits for that was interrupted, or whose main is
   * done; 5 000 unless given, null: never
   */
  shutdownPatience?: number | null | undefined;
}

/**
 * Runs `main` on a new loop and resolves to its result, or rejects with its error. The loop is closed in every case:
 * tasks that are left are cancelled and awaited, connections that are closing may send the rest.
 *
 * The loop runs as a guest of the host's own, so that everything else in the program keeps working. The first SIGINT
 * cancels `main`; if that ends it, `run` rejects with an InterruptedError, which ends the process by SIGINT if nobody
 * catches it. The second one ends the process at once.
 *
 * When nothing is left in the process that could ever wake `main`, it is cancelled too, and `run` rejects with an error
 * that shows what the tasks wait for.
 *
 * @param main a coroutine, an uncalled generator or async function, or anything that can be waited for
 * @throws {StateError} a loop runs in this thread already; nothing could wake main any more (`ERR_DEADLOCK`)
 * @throws {TypeError} nothing that can be run
 */
export async function run<T>(main: TaskSource<T> | Awaitable<T>, options?: RunnerOptions): Promise<T> {
  return await new Runner(options).runAndClose(main);
}

/** Runs several mains one after the other on one loop and in one context. @see asyncio.Runner */
export class Runner {
  readonly #options: RunnerOptions;
  readonly #environmentsWish: RunnerKind | undefined;
  #loop: EventLoop | null = null;
  #context: Context | null = null;
  #state: 'idle' | 'running' | 'closed' = 'idle';
  /** A run ended so, and has told of what is stuck. */
  #deadlocked = false;

  /** @throws {RangeError} there is no such `runner` */
  constructor(options: RunnerOptions = {}) {
    this.#options = options;
    checkRunner(options.runner);
    this.#environmentsWish = checkRunner(environment('TULIPA_RUNNER'));
  }

  /** The loop, made at the first use. @throws {StateError} closed */
  getLoop(): EventLoop {
    if (this.#state === 'closed')
      throw new StateError('ERR_RUNNER_CLOSED', 'Cannot use the runner: it is closed');
    this.#loop ??= this.#makeLoop();
    return this.#loop;
  }

  async run<T>(main: TaskSource<T> | Awaitable<T>, options?: { context?: Context | undefined }): Promise<T> {
    return await this.#run(main, options?.context, () => {});
  }

  /** @internal As `run` and `close`, without a moment between them in which somebody else could run a loop. */
  async runAndClose<T>(main: TaskSource<T> | Awaitable<T>): Promise<T> {
    let closing: Promise<void> | null = null;
    const close = () => {
      closing ??= this.close();
      return closing;
    };
    let result: T;
    try {
      result = await this.#run(main, undefined, () => void close());
    } catch (error) {
      const loop = this.#loop;
      // The error of main matters more than one of closing.
      await close().catch((exception: unknown) => {
        loop?.callExceptionHandler({ message: 'Exception while the run was shut down', exception });
      });
      throw error;
    }
    await close();
    return result;
  }

  async #run<T>(
    main: TaskSource<T> | Awaitable<T>,
    given: Context | undefined,
    onEnd: () => void,
  ): Promise<T> {
    if (!isRunnable(main))
      throw new TypeError('Cannot run main: it is nothing that can be run or waited for');
    const running = runningLoop();
    if (running !== null) throw alreadyRunning(this.#loop, running);
    const loop = this.getLoop();
    const blocking = this.#blocks(loop);
    if (nodeHost.prefersBlocking && loop.canBlock && !blocking) {
      warn(
        'GuestWarning',
        `A loop of the ${loop.driverName} driver is a guest in a worker thread: end it by having main return; worker.terminate() and process.exit() may take the whole process down`,
      );
    }
    this.#context ??= copyContext();
    const context = given ?? this.#context;
    this.#state = 'running';
    return await runAttached(
      loop,
      blocking,
      () => startMain(loop, main, context),
      (started, giveUp) => this.#watchMain(loop, started, giveUp),
      () => {
        this.#state = 'idle';
        onEnd();
      },
    );
  }

  /** Cancels main at the first SIGINT, and when nothing is left that could wake it. */
  #watchMain(loop: EventLoop, main: FutureInterface<unknown>, giveUp: () => void): MainWatch {
    let ending: ((cause?: unknown) => Error) | null = null;
    let late: Operation | null = null;
    const signal = loop.watchUnhandled('SIGINT', () => {
      if (late !== null) {
        signal?.cancel();
        loop.interruptProcess();
        return;
      }
      late = warnIfLate(loop, this.#patience, 'The run was interrupted and has not ended yet; its tasks:');
      ending = (cause) => new InterruptedError('SIGINT', { cause });
      dieOfUncaughtInterrupts();
      main.cancel(new InterruptedError('SIGINT'));
    });
    const idle = loop.watchIdle(() => {
      if (ending !== null) {
        // Cancelling it has not helped: it waits for something that nobody can take away from it.
        idle.cancel();
        giveUp();
        return;
      }
      if (main.done()) return;
      this.#deadlocked = true;
      const tasks = describeTasks(loop);
      ending = (cause) => deadlock(tasks, cause);
      main.cancel(deadlock());
      // What cannot be cancelled leaves nothing queued, and the host would end without asking again.
      loop.callSoon(() => {});
    });
    return {
      cancel() {
        signal?.cancel();
        idle.cancel();
        late?.cancel();
      },
      errorOf: (error) => (ending !== null && onlyCancelledByUs(main) ? ending(error) : null),
    };
  }

  get #patience(): number | null {
    const { shutdownPatience } = this.#options;
    return shutdownPatience === undefined ? patienceDefault : shutdownPatience;
  }

  /** Cancels and awaits what is left, and closes the loop. Idempotent. */
  async close(): Promise<void> {
    if (this.#state === 'running')
      throw new StateError('ERR_LOOP_RUNNING', 'Cannot close the runner: it is running');
    if (this.#state === 'closed') return;
    const loop = this.#loop;
    this.#state = 'closed';
    if (loop === null || loop.isClosed()) return;
    try {
      await runAttached(
        loop,
        loop.hasOwnWorld || (loop.canBlock && this.#blocks(loop)),
        () => loop.createTask(() => this.#shutDown(loop), { name: 'shutdown' }),
        null,
        () => {},
      );
    } finally {
      loop.close();
    }
  }

  *#shutDown(loop: EventLoop): Generator<Suspension, void, unknown> {
    const late = warnIfLate(loop, this.#patience, 'The run has not ended yet; it waits for these tasks:');
    try {
      yield* this.#endTasks(loop);
    } finally {
      late.cancel();
    }
    extension?.windsDown(loop);
    yield* loop.finishTransports(closingGrace);
    yield* loop.shutdownDefaultExecutor(executorGrace);
  }

  *#endTasks(loop: EventLoop): Generator<Suspension, void, unknown> {
    // What goes on starting tasks without end is left after so many rounds.
    const { stuck, left } = yield* endTasks(loop, 'run', cancelRounds);
    if (stuck) {
      if (this.#deadlocked) return;
      loop.callExceptionHandler({
        message: `Cannot end these tasks: they were cancelled, and nothing is left that could wake them\n${describeTasks(loop)}`,
      });
      return;
    }
    for (const task of left)
      loop.callExceptionHandler({ message: 'Cannot end the task: it starts others without end', task });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #blocks(loop: EventLoop): boolean {
    const { runner } = this.#options;
    if (runner !== undefined) return runner === 'blocking';
    // The environment speaks to the program, and knows nothing of its threads, or of what it simulates.
    const prefersBlocking = loop.hasOwnWorld || (nodeHost.prefersBlocking && loop.canBlock);
    return prefersBlocking || this.#environmentsWish === 'blocking';
  }

  #makeLoop(): EventLoop {
    const { loopFactory, driver, turnsHost, debug, debugSocket } = this.#options;
    let loop: unknown;
    if (loopFactory !== undefined) loop = loopFactory();
    else if (driver !== undefined || turnsHost !== undefined) loop = newEventLoop({ driver, turnsHost });
    else loop = getEventLoopPolicy().newEventLoop();
    if (!(loop instanceof EventLoop)) {
      throw new TypeError(
        'Cannot run on this loop: it is not one of this library and brings a runner of its own',
      );
    }
    if (debug !== undefined) loop.setDebug(debug);
    if (debugSocket !== undefined) loop.debugSocket = debugSocket;
    return loop;
  }
}

function checkRunner(runner: string | undefined): RunnerKind | undefined {
  if (runner !== undefined && runner !== 'guest' && runner !== 'blocking')
    throw new RangeError(`Cannot run: there is no runner '${runner}'; there are guest and blocking`);
  return runner;
}

function startMain<T>(
  loop: EventLoop,
  main: TaskSource<T> | Awaitable<T>,
  context: Context,
): FutureInterface<T> {
  return isSource(main) ? loop.createTask(main, { context }) : ensureFuture(main, { loop });
}

/** Watches over a main while it runs. */
interface MainWatch extends Operation {
  /** What the run fails with if it was ended early by us; null: it was not. `cause` if main is done. */
  errorOf(cause?: unknown): Error | null;
}

/**
 * Runs the loop until the future that `start` makes is done; `onEnd` is called when it runs no more. `watch` is given a
 * way to end the run without that.
 */
function runAttached<T>(
  loop: EventLoop,
  blocking: boolean,
  start: () => FutureInterface<T>,
  watch: ((main: FutureInterface<T>, giveUp: () => void) => MainWatch) | null,
  onEnd: () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let main: FutureInterface<T> | null = null;
    let watching: MainWatch | null = null;
    let ended = false;
    // By `stop`, or because main is done; the loop may be run again after the former, and main be done then.
    const end = () => {
      if (ended) return;
      ended = true;
      watching?.cancel();
      main?.removeDoneCallback(onDone);
      // Settled outside the turn: what goes on from there may run a loop itself.
      loop.detach(settle);
    };
    const onDone = (done: FutureInterface<T>) => {
      if (!done.cancelled()) done.exception(); // looked at: nobody need report it
      end();
    };
    const settle = () => {
      onEnd();
      if (main === null) return;
      if (!main.done()) {
        const error = watching?.errorOf();
        reject(
          error ?? new StateError('ERR_LOOP_STOPPED', 'Cannot finish main: the loop was stopped before'),
        );
        return;
      }
      try {
        resolve(main.result());
      } catch (error) {
        reject((main.cancelled() ? watching?.errorOf(error) : null) ?? error);
      }
    };
    try {
      loop.attach(end, blocking);
    } catch (error) {
      onEnd();
      throw error;
    }
    try {
      main = start();
    } catch (error) {
      reject(error);
      end();
      return;
    }
    main.addDoneCallback(onDone);
    if (watch !== null) watching = watch(main, end);
  });
}

/** Whether nobody else has cancelled it. */
function onlyCancelledByUs(main: FutureInterface<unknown>): boolean {
  return !(main instanceof Task) || main.uncancel() === 0;
}
