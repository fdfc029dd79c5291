import {
  CancelledError,
  type Future as FutureInterface,
  GroupError,
  StateError,
  type Suspension,
  type TaskOptions,
  type TaskSource,
} from '../interface/index.ts';
import { outermost } from './cancellation.ts';
import { Coroutine } from './coroutine.ts';
import type { Future } from './future.ts';
import { JointWait } from './joint-wait.ts';
import { runBody, Scope, type ScopeBody } from './scope.ts';
import { Task } from './task.ts';

/** Tasks that end together: the scope that started them does not end before they have. */
export class TaskGroup extends Scope {
  readonly #children = new Set<Task<unknown>>();
  #errors: unknown[] = [];
  #state: 'new' | 'open' | 'leaving' | 'closed' = 'new';
  #aborting = false;
  #emptied: Future<void> | null = null;

  /** @internal */
  get parent(): Task<unknown> | null {
    return this.task;
  }

  /** The children that are not done. */
  get tasks(): ReadonlySet<Task<unknown>> {
    return this.#children;
  }

  /**
   * Starts a child. Its failure is the group's.
   *
   * @throws {StateError} the group is not entered, shutting down, or finished; the coroutine is closed
   */
  createTask<T>(source: TaskSource<T>, options?: TaskOptions): Task<T> {
    const task = this.task;
    const refusal =
      task === null
        ? `it ${this.#state === 'new' ? 'has not been entered' : 'is finished'}`
        : this.#aborting
          ? 'it is shutting down'
          : this.#state === 'leaving' && this.#children.size === 0
            ? 'it is finished'
            : null;
    if (task === null || refusal !== null) {
      if (source instanceof Coroutine) source.close();
      throw new StateError('ERR_SCOPE_STATE', `Cannot create a task in the group: ${refusal}`);
    }
    const child = task.getLoop().createTask(source, options) as Task<T>;
    if (child.done()) {
      this.#childDone(child as Future<unknown>);
    } else {
      this.#children.add(child as Task<unknown>);
      // A task factory may have made one of another kind.
      if (child instanceof Task) child.owner = this;
      child.addDoneCallback(this.#childDone);
      // An eager child may have failed a sibling, and with it the group, while it was being started.
      if (this.#aborting) child.cancel();
    }
    return child;
  }

  /** Cancels all children and the rest of the body; the group then ends without an error of its own. */
  cancel(reason?: unknown): void {
    if (this.#state === 'closed') return;
    this.#abort(reason);
    if (this.#state === 'open') this.cancelInside(reason);
  }

  /** @internal */
  *run<T>(body: ScopeBody<TaskGroup, T>): Generator<Suspension, T | undefined, unknown> {
    const task = this.enter();
    this.#state = 'open';
    let result: T | undefined;
    /** a cancellation that is not ours and must go on after the children have ended */
    let outside: CancelledError | null = null;
    try {
      result = yield* runBody<TaskGroup, T>(body, this);
    } catch (error) {
      if (error instanceof CancelledError) {
        if (!this.isOwn(error)) outside = error;
      } else {
        this.#errors.push(error);
      }
      this.#abort(error);
    }
    this.#state = 'leaving';
    while (this.#children.size > 0) {
      this.#emptied = new JointWait(task.getLoop(), 'task group', this.#children);
      try {
        yield* this.#emptied;
      } catch (error) {
        if (!(error instanceof CancelledError)) throw error;
        if (!this.isOwn(error)) outside = outermost(outside, error);
        this.#abort(error);
      }
    }
    const errors = this.#errors;
    this.#errors = [];
    this.#emptied = null;
    this.#state = 'closed';
    this.leave();
    if (errors.length > 0) {
      // The errors win; the cancellation is not forgotten, it arrives at the next wait.
      if (outside !== null) task.renewCancel(outside);
      throw new GroupError(errors, `${errors.length} of a task group failed: ${messageOf(errors[0])}`, {
        cause: errors[0],
      });
    }
    if (outside !== null) throw outside;
    return result;
  }

  readonly #childDone = (child: FutureInterface<unknown>): void => {
    this.#children.delete(child as Task<unknown>);
    if (this.#children.size === 0 && this.#emptied?.done() === false) this.#emptied.setResult();
    if (child.cancelled()) return;
    try {
      child.result();
    } catch (exception) {
      this.#childFailed(exception);
    }
  };

  #childFailed(exception: unknown): void {
    this.#errors.push(exception);
    if (this.#aborting) return;
    this.#abort(exception);
    if (this.#state === 'open') this.cancelInside(exception);
  }

  #abort(reason: unknown): void {
    if (this.#aborting) return;
    this.#aborting = true;
    // Cancelling may end a child at once, which leaves the set.
    for (const child of [...this.#children])
      child.cancel(reason instanceof CancelledError ? reason.reason : reason);
  }
}

/**
 * Runs `body` as part of the present task and waits until every task it started in the group has ended.
 *
 * The first child that fails cancels its siblings and the rest of the body; an error of the body cancels the children.
 *
 * @returns what the body returns; undefined if the group was cancelled by `group.cancel()` before that
 * @throws {GroupError} all errors of children and body, cancellations not among them
 * @see asyncio.TaskGroup, Trio's nurseries
 */
export function taskGroup<T>(body: ScopeBody<TaskGroup, T>): Coroutine<T | undefined> {
  if (typeof body !== 'function') throw new TypeError('Cannot open a task group: the body is not a function');
  return new Coroutine('taskGroup', new TaskGroup().run(body));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
