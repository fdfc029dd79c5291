import type { Runnable } from '../interface/index.ts';
import { Reaction } from './reaction.ts';
import { Task } from './task.ts';

/** Whether a task goes on when this runs: a generator is stepped, or an `async` function has what it awaited. */
export function isTaskStep(runnable: Runnable): boolean {
  return runnable instanceof Task || (runnable instanceof Reaction && runnable.owner !== null);
}
