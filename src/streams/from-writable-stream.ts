import type { WriteTransport } from '../interface/index.ts';
import { type ByteSink, writerTo } from './byte-sink.ts';
import { exceptOwnError } from './except-own-error.ts';
import type { StreamWriter } from './stream-writer.ts';

/**
 * A writer into a Web stream, which it locks. Awaiting a write waits until the stream is ready for more.
 *
 * Closing the writer closes the stream once everything is written, aborting it aborts the stream with the same reason,
 * and so does the end of the run; after these, as after the stream's error, the lock is released. That error is thrown
 * by writes and by `waitClosed`, as it is.
 *
 * @throws {TypeError} the stream is locked
 * @throws {StateError} no loop runs
 */
export function fromWritableStream(stream: WritableStream<Uint8Array>): StreamWriter<WriteTransport> {
  const lock = stream.getWriter();
  try {
    return writerTo(new WebSink(lock), { name: 'fromWritableStream' });
  } catch (error) {
    lock.releaseLock();
    throw error;
  }
}

class WebSink implements ByteSink {
  readonly closed: Promise<void>;
  readonly #lock: WritableStreamDefaultWriter<Uint8Array>;
  #bufferedBytes = 0;
  /** The stream has ended, which whoever writes learns in the next turn. */
  #released = false;

  constructor(lock: WritableStreamDefaultWriter<Uint8Array>) {
    this.#lock = lock;
    this.closed = lock.closed.finally(() => {
      this.#released = true;
      lock.releaseLock();
    });
    this.closed.catch(ignore);
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  write(bytes: Uint8Array): PromiseLike<void> | null {
    if (this.#released) return null;
    // The sink may transfer the bytes, and their length is 0 then.
    const { length } = bytes;
    this.#bufferedBytes += length;
    const written = () => {
      this.#bufferedBytes -= length;
    };
    this.#lock.write(bytes).then(written, written);
    const { desiredSize } = this.#lock;
    return desiredSize !== null && desiredSize > 0 ? null : this.#lock.ready;
  }

  close(): void {
    if (!this.#released) this.#lock.close().catch(ignore); // `closed` tells
  }

  abort(reason: unknown): Promise<void> | null {
    return this.#released ? null : exceptOwnError(this.#lock.abort(reason), this.closed);
  }
}

function ignore(): void {}
