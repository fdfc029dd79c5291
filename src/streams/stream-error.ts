import { isCancellation, LoopError } from '../interface/index.ts';

/**
 * The error for what another kind of stream gives as the reason of its end: errors are passed on as they are.
 *
 * What is no error becomes the `cause` of one. So does a cancellation, which is somebody else's: thrown to whoever reads
 * or writes here, it would look like their own.
 */
export function toStreamError(reason: unknown): Error {
  if (reason instanceof Error && !isCancellation(reason)) return reason;
  return new LoopError('ERR_STREAM_ABORTED', `Cannot go on with the stream: ${describe(reason)}`, {
    cause: reason,
  });
}

function describe(reason: unknown): string {
  if (reason === undefined) return 'it was given up';
  return `it was given up (${reason instanceof Error ? reason.message : String(reason)})`;
}
