import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { type EventLoop, LoopError } from '../interface/index.ts';
import { unpackThrown } from './error-parcel.ts';
import { RemoteCaller } from './remote-caller.ts';
import type { WorkerReport, WorkerStart } from './serving.ts';
import { ThreadsafeCaller } from './threadsafe-caller.ts';

const workerFile = new URL(`./serve-worker${extname(fileURLToPath(import.meta.url))}`, import.meta.url);

export interface SlotKeeper {
  serves(slot: WorkerSlot, port: number): void;
  /** `error` is null if it was stopped, or ended by itself with code 0. */
  ended(slot: WorkerSlot, error: Error | null): void;
}

/** The place of one worker: the thread that has it, and what it says. */
export class WorkerSlot {
  readonly index: number;
  readonly #loop: EventLoop;
  readonly #keeper: SlotKeeper;
  #worker: Worker | null = null;
  #reports: ThreadsafeCaller<[WorkerReport]> | null = null;
  #stop: RemoteCaller<[grace: number]> | null = null;
  /** asked before the worker could be told */
  #grace: number | null = null;
  #error: { readonly thrown: unknown } | null = null;
  /** when the present worker was started, by the loop's clock */
  startedAt = 0;

  constructor(index: number, loop: EventLoop, keeper: SlotKeeper) {
    this.index = index;
    this.#loop = loop;
    this.#keeper = keeper;
  }

  /** A thread is in it. */
  get taken(): boolean {
    return this.#worker !== null;
  }

  start(start: Omit<WorkerStart, 'reports'>): void {
    this.startedAt = this.#loop.time();
    this.#stop = null;
    this.#grace = null;
    this.#error = null;
    const reports = new ThreadsafeCaller<[WorkerReport]>((report) => this.#reported(worker, report), {
      loop: this.#loop,
    });
    const ticket = reports.createTicket();
    const workerData: WorkerStart = { ...start, reports: ticket };
    let worker: Worker;
    try {
      worker = new Worker(workerFile, {
        name: `tulipa-worker_${this.index}`,
        workerData,
        transferList: [ticket.port],
      });
    } catch (error) {
      reports.close();
      throw error;
    }
    this.#worker = worker;
    this.#reports = reports;
    worker.on('error', (thrown: unknown) => {
      if (this.#worker === worker) this.#error ??= { thrown };
    });
    // Of the host, which does not tell while the loop blocks the thread; then the worker's own report must do.
    worker.on('exit', (code: number) => this.#loop.isClosed() || this.#ended(worker, code, this.#error));
  }

  /** Asks the worker to stop, as soon as it serves. */
  stop(grace: number): void {
    if (this.#stop === null) this.#grace = grace;
    else if (!this.#stop.closed) this.#stop.call(grace);
  }

  /** Ends the thread, wherever it stands. */
  terminate(): void {
    const worker = this.#worker;
    if (worker === null) return;
    void worker.terminate();
    this.#left(null);
  }

  #reported(worker: Worker, report: WorkerReport): void {
    if (this.#worker !== worker) return;
    if (report.kind === 'ended') {
      const { code, error } = report;
      this.#ended(worker, code, error === null ? this.#error : { thrown: unpackThrown(error) });
    } else {
      this.#stop = new RemoteCaller(report.stop);
      this.#keeper.serves(this, report.port);
      if (this.#grace !== null) this.stop(this.#grace);
    }
  }

  #ended(worker: Worker, code: number, error: { readonly thrown: unknown } | null): void {
    if (this.#worker !== worker) return;
    if (error === null && code === 0) this.#left(null);
    else
      this.#left(
        new LoopError(
          'ERR_WORKER_ENDED',
          `Cannot go on serving in worker ${this.index}: it has ended (exit code ${code})`,
          {
            cause: error?.thrown,
          },
        ),
      );
  }

  #left(error: Error | null): void {
    this.#worker = null;
    this.#reports?.close();
    this.#reports = null;
    this.#keeper.ended(this, error);
  }
}
