import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { WriteTransport } from '../../interface/index.ts';
import { type ByteSink, type StreamWriter, writerTo } from '../../streams/index.ts';
import { errorOf } from './error-of.ts';

/**
 * A writer into a Node stream. Awaiting a write waits until the stream, once full, has drained.
 *
 * Closing the writer ends the stream, aborting it destroys the stream with the same reason, if that is an error, and so
 * does the end of the run. The stream's error is thrown by writes and by `waitClosed`, as it is; that it was closed
 * before its end is one too (`ERR_STREAM_PREMATURE_CLOSE`).
 *
 * @throws {StateError} no loop runs
 */
export function fromNodeWritable(writable: Writable): StreamWriter<WriteTransport> {
  return writerTo(new NodeSink(writable), { name: 'fromNodeWritable' });
}

class NodeSink implements ByteSink {
  readonly closed: Promise<void>;
  readonly #writable: Writable;
  /** One for all writes until then: Node warns of listeners that grow in number. */
  #drained: Promise<void> | null = null;

  constructor(writable: Writable) {
    this.#writable = writable;
    this.closed = finished(writable, { readable: false });
    this.closed.catch(() => {}); // where there is no loop, nobody looks at it
  }

  get bufferedBytes(): number {
    return this.#writable.writableLength;
  }

  write(bytes: Uint8Array): Promise<void> | null {
    if (this.#writable.write(bytes)) return null;
    this.#drained ??= new Promise((resolve) => {
      this.#writable.once('drain', () => {
        this.#drained = null;
        resolve();
      });
    });
    return this.#drained;
  }

  close(): void {
    this.#writable.end();
  }

  abort(reason: unknown): void {
    this.#writable.destroy(errorOf(reason));
  }
}
