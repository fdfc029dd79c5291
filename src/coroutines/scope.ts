import {
  CancelledError,
  type Coroutine as CoroutineInterface,
  StateError,
  type Suspension,
} from '../interface/index.ts';
import { type AsyncOwner, runOwnedBy } from '../loop/index.ts';
import { type CancellableRegion, cancellationIn } from './cancellation.ts';
import { InlineFuture } from './ensure-future.ts';
import { isGenerator, isGeneratorFunction, isThenable, isWaitable } from './kinds.ts';
import { currentTask, type Task } from './task.ts';

/** What the body of a scope may be: a function, given the scope, that is `async`, a generator's, or gives what can be waited for. */
export type ScopeBody<S, T> = (
  scope: S,
) => CoroutineInterface<T> | Generator<Suspension, T, unknown> | PromiseLike<T>;

/**
 * A region of a task that can be cancelled as one. Its cancellation carries it as `CancelledError.scope`, and it ends
 * only its own: one from outside passes through, and one of an outer scope takes precedence.
 */
export class Scope implements CancellableRegion {
  #task: Task<unknown> | null = null;
  #entered = false;
  #depth = 0;
  #requested = false;
  /** @internal see `CancellableRegion` */
  hidden: CancelledError | null = null;

  /** How deep in its task, from 1. */
  get depth(): number {
    return this.#depth;
  }

  /** True once this scope has asked its task to stop. */
  protected get cancelRequested(): boolean {
    return this.#requested;
  }

  /** The task that is inside. */
  protected get task(): Task<unknown> | null {
    return this.#task;
  }

  /** @throws {StateError} entered before, or outside a task */
  protected enter(): Task<unknown> {
    const name = this.constructor.name;
    if (this.#entered)
      throw new StateError('ERR_SCOPE_STATE', `Cannot enter the ${name}: it has been entered before`);
    const task = currentTask();
    if (task === null) throw new StateError('ERR_SCOPE_STATE', `Cannot enter the ${name}: this is no task`);
    this.#entered = true;
    this.#task = task;
    this.#depth = ++task.scopes;
    return task;
  }

  /** Leaves the scope. A cancellation of its own that was not delivered is withdrawn. */
  protected leave(): void {
    const task = this.#task;
    if (task === null) return;
    task.leaveScope(this);
    task.withdrawCancel(this);
    this.#task = null;
  }

  /** Cancels what the task does inside this scope, once. */
  protected cancelInside(reason?: unknown): void {
    if (this.#requested || this.#task === null) return;
    this.#requested = true;
    this.#task.requestCancel(new CancelledError(reason, { scope: this }));
  }

  protected isOwn(error: unknown): error is CancelledError {
    return error instanceof CancelledError && error.scope === this;
  }
}

/** Runs a body inside the present task, whichever way it is written. */
export function* runBody<S, T>(body: ScopeBody<S, T>, scope: S): Generator<Suspension, T, unknown> {
  const task = currentTask();
  const made: unknown = isGeneratorFunction(body)
    ? body(scope)
    : runOwnedBy(task as AsyncOwner | null, () => body(scope));
  try {
    if (isGenerator(made) || isWaitable(made)) return (yield* made) as T;
    if (isThenable(made)) return (yield* new InlineFuture(made, (task as Task<unknown>).getLoop())) as T;
  } catch (error) {
    throw cancellationIn(error) ?? error;
  }
  throw new TypeError('Cannot run the body: it returned nothing that can be waited for');
}
