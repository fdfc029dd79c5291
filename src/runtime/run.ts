import { allTasks, currentTask, ensureFuture, isCoroutine, Task, wait } from '../coroutines/index.ts';
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
import { alreadyRunning, copyContext, runningLoop } from '../loop/index.ts';
import { EventLoop } from './event-loop.ts';
import { extension } from './loop-extension.ts';
import { newEventLoop } from './new-event-loop.ts';
import { getEventLoopPolicy } from './policy.ts';

/** How long closing connections may take to send the rest when a run ends. */
const closingGrace = 2_000;
/** How long the default executor may take to end its work. */
const executorGrace = 300_000;
const cancelRounds = 100;

export interface RunnerOptions {
  /** the driver of the loop; `TULIPA_LOOP`, else the best that works here, unless given */
  driver?: string | undefined;
  /** makes the loop, in place of `driver` */
  loopFactory?: (() => EventLoopInterface) | undefined;
  /** debug mode of the loop; as the environment says unless given */
  debug?: boolean | undefined;
  /**
   * true: opens the socket by which `tulipa ps` looks into the process; false: never, nor when it is asked to. Unless
   * given, as TULIPA_DEBUG_SOCKET says (1 or 0), and by default when `tulipa ps` asks for it, by a signal.
   */
  debugSocket?: boolean | undefined;
}

/**
 * Runs `main` on a new loop and resolves to its result, or rejects with its error. The loop is closed in every case:
 * tasks that are left are cancelled and awaited, connections that are closing may send the rest.
 *
 * The loop runs as a guest of the host's own, so that everything else in the program keeps working. The first SIGINT
 * cancels `main`; if that ends it, `run` rejects with an InterruptedError. The second one ends the process.
 *
 * @param main a coroutine, an uncalled generator or async function, or anything that can be waited for
 * @throws {StateError} a loop runs in this thread already
 * @throws {TypeError} nothing that can be run
 */
export async function run<T>(main: TaskSource<T> | Awaitable<T>, options?: RunnerOptions): Promise<T> {
  return await new Runner(options).runAndClose(main);
}

/** Runs several mains one after the other on one loop and in one context. @see asyncio.Runner */
export class Runner {
  readonly #options: RunnerOptions;
  #loop: EventLoop | null = null;
  #context: Context | null = null;
  #state: 'idle' | 'running' | 'closed' = 'idle';

  constructor(options: RunnerOptions = {}) {
    this.#options = options;
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
    this.#context ??= copyContext();
    const context = given ?? this.#context;
    this.#state = 'running';
    return await runAttached(
      loop,
      () => startMain(loop, main, context),
      true,
      () => {
        this.#state = 'idle';
        onEnd();
      },
    );
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
        () => loop.createTask(() => shutDown(loop), { name: 'shutdown' }),
        false,
        () => {},
      );
    } finally {
      loop.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #makeLoop(): EventLoop {
    const { loopFactory, driver, debug, debugSocket } = this.#options;
    let loop: unknown;
    if (loopFactory !== undefined) loop = loopFactory();
    else if (driver !== undefined) loop = newEventLoop({ driver });
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

function isRunnable(main: unknown): boolean {
  if (typeof main === 'function') return true;
  if (typeof main !== 'object' || main === null) return false;
  return (
    typeof (main as { then?: unknown }).then === 'function' ||
    typeof (main as { next?: unknown }).next === 'function'
  );
}

function startMain<T>(
  loop: EventLoop,
  main: TaskSource<T> | Awaitable<T>,
  context: Context,
): FutureInterface<T> {
  if (typeof main === 'function' || isCoroutine(main) || 'next' in main) {
    return loop.createTask(main as TaskSource<T>, { context });
  }
  return ensureFuture(main as Awaitable<T>, { loop });
}

/** Runs the loop as a guest until the future that `start` makes is done; `onEnd` is called when it runs no more. */
function runAttached<T>(
  loop: EventLoop,
  start: () => FutureInterface<T>,
  interruptible: boolean,
  onEnd: () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let main: FutureInterface<T> | null = null;
    let watch: Operation | null = null;
    let interrupts = 0;
    let ended = false;
    // By `stop`, or because main is done; the loop may be run again after the former, and main be done then.
    const end = () => {
      if (ended) return;
      ended = true;
      watch?.cancel();
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
        reject(new StateError('ERR_LOOP_STOPPED', 'Cannot finish main: the loop was stopped before'));
        return;
      }
      try {
        resolve(main.result());
      } catch (error) {
        const interrupted = interrupts > 0 && main.cancelled() && onlyInterrupted(main);
        reject(interrupted ? new InterruptedError('SIGINT', { cause: error }) : error);
      }
    };
    try {
      loop.attach(end);
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
    if (!interruptible) return;
    watch = loop.watchUnhandled('SIGINT', () => {
      if (++interrupts === 1) {
        main.cancel(new InterruptedError('SIGINT'));
      } else {
        watch?.cancel();
        loop.interruptProcess();
      }
    });
  });
}

/** Whether nobody but the signal has cancelled it. */
function onlyInterrupted(main: FutureInterface<unknown>): boolean {
  return !(main instanceof Task) || main.uncancel() === 0;
}

function* shutDown(loop: EventLoop): Generator<Suspension, void, unknown> {
  const self = currentTask();
  // Cleaning up may start tasks; what goes on starting them without end is left after so many rounds.
  for (let round = 0; round < cancelRounds; round++) {
    const left = [...allTasks(loop)].filter((task) => task !== self);
    if (left.length === 0) break;
    for (const task of left) task.cancel('the run has ended');
    yield* wait(left);
    for (const task of left) {
      const exception = task.cancelled() ? null : task.exception();
      if (exception !== null) {
        loop.callExceptionHandler({
          message: 'Unhandled exception while the run was shut down',
          exception,
          task,
        });
      }
    }
  }
  for (const task of allTasks(loop)) {
    if (task !== self)
      loop.callExceptionHandler({ message: 'Cannot end the task: it starts others without end', task });
  }
  extension?.windsDown(loop);
  yield* loop.finishTransports(closingGrace);
  yield* loop.shutdownDefaultExecutor(executorGrace);
}
