import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { readerFrom, type StreamLimit, type StreamReader } from '../../streams/index.ts';
import { errorOf } from './error-of.ts';

/**
 * A reader of a Node stream of bytes, or of text, whose UTF-8 is read. Nobody else is to read the stream meanwhile.
 *
 * It reads ahead while no more than its limit is buffered. Closing the reader destroys the stream, and so does the end of
 * the run. The stream's error is thrown by every read, as it is; that it was closed before its end is one too
 * (`ERR_STREAM_PREMATURE_CLOSE`).
 *
 * @throws {RangeError} the limit is not a positive number
 * @throws {StateError} no loop runs
 */
export function fromNodeReadable(readable: Readable, options: StreamLimit = {}): StreamReader {
  const chunks = readable.iterator({ destroyOnReturn: false });
  const reader = readerFrom(
    {
      async pull() {
        const { done, value } = await chunks.next();
        return done === true ? null : value;
      },
      cancel(reason) {
        readable.destroy(errorOf(reason));
      },
    },
    { ...options, name: 'fromNodeReadable' },
  );
  // The iterator listens for errors only while it is asked, and one that finds no listener ends the process.
  finished(readable, { writable: false }).catch(() => {});
  return reader;
}
