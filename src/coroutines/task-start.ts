import {
  type Coroutine,
  type EventLoop,
  type Future as FutureInterface,
  StateError,
  type Suspension,
} from '../interface/index.ts';
import { type Awaiting, Future } from './future.ts';

/** What `TaskGroup.start` makes a task of: a function that is given what to call when it is ready. */
export type StartSource<R> = (
  ready: (value: R) => void,
) => Coroutine<unknown> | Generator<Suspension, unknown, unknown> | PromiseLike<unknown>;

/** The wait until a task that was started says it is ready. Nobody but this wait hears of what happens before. */
export class TaskStart<R> extends Future<R> {
  /** null while it is being started */
  child: FutureInterface<unknown> | null = null;
  #isReady = false;
  #asked: { readonly reason: unknown } | null = null;

  constructor(loop: EventLoop | undefined) {
    super({ loop });
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** @throws {StateError} called before, or after the task has ended */
  readonly ready = (value: R): void => {
    if (this.done()) {
      const why = this.#isReady ? 'it has been said before' : 'the task has ended';
      throw new StateError('ERR_TASK_START', `Cannot say that the task is ready: ${why}`);
    }
    this.#isReady = true;
    this.fulfil(value);
  };

  childEnded(child: FutureInterface<unknown>): void {
    try {
      child.result();
    } catch (error) {
      if (child.cancelled()) super.cancel((error as { reason?: unknown }).reason);
      else this.fail(error);
      return;
    }
    if (this.#asked !== null) {
      super.cancel(this.#asked.reason);
      return;
    }
    this.fail(
      new StateError(
        'ERR_TASK_START',
        'Cannot start the task: it ended without having said that it was ready',
      ),
    );
  }

  /** Asks the task to stop, and ends with it, or when it says that it is ready all the same. */
  override cancel(reason?: unknown): boolean {
    if (this.done() || this.child === null) return super.cancel(reason);
    this.#asked ??= { reason };
    this.child.cancel(reason);
    return true;
  }

  override get endedUntold(): boolean {
    return this.#asked !== null && this.#isReady;
  }

  override awaiting(): Awaiting {
    return { what: 'start', of: this.child === null ? [] : [this.child] };
  }
}
