import { CancelledError, TimeoutError } from '../interface/index.ts';
import { getRunningLoop } from '../loop/index.ts';
import { checkTime } from './deadline.ts';
import { endBlock } from './scope-block.ts';
import { Timeout } from './timeout.ts';

/** A timeout that ends with the block it was opened in. */
export class OpenTimeout extends Timeout implements Disposable {
  #cancellation: CancelledError | null = null;

  /** Made by `openTimeout` and `openTimeoutAt`. */
  constructor(when: number | null) {
    super(when);
    this.begin();
  }

  /** True for the TimeoutError of this very scope. */
  caught(error: unknown): boolean {
    return this.#cancellation !== null && error === this.#cancellation;
  }

  protected override strike(): void {
    const { task } = this;
    // Forgotten by its block, it ends with the scope around that.
    if (task === null || task.scopes < this.depth) return;
    this.#cancellation = new CancelledError(new TimeoutError(), { scope: this });
    task.requestCancel(this.#cancellation);
  }

  /** @throws {StateError} in another task, or while a scope that was opened after it is open */
  [Symbol.dispose](): void {
    const { task } = this;
    if (task === null) return;
    endBlock(this, task, () => {
      // Withdrawn first, if it has not been thrown: what the task still had to throw must stay what it is.
      this.end();
      if (this.#cancellation !== null) becomeTimeout(this.#cancellation);
    });
  }
}

/**
 * Gives the rest of the block at most `delay` milliseconds (null: no limit):
 *
 *     using limit = openTimeout(2_000);
 *
 * As `timeout` does for its body: what the block waits for is cancelled, and a TimeoutError comes out of the block. Inside
 * the block this error is the CancelledError that the cancellation is; it turns into the TimeoutError where the block
 * ends, because the end of a block cannot put another error in its place.
 *
 * @throws {RangeError} the delay is NaN
 * @throws {StateError} this is no task
 */
export function openTimeout(delay: number | null): OpenTimeout {
  checkTime(delay);
  return new OpenTimeout(delay === null ? null : getRunningLoop().time() + delay);
}

/** As `openTimeout`, up to a moment of the loop's time. */
export function openTimeoutAt(when: number | null): OpenTimeout {
  checkTime(when);
  return new OpenTimeout(when);
}

/** `cause` is then what the error has been: the cancellation, as of every TimeoutError. */
function becomeTimeout(error: CancelledError): void {
  const { reason, scope, stack } = error;
  const cause = new CancelledError(reason, { scope });
  const timeout = new TimeoutError('Timed out', { cause });
  if (stack !== undefined) cause.stack = stack;
  Object.setPrototypeOf(error, TimeoutError.prototype);
  for (const key of ['reason', 'scope']) Reflect.deleteProperty(error, key);
  const { stack: made, ...properties } = Object.getOwnPropertyDescriptors(timeout);
  Object.defineProperties(error, properties);
  if (made !== undefined) error.stack = timeout.stack as string;
}
