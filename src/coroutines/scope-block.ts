import { StateError } from '../interface/index.ts';
import type { Scope } from './scope.ts';
import { currentTask, type Task } from './task.ts';

// A scope that is given a body is the body's for as long as that runs. One that `using` ends can be ended anywhere, so
// it looks where it is.

/** Why the scope, which `task` has opened, must not end here; null: it may. */
export function misplacedEnd(scope: Scope, task: Task<unknown>): StateError | null {
  // What an `async` function does after its task has ended is nobody's.
  if (task.done()) return null;
  const because = (why: string) =>
    new StateError('ERR_SCOPE_STATE', `Cannot end the ${scope.constructor.name}: ${why}`);
  if (currentTask() !== task) return because(`it was opened in task ${task.getName()}, and this is not that`);
  // Two functions that one task runs at the same time (`Promise.all`) have no order: each needs a task of its own.
  if (task.scopes > scope.depth) return because('a scope that was opened after it has not ended');
  return null;
}

/**
 * Ends the scope by `end`, in the wrong place too: left open, it would cancel the task at some time that has nothing to do
 * with it.
 *
 * @throws {StateError} it is the wrong place
 */
export function endBlock(scope: Scope, task: Task<unknown>, end: () => void): void {
  const mistake = misplacedEnd(scope, task);
  inOrder(scope, task, end);
  if (mistake !== null) throw mistake;
}

/**
 * One that has outlived the scope around it takes nothing back: that one's end has done it. A cancellation from outside
 * that the scope's own has hidden arrives at the next wait: the end of a block cannot throw it instead.
 */
export function inOrder(scope: Scope, task: Task<unknown>, end: () => void): void {
  const { scopes } = task;
  end();
  task.scopes = Math.min(task.scopes, scopes);
  const hidden = task.takeHidden(scope);
  if (hidden !== null) task.renewCancel(hidden);
}
