import type { Coroutine } from './coroutine.ts';
import type { Future } from './future.ts';
import type { Task } from './task.ts';

/** Who looks at the tasks and coroutines of this thread. Called in the middle of steps; must not throw. */
export interface CoroutineObserver {
  taskCreated(task: Task<unknown>): void;
  taskEnded(task: Task<unknown>): void;
  /** The present task is about to wait for `future`; its code is still on the stack. */
  waitBegins(future: Future<unknown>): void;
  coroutineMade(coroutine: Coroutine<unknown>): void;
  /** It was run or closed, as a coroutine should be. */
  coroutineTaken(coroutine: Coroutine<unknown>): void;
}

/** Null, as long as nobody looks: that is all that watching costs then. */
export let observer: CoroutineObserver | null = null;

export function setCoroutineObserver(next: CoroutineObserver | null): void {
  observer = next;
}
