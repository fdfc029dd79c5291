import { availableParallelism } from 'node:os';
import { type Executor, type ExecutorShutdownOptions, StateError } from '../interface/index.ts';
import { takeMarked } from '../threads/index.ts';
import { BlockedLoops, blockedLoop } from './blocked-loops.ts';
import { BrokenExecutorError } from './broken-executor-error.ts';
import type { Order } from './messages.ts';
import { originOf } from './module-function.ts';
import { PoolThread, type ThreadKeeper } from './pool-thread.ts';
import { ThreadJob } from './thread-job.ts';

const prefixDefault = 'tulipa-pool';

export interface ThreadPoolExecutorOptions {
  /** threads at the same time; as many as the machine runs in parallel unless given */
  maxWorkers?: number | undefined;
  /** what the names of its threads begin with: `tulipa-pool_0` unless given */
  threadNamePrefix?: string | undefined;
}

interface Waiting {
  readonly order: Order;
  readonly moved: readonly object[];
}

/**
 * Runs functions of modules (`moduleFunction`) in threads, one job at a time in each. Threads are started when there is
 * work for them, stay, and keep the process alive only while they work.
 *
 * Arguments and results are copied (structured clone), the arguments at the call of `submit`, or moved (`transfer`).
 * What a job throws arrives as an error with the same name, message, stack, cause and fields, of the language's class
 * that it belongs to. Cancelling a job that runs ends its thread, wherever it stands, with all that the modules in it
 * remember; the next job gets a new one.
 *
 * @see concurrent.futures.ThreadPoolExecutor
 */
export class ThreadPoolExecutor implements Executor {
  readonly maxWorkers: number;
  readonly #prefix: string;
  readonly #waiting = new Map<ThreadJob<unknown>, Waiting>();
  readonly #threads = new Set<PoolThread>();
  readonly #idle: PoolThread[] = [];
  readonly #blocked = new BlockedLoops({
    onRing: () => this.#look(),
    onChange: (bell) => {
      for (const thread of this.#threads) thread.toRing(bell);
      // One may have answered just before it heard of that.
      if (bell !== null) blockedLoop()?.callSoon(() => this.#look());
    },
  });
  #started = 0;
  #closed = false;
  #onEnd: (() => void)[] = [];

  /** @throws {TypeError | RangeError} `maxWorkers` is no positive whole number */
  constructor(options: ThreadPoolExecutorOptions = {}) {
    const { maxWorkers = availableParallelism(), threadNamePrefix = prefixDefault } = options;
    if (typeof maxWorkers !== 'number')
      throw new TypeError('Cannot make the pool: maxWorkers is not a number of threads');
    if (!Number.isInteger(maxWorkers) || maxWorkers < 1)
      throw new RangeError('Cannot make the pool: maxWorkers is no positive whole number');
    this.maxWorkers = maxWorkers;
    this.#prefix = threadNamePrefix;
  }

  /**
   * @throws {TypeError} not made by `moduleFunction`, or an argument cannot be copied
   * @throws {StateError} it was shut down
   */
  submit<Args extends unknown[], Result>(
    callback: (...args: Args) => Result,
    ...args: Args
  ): ThreadJob<Awaited<Result>> {
    if (this.#closed) {
      throw new StateError('ERR_EXECUTOR_CLOSED', 'Cannot submit to the executor: it was shut down');
    }
    const origin = originOf(callback);
    if (origin === null) {
      throw new TypeError(
        `Cannot run ${callback?.name || 'the function'} in a thread: functions do not cross threads; make it a moduleFunction`,
      );
    }
    const job = new ThreadJob<unknown>(origin.name, (cancelled) => this.#dropped(cancelled));
    const wakeups = blockedLoop()?.wakeups ?? null;
    const order = { origin, args };
    const moved = takeMarked(args);
    try {
      const thread = this.#freeThread();
      if (thread === null) this.#waiting.set(job, copied({ order, moved }));
      else this.#begin(thread, job, { order, moved });
    } catch (cause) {
      if (!(cause instanceof DOMException)) throw cause;
      throw new TypeError(`Cannot run ${origin.name} in a thread: ${cause.message}`, { cause });
    }
    if (wakeups !== null) job.onSettled = this.#blocked.listen(wakeups);
    return job as ThreadJob<Awaited<Result>>;
  }

  async shutdown({ wait = true, cancelFutures = false }: ExecutorShutdownOptions = {}): Promise<void> {
    this.#closed = true;
    if (cancelFutures) {
      for (const job of [...this.#waiting.keys()]) job.cancel('the executor was shut down');
    }
    for (const thread of this.#idle.splice(0)) thread.end(blockedLoop() !== null);
    if (wait && this.#threads.size > 0) await new Promise<void>((resolve) => this.#onEnd.push(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  #look(): void {
    for (const thread of [...this.#threads]) thread.look();
  }

  readonly #keeper: ThreadKeeper = {
    threadFree: (thread) => {
      const next = this.#takeWaiting();
      if (next !== null) this.#begin(thread, ...next);
      else if (this.#closed) thread.end(blockedLoop() !== null);
      else this.#idle.push(thread);
    },
    threadEnded: (thread) => {
      this.#threads.delete(thread);
      const at = this.#idle.indexOf(thread);
      if (at >= 0) this.#idle.splice(at, 1);
      this.#replace();
      if (this.#closed && this.#threads.size === 0) for (const end of this.#onEnd.splice(0)) end();
    },
  };

  /** A new thread in place of one that has ended, if there is work for it. */
  #replace(): void {
    for (let next = this.#takeWaiting(); next !== null; next = this.#takeWaiting()) {
      const [job] = next;
      try {
        this.#begin(this.#start(), ...next);
        return;
      } catch (cause) {
        job.failed(new BrokenExecutorError(`Cannot run ${job.name}: no thread could be started`, { cause }));
      }
    }
  }

  #takeWaiting(): [ThreadJob<unknown>, Waiting] | null {
    for (const next of this.#waiting) {
      this.#waiting.delete(next[0]);
      return next;
    }
    return null;
  }

  #freeThread(): PoolThread | null {
    return this.#idle.pop() ?? (this.#threads.size < this.maxWorkers ? this.#start() : null);
  }

  #start(): PoolThread {
    const thread = new PoolThread(`${this.#prefix}_${this.#started++}`, this.#keeper);
    this.#threads.add(thread);
    if (this.#blocked.bell !== null) thread.toRing(this.#blocked.bell);
    return thread;
  }

  #begin(thread: PoolThread, job: ThreadJob<unknown>, { order, moved }: Waiting): void {
    try {
      thread.begin(job, order, moved);
    } catch (error) {
      this.#idle.push(thread);
      throw error;
    }
  }

  #dropped(job: ThreadJob<unknown>): void {
    if (this.#waiting.delete(job)) return;
    for (const thread of [...this.#threads]) if (thread.job === job) thread.end(blockedLoop() !== null);
  }
}

/** As they are now: what the caller changes while the job waits is none of its business. */
function copied({ order, moved }: Waiting): Waiting {
  const { args, parts } = structuredClone(
    { args: order.args, parts: moved },
    { transfer: [...moved] as never[] },
  );
  return { order: { ...order, args }, moved: parts };
}
