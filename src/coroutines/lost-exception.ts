import type { EventLoop, ExceptionContext, Runnable } from '../interface/index.ts';
import { hasOwnWorld } from '../loop/index.ts';
import type { Future } from './future.ts';

/** An exception that nobody has asked for yet. */
export interface LostException {
  /** Somebody has. */
  retrieved: boolean;
}

interface Watched extends LostException {
  readonly loop: EventLoop;
  readonly context: ExceptionContext;
}

// Created with the first exception: most programs never have one to watch for.
let registry: FinalizationRegistry<Watched> | null = null;

/**
 * Reports the exception when `future` is collected and nobody has asked for it; in a simulation, where nothing may depend on
 * when that is, when the loop is closed.
 *
 * For futures made by hand: whoever sets the exception may well come before whoever waits, so time says nothing. Tasks
 * and reactions are reported as they fail (`reportUnlessAwaited`), because JavaScript promises no collection.
 */
export function watchForLoss(future: Future<unknown>, exception: unknown, message: string): LostException {
  const loop = future.getLoop();
  const context = { message, exception, ...traceOf(future) };
  if (hasOwnWorld(loop) && !loop.isClosed()) {
    const report = new LossReport(loop, { ...context, future });
    reportsDueOf(loop).add(report);
    return report;
  }
  const watched: Watched = { retrieved: false, loop, context };
  registry ??= new FinalizationRegistry(({ retrieved, loop, context }) => {
    if (!retrieved) loop.callExceptionHandler(context);
  });
  registry.register(future, watched);
  return watched;
}

/** A report that is made unless somebody asks for the exception first. */
class LossReport implements LostException, Runnable {
  #retrieved = false;
  readonly #loop: EventLoop;
  readonly #context: ExceptionContext;

  constructor(loop: EventLoop, context: ExceptionContext) {
    this.#loop = loop;
    this.#context = context;
  }

  get retrieved(): boolean {
    return this.#retrieved;
  }

  set retrieved(retrieved: boolean) {
    this.#retrieved = retrieved;
    // It need not be kept until the loop is closed.
    if (retrieved) reportsDue.get(this.#loop)?.delete(this);
  }

  run(): void {
    reportsDue.get(this.#loop)?.delete(this);
    if (!this.#retrieved) this.#loop.callExceptionHandler(this.#context);
  }
}

const reportsDue = new WeakMap<EventLoop, Set<LossReport>>();

function reportsDueOf(loop: EventLoop): Set<LossReport> {
  let due = reportsDue.get(loop);
  if (due === undefined) {
    due = new Set();
    reportsDue.set(loop, due);
  }
  return due;
}

/**
 * Reports the exception unless somebody has asked for it, or has begun to wait, before the callbacks and tasks that were
 * waiting have run: at the end of the turn in which it failed, so to say.
 */
export function reportUnlessAwaited(
  future: Future<unknown>,
  exception: unknown,
  message: string,
  more?: Partial<ExceptionContext>,
): LostException {
  const loop = future.getLoop();
  const report = new LossReport(loop, { message, exception, future, ...more, ...traceOf(future) });
  if (loop.isClosed()) {
    report.run();
  } else {
    reportsDueOf(loop).add(report);
    loop.enqueue(report);
  }
  return report;
}

/** What `loop` has failed with and not reported yet: it is about to close, and nobody who waits will run any more. */
export function reportLost(loop: EventLoop): void {
  for (const report of reportsDue.get(loop) ?? []) report.run();
}

function traceOf({ sourceTrace }: Future<unknown>): Pick<ExceptionContext, 'sourceTrace'> {
  return sourceTrace === undefined ? {} : { sourceTrace };
}
