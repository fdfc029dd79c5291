import type { EventLoop } from '../interface/index.ts';
import { currentStep } from '../loop/index.ts';
import { observer } from './observer.ts';
import type { Task } from './task.ts';

/** A place in a ring of tasks. */
export interface TaskLink {
  previousTask: TaskLink | null;
  nextTask: TaskLink | null;
}

/** Where the ring of one loop's tasks begins and ends. */
class TaskRing implements TaskLink {
  previousTask: TaskLink = this;
  nextTask: TaskLink = this;
}

// Held strongly until they are done: a task that only its own wait refers to must not vanish (cpython issue 91887).
const ringOf = new WeakMap<EventLoop, TaskRing>();

/** @internal */
export function enrol(task: Task<unknown>): void {
  const loop = task.getLoop();
  let ring = ringOf.get(loop);
  if (ring === undefined) {
    ring = new TaskRing();
    ringOf.set(loop, ring);
  }
  const last = ring.previousTask;
  task.previousTask = last;
  task.nextTask = ring;
  last.nextTask = task;
  ring.previousTask = task;
  if (observer !== null) observer.taskCreated(task);
}

/** @internal */
export function strikeOff(task: Task<unknown>): void {
  const { previousTask, nextTask } = task;
  if (previousTask !== null) previousTask.nextTask = nextTask;
  if (nextTask !== null) nextTask.previousTask = previousTask;
  // The next ones may be done long before this one is let go.
  task.previousTask = null;
  task.nextTask = null;
}

/** None of the loop's tasks will ever be done. */
export function forgetTasks(loop: EventLoop): void {
  ringOf.delete(loop);
}

/** Those of a loop that are not done, the oldest first. */
export function* tasksOf(loop: EventLoop): Generator<Task<unknown>, void, void> {
  const ring = ringOf.get(loop);
  if (ring === undefined) return;
  for (let task: TaskLink | null = ring.nextTask; task !== null && task !== ring; task = task.nextTask)
    yield task as Task<unknown>;
}

/** The task whose step is on the stack. */
export function steppingTask(): Task<unknown> | null {
  return currentStep() as Task<unknown> | null;
}
