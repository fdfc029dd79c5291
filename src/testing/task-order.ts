import { Task } from '../coroutines/index.ts';
import { Reaction } from '../coroutines/reaction.ts';
import type { World } from '../drivers/simulation/index.ts';
import type { Runnable } from '../interface/index.ts';
import type { HostLoop } from './host-loop.ts';
import { describeTracedTask } from './trace-tasks.ts';

/** From now on, the oracle says which of the tasks that are ready goes on first. */
export function chooseTaskOrder(loop: HostLoop, world: World): void {
  const choices = world.oracle.choices(`order of tasks on ${loop.machine.name}`, 'order');
  let candidates: readonly Runnable[] = [];
  choices.describeBy((outcome) => {
    const names = candidates.map(describeStep);
    return `${names[outcome]} before ${names.slice(0, outcome).join(', ')}`;
  });
  loop.setOrder((ready) => {
    candidates = ready;
    return choices.pick(ready.length);
  });
}

function describeStep(step: Runnable): string {
  const task = step instanceof Reaction ? step.owner : step;
  return (task instanceof Task ? describeTracedTask(task as Task<unknown>) : null) ?? 'a task';
}
