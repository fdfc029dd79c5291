import type { Driver, DriverHost, ExceptionContext } from '../../src/interface/index.ts';
import type { Scheduler, SchedulerOwner } from '../../src/loop/index.ts';

/** A driver that offers nothing but a clock, and that clock is set by hand. */
export class StubDriver implements Driver {
  readonly name = 'stub';
  readonly canBlock = false;
  readonly pollDescriptor: number | null = null;
  readonly streams = null;
  readonly names = null;
  readonly signals = null;
  readonly descriptors = null;
  readonly sockets = null;
  readonly datagrams = null;
  readonly pipes = null;
  readonly processes = null;
  readonly tls = null;
  readonly alarm = null;
  readonly refs: number = 0;
  time = 1000;
  host: DriverHost | null = null;

  attach(host: DriverHost): void {
    this.host = host;
  }

  now(): number {
    return this.time;
  }

  wait(): void {}
  wake(): void {}
  close(): void {}
}

/** Keeps what a scheduler reports. */
export class StubOwner implements SchedulerOwner {
  readonly reports: ExceptionContext[] = [];
  readonly slow: string[] = [];
  slowCallbackDuration = 100;

  callExceptionHandler(context: ExceptionContext): void {
    this.reports.push(context);
  }

  slowCallback(what: string, duration: number): void {
    this.slow.push(`${what} ${duration}`);
  }
}

/** Queues a callback as a loop does, without a loop. */
export function queue(scheduler: Scheduler, run: () => void): void {
  scheduler.enqueue({ run });
}
