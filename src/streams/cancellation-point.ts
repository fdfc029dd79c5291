import { currentTask } from '../coroutines/index.ts';
import type { Suspension } from '../interface/index.ts';

/**
 * Lets a cancellation that came while a result was on its way be thrown here, before the result is returned.
 *
 * A task that was woken with a result gets that first, and the cancellation at its next wait; one that ends before there
 * is any keeps its result. But whoever cancels a task often looks no more at what it has brought, and a connection or a
 * server would stay open that nobody knows of: so there is one more wait, for those who are being cancelled.
 */
export function* cancellationPoint(): Generator<Suspension, void, unknown> {
  if ((currentTask()?.cancelling() ?? 0) > 0) yield;
}
