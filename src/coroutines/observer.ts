import type { StopObserving } from '../loop/index.ts';
import type { Coroutine } from './coroutine.ts';
import type { Future } from './future.ts';
import type { Task } from './task.ts';

/** Who looks at the tasks and coroutines of this thread. Called in the middle of steps; must not throw. */
export interface CoroutineObserver {
  taskCreated(task: Task<unknown>): void;
  /** Its outcome is there. */
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

/** Looks at the tasks and coroutines of this thread, beside whoever else does. What `part` does must not throw. */
export function observeCoroutines(part: Partial<CoroutineObserver>): StopObserving {
  observers.parts.add(part);
  observer = observers;
  return () => {
    observers.parts.delete(part);
    if (observers.parts.size === 0 && observer === observers) observer = null;
  };
}

// There is one place for an observer, so that looking whether there is one costs next to nothing. Several share it here.
class CoroutineObservers implements CoroutineObserver {
  readonly parts = new Set<Partial<CoroutineObserver>>();

  taskCreated(task: Task<unknown>): void {
    for (const part of this.parts) part.taskCreated?.(task);
  }

  taskEnded(task: Task<unknown>): void {
    for (const part of this.parts) part.taskEnded?.(task);
  }

  waitBegins(future: Future<unknown>): void {
    for (const part of this.parts) part.waitBegins?.(future);
  }

  coroutineMade(coroutine: Coroutine<unknown>): void {
    for (const part of this.parts) part.coroutineMade?.(coroutine);
  }

  coroutineTaken(coroutine: Coroutine<unknown>): void {
    for (const part of this.parts) part.coroutineTaken?.(coroutine);
  }
}

const observers = new CoroutineObservers();
