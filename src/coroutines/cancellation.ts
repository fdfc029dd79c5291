import type { CancelledError } from '../interface/index.ts';

/** A region of a task that can be cancelled as one. The deeper, the further inside. */
export interface CancellableRegion {
  readonly depth: number;
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
