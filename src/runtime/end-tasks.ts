import { allTasks, currentTask, Future, type Task } from '../coroutines/index.ts';
import type { Suspension } from '../interface/index.ts';
import type { EventLoop } from './event-loop.ts';

/** What becomes of tasks that are told to end. */
export interface EndedTasks {
  /** nothing is left that could wake those that have not ended */
  readonly stuck: boolean;
  /** those that are there after the last round */
  readonly left: readonly Task<unknown>[];
}

/**
 * Cancels all tasks of the loop but the present one, and waits until they have ended; what they fail with is reported.
 *
 * @param what has ended, for messages
 * @param rounds as often as that: cleaning up may start tasks
 */
export function* endTasks(
  loop: EventLoop,
  what: 'run' | 'program',
  rounds: number,
): Generator<Suspension, EndedTasks, unknown> {
  const self = currentTask();
  const leftOver = () => [...allTasks(loop)].filter((task) => task !== self);
  for (let round = 0; round < rounds; round++) {
    const left = leftOver();
    if (left.length === 0) return { stuck: false, left };
    for (const task of left) task.cancel(`the ${what} has ended`);
    const ended = yield* allEnd(loop, left);
    for (const task of left) {
      const exception = task.done() && !task.cancelled() ? task.exception() : null;
      if (exception !== null) {
        loop.callExceptionHandler({
          message: `Unhandled exception while the ${what} was shut down`,
          exception,
          task,
        });
      }
    }
    if (!ended) return { stuck: true, left: leftOver() };
  }
  return { stuck: false, left: leftOver() };
}

/** Waits until they are done; false: nothing is left in the process that could end them all. */
function* allEnd(
  loop: EventLoop,
  tasks: readonly Future<unknown>[],
): Generator<Suspension, boolean, unknown> {
  const outcome = new Future<boolean>({ loop });
  const settle = (ended: boolean) => {
    if (!outcome.done()) outcome.setResult(ended);
  };
  let pending = tasks.length;
  for (const task of tasks) {
    task.addDoneCallback(() => {
      task.markRetrieved(); // we report it
      if (--pending === 0) settle(true);
    });
  }
  const idle = loop.watchIdle(() => settle(false));
  try {
    return yield* outcome;
  } finally {
    idle.cancel();
  }
}
