import { currentTask } from '../coroutines/index.ts';
import type { Suspension } from '../interface/index.ts';

/**
 * Lets a cancellation that came while a result was on its way be thrown here, before anything is made of the result.
 *
 * A task that was woken with a result gets that first, and the cancellation at its next wait; without a next wait it ends
 * cancelled, and what it returns is lost. Where the result is bytes or a connection, that must not be: so there is one
 * more wait, for those who are being cancelled.
 */
export function* cancellationPoint(): Generator<Suspension, void, unknown> {
  if ((currentTask()?.cancelling() ?? 0) > 0) yield;
}
