import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  type Transferable,
  Worker,
} from 'node:worker_threads';
import type { Bell } from '../interface/index.ts';
import { warn } from '../loop/index.ts';
import { unpackThrown } from '../threads/index.ts';
import { BrokenExecutorError } from './broken-executor-error.ts';
import type { Order, Outcome, ThreadStart } from './messages.ts';
import type { ThreadJob } from './thread-job.ts';

const workerFile = new URL(`./pool-worker${extname(fileURLToPath(import.meta.url))}`, import.meta.url);

export interface ThreadKeeper {
  /** It has finished its job, and waits for the next. */
  threadFree(thread: PoolThread): void;
  /** It is gone, with or without its job. */
  threadEnded(thread: PoolThread): void;
}

/** One thread, with one job at a time. It keeps the process alive as long as it has one. */
export class PoolThread {
  readonly #worker: Worker;
  readonly #answers: MessagePort;
  readonly #keeper: ThreadKeeper;
  #job: ThreadJob<unknown> | null = null;
  #error: { readonly thrown: unknown } | null = null;
  #ending = false;
  #over = false;

  constructor(name: string, keeper: ThreadKeeper) {
    this.#keeper = keeper;
    const { port1, port2 } = new MessageChannel();
    const workerData: ThreadStart = { answers: port2 };
    this.#worker = new Worker(workerFile, { name, workerData, transferList: [port2] });
    this.#worker.unref();
    this.#answers = port1;
    port1.on('message', (outcome: Outcome) => this.#finish(outcome));
    port1.unref();
    port1.on('messageerror', (cause: unknown) => {
      this.#take()?.failed(new BrokenExecutorError('Cannot read what the thread has answered', { cause }));
      this.end(false);
    });
    this.#worker.on('error', (thrown: unknown) => {
      this.#error = { thrown };
    });
    this.#worker.on('exit', (code: number) => {
      if (!this.#over) this.look();
      this.#ended(code, this.#error);
    });
  }

  get job(): ThreadJob<unknown> | null {
    return this.#job;
  }

  /** @throws {DOMException} an argument cannot be copied; nothing has begun then */
  begin(job: ThreadJob<unknown>, order: Order, moved: readonly object[]): void {
    this.#worker.postMessage(order, moved as Transferable[]);
    this.#job = job;
    this.#worker.ref();
  }

  /** What it is to ring when it answers; null: nothing. */
  toRing(bell: Bell | null): void {
    this.#answers.postMessage(bell);
  }

  /** Takes over what the thread has answered and the host has not delivered. */
  look(): void {
    while (!this.#over) {
      const received = receiveMessageOnPort(this.#answers);
      // The latter is how the end of a port is received whose other end is gone.
      if (received === undefined || received.message === undefined) return;
      this.#finish(received.message as Outcome);
    }
  }

  /**
   * In the middle of the job, if there is one.
   *
   * @param unseen the host tells nobody when it has ended, so that it counts as ended now
   */
  end(unseen: boolean): void {
    if (!this.#ending) {
      this.#ending = true;
      this.#worker.ref(); // whoever waits for its end is to see it
      void this.#worker.terminate();
    }
    if (unseen) {
      this.#worker.unref();
      this.#gone(null);
    }
  }

  #take(): ThreadJob<unknown> | null {
    const job = this.#job;
    this.#job = null;
    return job;
  }

  #finish(outcome: Outcome): void {
    // One that is being ended answers to nobody.
    if (this.#ending) return;
    if (outcome.kind === 'ended') {
      const { code, error } = outcome;
      this.#ended(code, error === null ? null : { thrown: unpackThrown(error) });
      return;
    }
    const job = this.#take();
    this.#worker.unref();
    if (outcome.kind === 'result') job?.done(outcome.result);
    else job?.failed(unpackThrown(outcome.thrown));
    this.#keeper.threadFree(this);
  }

  /** It has ended, and says so itself or is said to by the host: both, mostly. */
  #ended(code: number, error: { readonly thrown: unknown } | null): void {
    if (this.#over) return;
    const wished = this.#ending;
    this.#ending = true;
    const cause = error === null ? undefined : { cause: error.thrown };
    const why = error === null ? `exit code ${code}` : String(error.thrown);
    const { job } = this;
    if (!wished && job === null) {
      warn('ExecutorWarning', `A thread of the pool has ended between its jobs: ${why}`);
    }
    this.#gone((undone) =>
      undone.failed(
        new BrokenExecutorError(`Cannot finish ${undone.name}: its thread has ended (${why})`, cause),
      ),
    );
  }

  #gone(fail: ((job: ThreadJob<unknown>) => void) | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#answers.close();
    const job = this.#take();
    if (job !== null) fail?.(job);
    this.#keeper.threadEnded(this);
  }
}
