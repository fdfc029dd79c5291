import type { EventLoop, ExceptionContext } from '../interface/index.ts';
import type { Future } from './future.ts';

/** An exception that nobody has asked for yet. */
export interface LostException {
  retrieved: boolean;
}

interface Watched extends LostException {
  readonly loop: EventLoop;
  readonly context: ExceptionContext;
}

// Created with the first exception: most programs never have one to watch for.
let registry: FinalizationRegistry<Watched> | null = null;

/**
 * Reports the exception when `future` is collected and nobody has asked for it.
 *
 * For futures made by hand: whoever sets the exception may well come before whoever waits, so time says nothing. Tasks
 * and reactions are reported as they fail (`reportUnlessAwaited`), because JavaScript promises no collection.
 */
export function watchForLoss(future: Future<unknown>, exception: unknown, message: string): LostException {
  const context = { message, exception, ...traceOf(future) };
  const watched: Watched = { retrieved: false, loop: future.getLoop(), context };
  registry ??= new FinalizationRegistry(({ retrieved, loop, context }) => {
    if (!retrieved) loop.callExceptionHandler(context);
  });
  registry.register(future, watched);
  return watched;
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
  const lost: LostException = { retrieved: false };
  const loop = future.getLoop();
  const report = {
    run() {
      if (lost.retrieved) return;
      loop.callExceptionHandler({ message, exception, future, ...more, ...traceOf(future) });
    },
  };
  if (loop.isClosed()) report.run();
  else loop.enqueue(report);
  return lost;
}

function traceOf({ sourceTrace }: Future<unknown>): Pick<ExceptionContext, 'sourceTrace'> {
  return sourceTrace === undefined ? {} : { sourceTrace };
}
