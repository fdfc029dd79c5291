import { allTasks } from '../coroutines/index.ts';
import { type Operation, StateError } from '../interface/index.ts';
import { warn } from '../loop/index.ts';
import type { EventLoop } from './event-loop.ts';

/** Draws the tasks of a loop, each with what it waits for. */
export type TaskDrawer = (loop: EventLoop) => Promise<string>;

let drawer: TaskDrawer | null = null;

/** What draws tasks lies above this layer, and is put here by the package's entry; null: they are listed. */
export function setTaskDrawer(next: TaskDrawer | null): void {
  drawer = next;
}

/** The tasks of the loop and what each waits for. Never fails. */
export async function describeTasks(loop: EventLoop): Promise<string> {
  const listed = () => [...allTasks(loop)].map(String).join('\n');
  // A circle of tasks has no tree, and the error that says so names the circle.
  return drawer === null ? listed() : await drawer(loop).catch((error) => `${error}\n${listed()}`);
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
  const tell = async () => {
    const tasks = await describeTasks(loop);
    if (!timer.cancelled()) warn('RunWarning', `${what}\n${tasks}`);
  };
  const timer = loop.callLater(patience, () => void tell());
  timer.unref();
  return timer;
}
