import type { EventLoop, ExceptionContext, Future as FutureInterface } from '../interface/index.ts';

/** An exception that nobody has asked for yet. */
export interface LostException {
  retrieved: boolean;
}

interface Watched extends LostException {
  readonly exception: unknown;
  readonly loop: EventLoop;
}

// Created with the first exception: most programs never have one to watch for.
let registry: FinalizationRegistry<Watched> | null = null;

/**
 * Reports the exception when `future` is collected and nobody has asked for it.
 *
 * For futures made by hand: whoever sets the exception may well come before whoever waits, so time says nothing. Tasks
 * and reactions are reported as they fail (`reportUnlessAwaited`), because JavaScript promises no collection.
 */
export function watchForLoss(future: FutureInterface<unknown>, exception: unknown): LostException {
  const watched: Watched = { retrieved: false, exception, loop: future.getLoop() };
  registry ??= new FinalizationRegistry(({ retrieved, exception, loop }) => {
    if (!retrieved) loop.callExceptionHandler({ message: 'Future exception was never retrieved', exception });
  });
  registry.register(future, watched);
  return watched;
}

/**
 * Reports the exception unless somebody has asked for it, or has begun to wait, before the callbacks and tasks that were
 * waiting have run: at the end of the turn in which it failed, so to say.
 */
export function reportUnlessAwaited(
  future: FutureInterface<unknown>,
  exception: unknown,
  message: string,
  context?: Partial<ExceptionContext>,
): LostException {
  const lost: LostException = { retrieved: false };
  const loop = future.getLoop();
  if (loop.isClosed()) {
    loop.callExceptionHandler({ message, exception, future, ...context });
    return lost;
  }
  loop.enqueue({
    run() {
      if (!lost.retrieved) loop.callExceptionHandler({ message, exception, future, ...context });
    },
  });
  return lost;
}
