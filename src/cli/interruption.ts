import { constants } from 'node:os';
import { coroutine, createTask } from '../coroutines/index.ts';
import { type Coroutine, isCancellation, type Signal, type Suspension } from '../interface/index.ts';
import { getRunningLoop } from '../loop/index.ts';

/** Signals by which a user, or a system, asks a program to stop. */
export type StopSignal = 'SIGINT' | 'SIGTERM';

const STOP_SIGNALS: readonly StopSignal[] = ['SIGINT', 'SIGTERM'];

/**
 * Runs `work` until it ends, or cancels it when the program is asked to stop. Asked a second time, the program dies as
 * if there were no handler.
 *
 * @returns the signal that ended the work; null if it ended by itself
 */
export const runInterruptibly = coroutine(function* (
  work: Coroutine<unknown>,
): Generator<Suspension, StopSignal | null, unknown> {
  const loop = getRunningLoop();
  const task = createTask(work);
  let received: StopSignal | null = null;
  for (const signal of STOP_SIGNALS) {
    loop.addSignalHandler(signal, () => {
      received = signal;
      removeHandlers();
      task.cancel(signal);
    });
  }
  const removeHandlers = () => {
    for (const signal of STOP_SIGNALS) loop.removeSignalHandler(signal);
  };
  try {
    yield* task;
    return null;
  } catch (error) {
    if (received !== null && isCancellation(error)) return received;
    throw error;
  } finally {
    removeHandlers();
  }
});

/** What a shell sees of a program that a signal has ended. */
export function exitCodeOf(signal: Signal): number {
  return 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);
}
