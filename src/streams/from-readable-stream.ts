import { type ByteSource, readerFrom } from './byte-source.ts';
import { exceptOwnError } from './except-own-error.ts';
import type { StreamLimit } from './open-connection.ts';
import type { StreamReader } from './stream-reader.ts';

/**
 * A reader of a Web stream, which it locks. It reads ahead while no more than its limit is buffered.
 *
 * Closing the reader cancels the stream, and so does the end of the run; after these, as after the end of the stream or
 * its error, the lock is released. The stream's error is thrown by every read, as it is.
 *
 * @param stream of bytes in any view, or of text, whose UTF-8 is read
 * @throws {TypeError} the stream is locked
 * @throws {RangeError} the limit is not a positive number
 * @throws {StateError} no loop runs
 */
export function fromReadableStream(
  stream: ReadableStream<ArrayBufferView | ArrayBuffer | string>,
  options: StreamLimit = {},
): StreamReader {
  const lock = stream.getReader();
  try {
    return readerFrom(new WebSource(lock), { ...options, name: 'fromReadableStream' });
  } catch (error) {
    lock.releaseLock();
    throw error;
  }
}

class WebSource implements ByteSource {
  readonly #lock: ReadableStreamDefaultReader<ArrayBufferView | ArrayBuffer | string>;
  /** The stream has ended, which whoever reads learns in the next turn. */
  #released = false;

  constructor(lock: ReadableStreamDefaultReader<ArrayBufferView | ArrayBuffer | string>) {
    this.#lock = lock;
  }

  async pull(): Promise<ArrayBufferView | ArrayBuffer | string | null> {
    let ended = true;
    try {
      const { done, value } = await this.#lock.read();
      ended = done;
      return done ? null : value;
    } finally {
      if (ended) this.#release();
    }
  }

  cancel(reason: unknown): Promise<void> | null {
    if (this.#released) return null;
    const { closed } = this.#lock;
    const cancelled = this.#lock.cancel(reason);
    this.#release();
    return exceptOwnError(cancelled, closed);
  }

  #release(): void {
    this.#released = true;
    this.#lock.releaseLock();
  }
}
