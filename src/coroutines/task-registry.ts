import type { EventLoop } from '../interface/index.ts';
import { observer } from './observer.ts';
import type { Task } from './task.ts';

// Held strongly until they are done: a task that only its own wait refers to must not vanish (cpython issue 91887).
const tasksOf = new WeakMap<EventLoop, Set<Task<unknown>>>();

/** @internal */
export function enrol(task: Task<unknown>): void {
  registryOf(task.getLoop()).add(task);
  if (observer !== null) observer.taskCreated(task);
}

/** @internal */
export function strikeOff(task: Task<unknown>): void {
  registryOf(task.getLoop()).delete(task);
  if (observer !== null) observer.taskEnded(task);
}

let stepping: Task<unknown> | null = null;

export function registryOf(loop: EventLoop): Set<Task<unknown>> {
  let tasks = tasksOf.get(loop);
  if (tasks === undefined) {
    tasks = new Set();
    tasksOf.set(loop, tasks);
  }
  return tasks;
}

/** The task whose step is on the stack; what it returns is for `leaveStep`. */
export function enterStep(task: Task<unknown>): Task<unknown> | null {
  const previous = stepping;
  stepping = task;
  return previous;
}

export function leaveStep(previous: Task<unknown> | null): void {
  stepping = previous;
}

export function steppingTask(): Task<unknown> | null {
  return stepping;
}
