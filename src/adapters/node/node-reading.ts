import type { Readable } from 'node:stream';
import type { Future } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import { DEFAULT_LIMIT, type StreamReader } from '../../streams/index.ts';

/** The reading side of a Node stream that is made of a reader: what its `read` and `destroy` do. */
export class NodeReading {
  readonly #loop = getRunningLoop();
  readonly #reader: StreamReader;
  readonly #name: string;
  #reading: Future<Uint8Array> | null = null;
  #ended = false;

  /** @param name of the tasks that read; shown where tasks are listed */
  constructor(reader: StreamReader, name: string) {
    this.#reader = reader;
    this.#name = name;
  }

  /** Pushes what is there, or the next that comes. Node asks again after that, and not before. */
  read(stream: Readable, byteCount: number): void {
    // With a high-water mark of 0 Node asks for 0 bytes and means any.
    const read = this.#reader.read(byteCount > 0 ? byteCount : DEFAULT_LIMIT);
    const task = this.#loop.createTask(read, { name: this.#name });
    this.#reading = task;
    task.addDoneCallback(() => {
      this.#reading = null;
      if (stream.destroyed) {
        if (!task.cancelled()) task.exception(); // looked at: nobody is left to tell
      } else if (task.cancelled()) {
        // By the end of the run. That is no error, which might find no listener and end the process.
        stream.destroy();
      } else if (task.exception() !== null) {
        stream.destroy(task.exception() as Error);
      } else {
        this.#push(stream, task.result());
      }
    });
  }

  /** The stream is destroyed: before its end, that closes the reader. */
  destroy(error: Error | null): void {
    if (this.#ended) return;
    this.#reading?.cancel(error ?? undefined);
    this.#reader.close(error ?? undefined);
  }

  /** True once everything was read, to the end. */
  get ended(): boolean {
    return this.#ended;
  }

  #push(stream: Readable, bytes: Uint8Array): void {
    this.#ended = bytes.length === 0;
    stream.push(this.#ended ? null : bytes);
  }
}
