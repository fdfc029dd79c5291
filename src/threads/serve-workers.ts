import { availableParallelism } from 'node:os';
import { Coroutine, Future, type Task, wait } from '../coroutines/index.ts';
import type { EventLoop, Suspension, TimerHandle } from '../interface/index.ts';
import { getRunningLoop } from '../loop/index.ts';
import { driversOffering, environment } from '../runtime/index.ts';
import type { ListenTogether, ServeWorker } from './serving.ts';
import { type SlotKeeper, WorkerSlot } from './worker-slot.ts';

/** In one place no worker is started sooner than so many milliseconds after the one before it. */
const restartPause = 1_000;

/** How much longer than its connections a worker may take to end. */
const endingPatience = 1_000;

export interface ServeWorkersOptions<Data = undefined> {
  /** as many as the machine runs in parallel unless given */
  workers?: number | undefined;
  /** as for `createServer` */
  host?: string | readonly string[] | null | undefined;
  /** 0, which is any one that is free, unless given; the same for all workers */
  port?: number | undefined;
  backlog?: number | undefined;
  /** the export that serves; 'default' unless given */
  name?: string | undefined;
  /** for the function that serves; copied for each worker */
  data?: Data | undefined;
  /**
   * of the workers' loops. Unless given `TULIPA_LOOP`, else one that blocks its thread, in which nothing of the host's I/O
   * works then; with 'node' it does.
   */
  driver?: string | undefined;
  /** true unless given: another one is started in the place of a worker that has failed */
  restart?: boolean | undefined;
  /** told of each worker that has failed; the loop's exception handler is unless given */
  onFailure?: ((failure: WorkerFailure) => void) | undefined;
}

export interface WorkerFailure {
  readonly index: number;
  /** `cause`: what it threw, if it did */
  readonly error: Error;
}

/** Workers that serve one port together. */
export interface ServedWorkers {
  readonly port: number;
  /** how many serve at present */
  readonly serving: number;
  /**
   * Accepts no more; connections may go on for `grace` milliseconds (0 unless given), then they are aborted. Waits until
   * all workers have ended.
   */
  stop(options?: { grace?: number | undefined }): Coroutine<void>;
  /** Waits until they were stopped. */
  waitClosed(): Coroutine<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Serves one port in several threads, each with a loop of its own: in every worker the module is imported and its function
 * called, which makes a server that listens as `worker.listen` says. The kernel spreads the connections.
 *
 *     // server.ts
 *     export default ({ listen }: ServeWorker) => startServer(onClient, listen);
 *
 *     // main.ts
 *     await using serving = await serveWorkers(new URL('./server.ts', import.meta.url), { port: 8080 });
 *
 * Completes when all of them listen. The workers end with the run that started them, at the latest.
 *
 * @param module absolute: a `URL`, or the text of one
 * @throws {TypeError} the module is not named by an absolute URL
 * @throws {RangeError} the number of workers is no positive whole number
 * @throws {Error} a worker has failed before it served; `cause` is what it threw
 * @see SO_REUSEPORT in socket(7)
 */
export function serveWorkers<Data = undefined>(
  module: URL | string,
  options: ServeWorkersOptions<Data> = {},
): Coroutine<ServedWorkers> {
  const { workers = availableParallelism() } = options;
  if (!Number.isInteger(workers) || workers < 1)
    throw new RangeError('Cannot serve: the number of workers is no positive whole number');
  return new Coroutine('serveWorkers', started(absolute(module), workers, options));
}

function* started(
  module: string,
  workers: number,
  options: ServeWorkersOptions<unknown>,
): Generator<Suspension, ServedWorkers, unknown> {
  const crew = new Crew(module, workers, options, getRunningLoop());
  try {
    yield* crew.start();
  } catch (error) {
    yield* crew.stop();
    throw error;
  }
  return crew;
}

class Crew implements ServedWorkers, SlotKeeper {
  readonly #module: string;
  readonly #options: ServeWorkersOptions<unknown>;
  readonly #loop: EventLoop;
  readonly #driver: string;
  readonly #slots: WorkerSlot[];
  readonly #serving = new Set<WorkerSlot>();
  readonly #task: Task<void>;
  readonly #stopAsked: Future<number>;
  #port: number;
  /** of those who wait for a worker to serve, or to end */
  readonly #waiters: Future<void>[] = [];
  /** before workers are started again */
  readonly #pauses = new Set<TimerHandle>();
  /** all have served */
  #started = false;
  /** the first one before that */
  #failure: Error | null = null;
  #stopping = false;

