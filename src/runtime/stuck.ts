import { allTasks } from '../coroutines/index.ts';
import { type Operation, StateError } from '../interface/index.ts';
import { warn } from '../loop/index.ts';
import type { EventLoop } from './event-loop.ts';

/** Draws the tasks of a loop, each with what it waits for. */
export type TaskDrawer = (loop: EventLoop) => string;

let drawer: TaskDrawer | null = null;

/** What draws tasks lies above this layer, and is put here by the package's entry; null: they are listed. */
export function setTaskDrawer(next: TaskDrawer | null): void {
  drawer = next;
}

/** The tasks of the loop and what each waits for. Never fails. */
export function describeTasks(loop: EventLoop): string {
  const listed = () => [...allTasks(loop)].map(String).join('\n');
  if (drawer === null) return listed();
  try {
    return drawer(loop);
  } catch (error) {
    // A circle of tasks has no tree, and the error that says so names the circle.
    return `${error}\n${listed()}`;
  }
}

/** What `run` fails with when main can never end. */
export function deadlock(tasks = '', cause?: unknown): StateError<'ERR_DEADLOCK'> {
  return new StateError(
    'ERR_DEADLOCK',
    `Cannot finish main: nothing is left that could wake it${tasks === '' ? '' : `\n${tasks}`}`,
    cause === undefined ? undefined : { cause },
  );
}

/** Warns once, after `patience` milliseconds (null: never), of the tasks that are still there; keeps nothing alive. */
export function warnIfLate(loop: EventLoop, patience: number | null, what: string): Operation {
  if (patience === null) return { cancel: () => {} };
  return loop.callLater(patience, () => warn('RunWarning', `${what}\n${describeTasks(loop)}`)).unref();
}
