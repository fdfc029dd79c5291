import { type Operation, run, type Task } from 'effection';
import { type Coroutine, coroutine } from '../../coroutines/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import { ForeignFuture } from '../common/foreign-future.ts';

/**
 * Performs an operation of Effection's in the present task: `yield* perform(operation)`, `await perform(operation)`.
 *
 * Cancelling the task halts the operation; the task goes on when that, with all it has spawned, has ended.
 *
 * @param operation or a generator function that is one
 * @throws what the operation throws, as it is, while it runs or while it is halted
 */
export function perform<T>(operation: Operation<T> | (() => Operation<T>)): Coroutine<T> {
  return performing(typeof operation === 'function' ? operation : () => operation) as Coroutine<T>;
}

// Named as its frames are to be shown.
const performing = coroutine(function* perform<T>(operation: () => Operation<T>) {
  return yield* new ForeignFuture<T>(getRunningLoop(), (outcome) => {
    const task: Task<T> = run(operation);
    let halted = false;
    task.then(outcome.succeeded, (error: unknown) => {
      if (!halted) outcome.failed(error);
    });
    return () => {
      halted = true;
      task.halt().then(() => outcome.cancelled(), outcome.failed);
    };
  });
});
