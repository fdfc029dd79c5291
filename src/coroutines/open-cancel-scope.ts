import type { CancelledError } from '../interface/index.ts';
import { CancelScope, type CancelScopeOptions, checkOptions, deadlineOf } from './cancel-scope.ts';
import { endBlock } from './scope-block.ts';

/** A cancel scope that ends with the block it was opened in. */
export class OpenCancelScope extends CancelScope implements Disposable {
  /** Made by `openCancelScope`. */
  constructor(options: CancelScopeOptions) {
    super(deadlineOf(options), options.shield === true);
    this.begin(options.signal);
  }

  /** True for the cancellation of this very scope. */
  caught(error: unknown): error is CancelledError {
    return this.isOwn(error);
  }

  protected override cancelInside(reason?: unknown): void {
    // Forgotten by its block, it ends with the scope around that.
    if (this.task !== null && this.task.scopes >= this.depth) super.cancelInside(reason);
  }

  /** @throws {StateError} in another task, or while a scope that was opened after it is open */
  [Symbol.dispose](): void {
    const { task } = this;
    if (task !== null) endBlock(this, task, () => this.end());
  }
}

/**
 * Makes the rest of the block a region of the present task that can be cancelled by itself.
 *
 * The end of a block cannot swallow an error: the scope's cancellation comes out of the block, as a CancelledError whose
 * scope it is. Whoever wants to go on from there says so, or else the whole task ends cancelled:
 *
 *     const scope = openCancelScope({ signal });
 *     try {
 *       using _ = scope;
 *       …
 *     } catch (error) {
 *       if (!scope.caught(error)) throw error;
 *     }
 *
 * @throws {RangeError} both a timeout and a deadline, or NaN
 * @throws {StateError} this is no task
 * @see cancelScope, which swallows it
 */
export function openCancelScope(options: CancelScopeOptions = {}): OpenCancelScope {
  checkOptions(options);
  return new OpenCancelScope(options);
}
