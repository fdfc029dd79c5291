import type { LimitOverrunError } from '../interface/index.ts';

/**
 * A line is longer than the reader's limit. It is gone from the buffer if its end was there; else the whole buffer is.
 *
 * `cause` is the {@link LimitOverrunError} that `readUntil` would have thrown in place of this one.
 *
 * @see asyncio.StreamReader.readline, which raises a ValueError here
 */
export class LineTooLongError extends RangeError {
  override readonly name = 'LineTooLongError';
  readonly code = 'ERR_LINE_TOO_LONG';

  constructor(cause: LimitOverrunError) {
    super(`Cannot read a line: ${cause.consumed} bytes and no end of it within the limit`, { cause });
  }
}
