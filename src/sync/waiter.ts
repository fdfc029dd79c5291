import { Future } from '../coroutines/index.ts';
import { type CancelledError, type EventLoop, StateError } from '../interface/index.ts';
import type { Linked, LinkedList } from './linked-list.ts';

type Receiver<T> = Parameters<Future<T>['tell']>[0];

/**
 * Somebody who waits for something that is handed over: a lock, a unit, an item, a turn to go on.
 *
 * Whoever has it to give grants it by completing this future, and from then on it is the waiter's: no newcomer gets in
 * between, although the waiter's task will run only later. If it is cancelled while it waits, it leaves its line at once,
 * so that lines hold none but live waiters.
 *
 * Between the grant and the task's next step the task may be cancelled. A result that is on its way is then delivered
 * first, which loses nothing but leaves a task that has been cancelled with a lock, or an item, that it will hardly use.
 * So a grant that nobody has looked at yet can be taken back (`takeBack`): it goes to the next in line, and the task is
 * told of the cancellation alone, as in asyncio (B-LOCK-006). Only the cancellation of the whole task does that. One of a
 * scope lets the result through, as always: the task goes on behind the scope, and what it was given counts (B-WF-006).
 */
export class Waiter<T> extends Future<T> implements Linked {
  list: object | null = null;
  previous: Linked | null = null;
  next: Linked | null = null;
  #granted = false;
  #looked = false;
  /** what the grant was taken back for */
  #withdrawn: CancelledError | null = null;

  constructor(loop: EventLoop) {
    super({ loop });
  }

  /** Hands it over. It must be waiting still, and in no line any more. */
  grant(value: T): void {
    this.#granted = true;
    this.fulfil(value);
  }

  /** Ends the wait in vain. */
  refuse(error: unknown): void {
    this.fail(error);
  }

  /** Whoever waits was cancelled, and is out of line. */
  protected abandoned(): void {}

  /** Gives what was granted to the next. False: it cannot be taken back. */
  protected takeBack(): boolean {
    return false;
  }

  override setResult(): never {
    throw new StateError('ERR_WAIT_OUTCOME', 'Cannot set the result of a wait: what is waited for does');
  }

  override setException(): never {
    throw new StateError('ERR_WAIT_OUTCOME', 'Cannot set the exception of a wait: what is waited for does');
  }

  override cancel(reason?: unknown): boolean {
    if (!super.cancel(reason)) return false;
    (this.list as LinkedList<Waiter<T>> | null)?.remove(this);
    this.abandoned();
    return true;
  }

  override cancelled(): boolean {
    return this.#withdrawn !== null || super.cancelled();
  }

  override result(): T {
    if (this.#withdrawn !== null) throw this.#withdrawn;
    const result = super.result();
    this.#looked = true;
    return result;
  }

  override exception(): unknown {
    if (this.#withdrawn !== null) throw this.#withdrawn;
    if (!this.#granted) return super.exception();
    try {
      this.result();
      return null;
    } catch (error) {
      return error;
    }
  }

  /** @internal */
  override giveUp(error: CancelledError): boolean {
    if (this.#withdrawn !== null || super.giveUp(error)) return true;
    if (error.scope !== null || !this.#granted || this.#looked || !this.takeBack()) return false;
    this.#withdrawn = error;
    return true;
  }

  /** @internal */
  override tell(receiver: Receiver<T>): void {
    if (this.#withdrawn !== null) {
      receiver.cancelled(this.#withdrawn);
      return;
    }
    if (!this.#granted) {
      super.tell(receiver);
      return;
    }
    let result: T;
    try {
      result = this.result();
    } catch (error) {
      receiver.failed(error);
      return;
    }
    receiver.fulfilled(result);
  }

  /** @internal */
  override cancelledError(): CancelledError {
    return this.#withdrawn ?? super.cancelledError();
  }

  /** @internal */
  override describeOutcome(): ReturnType<Future<T>['describeOutcome']> {
    if (this.#withdrawn !== null) return { state: 'cancelled' };
    return this.#granted ? { state: 'granted' } : super.describeOutcome();
  }
}

/** For what need not be waited for. `yield*` and `await` go on without a turn of the loop. */
export function granted<T>(loop: EventLoop, value: T): Future<T> {
  const future = new Future<T>({ loop });
  future.setResult(value);
  return future;
}

/** For a wait that is in vain from the start. */
export function refused(loop: EventLoop, error: Error): Future<never> {
  const future = new Future<never>({ loop });
  future.setException(error);
  return future;
}
