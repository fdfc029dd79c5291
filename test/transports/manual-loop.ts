import type { ExceptionContext, Runnable } from '../../src/interface/index.ts';
import type { TransportLoop } from '../../src/transports/index.ts';

/** As much of a loop as a transport needs; the test turns it. */
export class ManualLoop implements TransportLoop {
  readonly reports: ExceptionContext[] = [];
  debug = false;
  turns = 0;
  #queue: Runnable[] = [];

  get queued(): number {
    return this.#queue.length;
  }

  enqueue(runnable: Runnable): void {
    this.#queue.push(runnable);
  }

  callExceptionHandler(context: ExceptionContext): void {
    this.reports.push(context);
  }

  getDebug(): boolean {
    return this.debug;
  }

  /** Runs what is queued, but for what that queues. */
  turn(): void {
    this.turns++;
    for (const runnable of this.#queue.splice(0)) runnable.run();
  }

  /** Turns until nothing is queued. */
  settle(): void {
    while (this.#queue.length > 0) this.turn();
  }
}
