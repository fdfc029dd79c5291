import { currentTask, observeCoroutines, type Task } from '../coroutines/index.ts';
import { steppingTask } from '../coroutines/task-registry.ts';
import type { RecordedStack, StopObserving } from '../loop/index.ts';
import { deepStack } from './deep-stack.ts';
import { framesOfTask, parseStack, type StackFrame } from './stack.ts';

interface Suspensions {
  generator: RecordedStack | null;
  /** of an `async` function, or of an `async` body inside a generator's scope, which the generator then waits for */
  async: RecordedStack | null;
}

const suspensions = new WeakMap<Task<unknown>, Suspensions>();

/**
 * Records the stack of each task whenever it begins to wait. JavaScript shows nobody the stack of a suspended generator:
 * it has to be taken while the code is still on it. Dear (some 2 µs a wait, 25 more for one that lasts), so for debug mode.
 */
export function recordSuspensions(): StopObserving {
  return observeCoroutines({ waitBegins: record, taskEnded: forget });
}

function forget(task: Task<unknown>): void {
  const stacks = suspensions.get(task);
  stacks?.async?.drop();
  stacks?.generator?.drop();
  suspensions.delete(task);
}

function record(): void {
  const stepping = steppingTask();
  const task = stepping ?? currentTask();
  if (task === null) return;
  let stacks = suspensions.get(task);
  if (stacks === undefined) {
    stacks = { generator: null, async: null };
    suspensions.set(task, stacks);
  }
  stacks.async?.drop();
  if (stepping === null) {
    stacks.async = deepStack(record);
  } else {
    stacks.async = null;
    stacks.generator?.drop();
    stacks.generator = deepStack(record);
  }
}

/** Where a task waits, innermost first; null if that was not recorded. */
export function suspensionFrames(task: Task<unknown>): StackFrame[] | null {
  const stacks = suspensions.get(task);
  if (stacks === undefined) return null;
  const frames: StackFrame[] = [];
  for (const stack of [stacks.async, stacks.generator]) {
    if (stack !== null) frames.push(...framesOfTask(parseStack(stack.text)));
  }
  return frames.length === 0 ? null : frames;
}
