import {
  CancelledError,
  type Future as FutureInterface,
  GroupError,
  StateError,
  type Suspension,
  type TaskOptions,
  type TaskSource,
} from '../interface/index.ts';
import { cancelAll } from './cancel-all.ts';
import { outermost } from './cancellation.ts';
import { Coroutine } from './coroutine.ts';
import type { Future } from './future.ts';
import { JointWait } from './joint-wait.ts';
import { runBody, Scope, type ScopeBody } from './scope.ts';
import { Task } from './task.ts';
import { type StartSource, TaskStart } from './task-start.ts';

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
    return this.#startChild(source, options, this.#childDone);
  }

  /**
   * Starts a child and waits until it says that it is ready, by calling what it is given:
   *
   *     const port = yield* group.start(function* (ready: (port: number) => void) {
   *       const server = yield* listen();
   *       ready(server.port);
   *       yield* server.serve();
   *     });
   *
   * From then on it is a child like any other. What it fails with before belongs to whoever waits here, and not to the
   * group. Cancelling the wait cancels the child, and ends when that has ended.
   *
   * @returns what `ready` was called with
   * @throws {StateError} the child returned without having called `ready` (code ERR_TASK_START); as `createTask`
   * @see anyio.abc.TaskGroup.start, Trio's Nursery.start
   */
  start<R = void>(source: StartSource<R>, options?: TaskOptions): FutureInterface<R> {
    if (typeof source !== 'function') throw new TypeError('Cannot start the task: it is not a function');
    const starting = new TaskStart<R>(this.task?.getLoop());
    // By the name of the function that was given, wherever tasks are shown.
    const begin = Object.defineProperty(() => source(starting.ready), 'name', { value: source.name });
    starting.child = this.#startChild<unknown>(begin, options, (child) => {
      if (starting.isReady) {
        this.#childDone(child);
      } else {
        this.#childGone(child);
        starting.childEnded(child);
      }
    });
    return starting;
  }

  #startChild<T>(
    source: TaskSource<T>,
    options: TaskOptions | undefined,
    ended: (child: FutureInterface<unknown>) => void,
  ): Task<T> {
    const task = this.task;
    const refusal = this.#refusal();
    if (task === null || refusal !== null) {
      if (source instanceof Coroutine) source.close();
      throw new StateError('ERR_SCOPE_STATE', `Cannot create a task in the group: ${refusal}`);
    }
    const child = task.getLoop().createTask(source, options) as Task<T>;
    if (child.done()) {
      ended(child as Future<unknown>);
    } else {
      this.#children.add(child as Task<unknown>);
      // A task factory may have made one of another kind.
      if (child instanceof Task) child.owner = this;
      child.addDoneCallback(ended);
      // An eager child may have failed a sibling, and with it the group, while it was being started.
      if (this.#aborting) child.cancel();
    }
    return child;
  }

  #refusal(): string | null {
    if (this.#state === 'new') return 'it has not been entered';
    if (this.#state === 'closed') return 'it is finished';
    if (this.#aborting) return 'it is shutting down';
    return this.#state === 'leaving' && this.#children.size === 0 ? 'it is finished' : null;
  }

  /** Cancels all children and the rest of the body; the group then ends without an error of its own. */
  cancel(reason?: unknown): void {
    if (this.#state === 'closed') return;
    this.abort(reason);
    if (this.#state === 'open') this.cancelInside(reason);
  }

  /** @internal */
  *run<T>(body: ScopeBody<TaskGroup, T>): Generator<Suspension, T | undefined, unknown> {
    const task = this.begin();
    let result: T | undefined;
    /** a cancellation that is not ours and must go on after the children have ended */
    let outside: CancelledError | null = null;
    try {
      result = yield* runBody<TaskGroup, T>(body, this);
    } catch (error) {
      if (error instanceof CancelledError) {
        outside = this.isOwn(error) ? task.takeHidden(this) : error;
      } else {
        this.#errors.push(error);
      }
      this.abort(error);
    }
    while (this.#children.size > 0) {
      const emptied = new JointWait(task.getLoop(), 'task group', this.#children);
      this.endWith(emptied);
      try {
        yield* emptied;
      } catch (error) {
        if (!(error instanceof CancelledError)) throw error;
        if (!this.isOwn(error)) outside = outermost(outside, error);
        this.abort(error);
      }
    }
    const failure = this.finish();
    this.leave();
    if (failure !== null) {
      // The errors win; the cancellation is not forgotten, it arrives at the next wait.
      if (outside !== null) task.renewCancel(outside);
      throw failure;
    }
    if (outside !== null) throw outside;
    return result;
  }

  protected begin(): Task<unknown> {
    const task = this.enter();
    this.#state = 'open';
    return task;
  }

  /** The body is over, and `emptied` is set when there are no children any more: at once, if there are none. */
  protected endWith(emptied: Future<void>): void {
    this.#state = 'leaving';
    this.#emptied = emptied;
    if (this.#children.size === 0) emptied.setResult();
  }

  /** All are over. Gives what they have failed with; null: with nothing. */
  protected finish(): GroupError | null {
    const errors = this.#errors;
    this.#errors = [];
    this.#emptied = null;
    this.#state = 'closed';
    if (errors.length === 0) return null;
    return new GroupError(errors, `${errors.length} of a task group failed: ${messageOf(errors[0])}`, {
      cause: errors[0],
    });
  }

  readonly #childDone = (child: FutureInterface<unknown>): void => {
    const failure = failureOf(child);
    if (failure !== null) this.#childFailed(failure.value);
    // Last: whoever waits for that then looks at what there has been.
    this.#childGone(child);
  };

  #childGone(child: FutureInterface<unknown>): void {
    this.#children.delete(child as Task<unknown>);
    if (this.#children.size === 0 && this.#emptied?.done() === false) this.#emptied.setResult();
  }

  #childFailed(exception: unknown): void {
    this.#errors.push(exception);
    if (this.#aborting) return;
    this.abort(exception);
    if (this.#state === 'open') this.cancelInside(exception);
  }

  /** Cancels the children. */
  protected abort(reason: unknown): void {
    if (this.#aborting) return;
    this.#aborting = true;
    if (this.#children.size === 0) return;
    cancelAll(this.#children, reason instanceof CancelledError ? reason : new CancelledError(reason));
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
 * @see openTaskGroup, the form for `await using`
 */
export function taskGroup<T>(body: ScopeBody<TaskGroup, T>): Coroutine<T | undefined> {
  if (typeof body !== 'function') throw new TypeError('Cannot open a task group: the body is not a function');
  return new Coroutine('taskGroup', new TaskGroup().run(body));
}

/** In a box, as anything can be thrown; null: a result, or a cancellation. */
function failureOf(child: FutureInterface<unknown>): { readonly value: unknown } | null {
  if (child.cancelled()) return null;
  try {
    child.result();
    return null;
  } catch (value) {
    return { value };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
