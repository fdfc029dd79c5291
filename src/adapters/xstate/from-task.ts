import { type AnyEventObject, fromPromise, type NonReducibleUnknown, type PromiseActorLogic } from 'xstate';
import type { TaskSource } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';

/**
 * Actor logic that is a task, as `fromPromise` is for promises: `invoke: { src: fromTask(function* ({ input }) { … }) }`. To stop
 * the actor, or to leave the state that invokes it, cancels the task.
 *
 * @param body a generator or `async` function
 */
export function fromTask<Output, Input = NonReducibleUnknown>(
  body: (scope: { readonly input: Input }) => ReturnType<Extract<TaskSource<Output>, () => unknown>>,
): PromiseActorLogic<Output, Input, AnyEventObject> {
  return fromPromise<Output, Input>(({ input, signal }) => {
    const task = getRunningLoop().createTask(() => body({ input }));
    const cancel = () => void task.cancel('the actor was stopped');
    signal.addEventListener('abort', cancel, { once: true });
    task.addDoneCallback(() => signal.removeEventListener('abort', cancel));
    return task;
  });
}
