import { CancelledError } from '../interface/index.ts';

/** A region of a task that can be cancelled as one. The deeper, the further inside. */
export interface CancellableRegion {
  readonly depth: number;
  /** @internal a cancellation from outside that was being cleaned up for inside when this region's own was thrown over it */
  hidden: CancelledError | null;
}

/** How deep in its task the scope of a cancellation is; 0: the whole task is meant. */
export function depthOf(error: CancelledError): number {
  return (error.scope as CancellableRegion | null)?.depth ?? 0;
}

/** Of two cancellations of one task the one to go on with: the scopes inside a scope end with it. Of equals, `a`. */
export function outermost(a: CancelledError | null, b: CancelledError): CancelledError;
export function outermost(a: CancelledError | null, b: CancelledError | null): CancelledError | null;
export function outermost(a: CancelledError | null, b: CancelledError | null): CancelledError | null {
  if (a === null || b === null) return a ?? b;
  return depthOf(b) < depthOf(a) ? b : a;
}

/**
 * What a cancellation is to another task that it is passed on to. All tasks that follow share one error: its stack tells
 * who has asked, and to make ten thousand takes longer than to cancel the tasks. A scope's is nothing to other tasks.
 */
export function passedOn(error: CancelledError): CancelledError {
  return error.scope === null ? error : new CancelledError(error.reason, { cause: error });
}

/**
 * The cancellation that `thrown` is; null: it is something else. Cancelled again while it cleans up for one, a `using`
 * throws both as a SuppressedError; of these the outermost is meant, and of equals the one that came first.
 */
export function cancellationIn(thrown: unknown): CancelledError | null {
  let meant: CancelledError | null = null;
  let rest = thrown;
  while (isSuppressedError(rest)) {
    const last = cancellationIn(rest.error);
    if (last === null) return null;
    meant = outermost(last, meant);
    rest = rest.suppressed;
  }
  return rest instanceof CancelledError ? outermost(rest, meant) : null;
}

/** By its name: where the language has none of its own (Node 20), compilers make do with an Error. */
function isSuppressedError(error: unknown): error is { error: unknown; suppressed: unknown } {
  return error instanceof Error && error.name === 'SuppressedError' && 'suppressed' in error;
}