  constructor(module: string, workers: number, options: ServeWorkersOptions<unknown>, loop: EventLoop) {
    this.#module = module;
    this.#options = options;
    this.#loop = loop;
    this.#driver = options.driver ?? driverDefault();
    this.#port = options.port ?? 0;
    this.#stopAsked = new Future<number>({ loop });
    this.#slots = Array.from({ length: workers }, (_, index) => new WorkerSlot(index, loop, this));
    // A run cancels its tasks when it ends, and this one takes the workers along.
    this.#task = loop.createTask(() => this.#live(), { name: 'serveWorkers' }) as Task<void>;
  }

  get port(): number {
    return this.#port;
  }

  get serving(): number {
    return this.#serving.size;
  }

  stop({ grace = 0 }: { grace?: number | undefined } = {}): Coroutine<void> {
    return new Coroutine('stop', this.#stop(grace));
  }

  waitClosed(): Coroutine<void> {
    return new Coroutine('waitClosed', this.#waitClosed());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Where any port will do, the first worker finds one for all. */
  *start(): Generator<Suspension, void, unknown> {
    const alone = this.#port === 0 ? 1 : 0;
    yield* this.#startAll(this.#slots.slice(0, alone));
    yield* this.#startAll(this.#slots.slice(alone));
    this.#started = true;
  }

  *#startAll(slots: readonly WorkerSlot[]): Generator<Suspension, void, unknown> {
    for (const slot of slots) this.#startIn(slot);
    while (this.#failure === null && !slots.every((slot) => this.#serving.has(slot))) yield* this.#change();
    if (this.#failure !== null) throw this.#failure;
  }

  #startIn(slot: WorkerSlot): void {
    const { host = null, backlog, data, name = 'default' } = this.#options;
    const listen: ListenTogether = {
      host,
      port: this.#port,
      reusePort: true,
      ...(backlog === undefined ? {} : { backlog }),
    };
    const context: ServeWorker<unknown> = { index: slot.index, workers: this.#slots.length, listen, data };
    slot.start({ module: this.#module, name, driver: this.#driver, context });
  }

  // What the workers say.

  serves(slot: WorkerSlot, port: number): void {
    this.#port = port;
    this.#serving.add(slot);
    this.#wake();
  }

  ended(slot: WorkerSlot, error: Error | null): void {
    const served = this.#serving.delete(slot);
    this.#wake();
    if (this.#stopping || error === null) return;
    if (!served && !this.#started) {
      this.#failure ??= error;
      return;
    }
    this.#report({ index: slot.index, error });
    if (this.#options.restart === false) return;
    const timer = this.#loop.callAt(slot.startedAt + restartPause, () => {
      this.#pauses.delete(timer);
      this.#startAgain(slot);
    });
    this.#pauses.add(timer);
  }

  #report(failure: WorkerFailure): void {
    const { onFailure } = this.#options;
    if (onFailure !== undefined) this.#loop.callSoon(onFailure, failure);
    else this.#loop.callExceptionHandler({ message: failure.error.message, exception: failure.error.cause });
  }

  #startAgain(slot: WorkerSlot): void {
    try {
      this.#startIn(slot);
    } catch (error) {
      this.ended(slot, error as Error);
    }
  }

  // The end.

  *#stop(grace: number): Generator<Suspension, void, unknown> {
    if (!this.#stopAsked.done()) this.#stopAsked.setResult(grace);
    yield* this.#waitClosed();
  }

  *#waitClosed(): Generator<Suspension, void, unknown> {
    yield* wait([this.#task]);
  }

  /** As long as they serve. */
  *#live(): Generator<Suspension, void, unknown> {
    let grace = 0;
    try {
      grace = yield* this.#stopAsked;
    } finally {
      yield* this.#end(grace);
    }
  }

  *#end(grace: number): Generator<Suspension, void, unknown> {
    this.#stopping = true;
    for (const timer of this.#pauses) timer.cancel();
    // One that is about to start is not ended before it has: native code is being loaded there.
    for (const slot of this.#slots) slot.stop(grace);
    const late = this.#loop.callLater(grace + endingPatience, () => {
      for (const slot of this.#slots) slot.terminate();
    });
    try {
      while (this.#slots.some((slot) => slot.taken)) yield* this.#change();
    } finally {
      late.cancel();
      for (const slot of this.#slots) slot.terminate();
    }
  }

  *#change(): Generator<Suspension, void, unknown> {
    const changed = new Future<void>({ loop: this.#loop });
    this.#waiters.push(changed);
    yield* changed;
  }

  #wake(): void {
    for (const waiter of this.#waiters.splice(0)) if (!waiter.done()) waiter.setResult();
  }
}

function driverDefault(): string {
  const wanted = environment('TULIPA_LOOP');
  return wanted ?? driversOffering('blocking')[0] ?? 'node';
}

function absolute(module: URL | string): string {
  try {
    return new URL(module).href;
  } catch (cause) {
    throw new TypeError(
      `Cannot serve: ${String(module)} is no absolute URL; say new URL('./file.js', import.meta.url)`,
      { cause },
    );
  }
}
