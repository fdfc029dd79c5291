import { allTasks, currentTask, Future } from '../coroutines/index.ts';
import type { Suspension } from '../interface/index.ts';
import type { EventLoop } from '../runtime/index.ts';

/** How long closing connections may take to send the rest. */
const closingGrace = 2_000;

/** Ends all tasks of a loop but the present one, and its connections, as `run` does. */
export function* endProgram(loop: EventLoop): Generator<Suspension, void, unknown> {
  const self = currentTask();
  // Cleaning up may start tasks.
  for (;;) {
    const left = [...allTasks(loop)].filter((task) => task !== self);
    if (left.length === 0) break;
    const ended = new Future<void>({ loop });
    let pending = left.length;
    for (const task of left) {
      task.addDoneCallback(() => {
        task.markRetrieved();
        if (--pending === 0 && !ended.done()) ended.setResult();
      });
      task.cancel('the program has ended');
    }
    yield* ended;
    for (const task of left) {
      const exception = task.cancelled() ? null : task.exception();
      if (exception !== null) {
        loop.callExceptionHandler({
          message: 'Unhandled exception while the program was shut down',
          exception,
          task,
        });
      }
    }
  }
  yield* loop.finishTransports(closingGrace);
}
