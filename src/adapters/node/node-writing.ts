import type { Writable } from 'node:stream';
import { coroutine } from '../../coroutines/index.ts';
import { type Coroutine, isCancellation, StateError, type WriteTransport } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import type { StreamWriter } from '../../streams/index.ts';

type Callback = (error?: Error | null) => void;

/** The writing side of a Node stream that is made of a writer: what its `write`, `final` and `destroy` do. */
export class NodeWriting {
  readonly #loop = getRunningLoop();
  readonly #writer: StreamWriter<WriteTransport>;
  readonly #name: string;
  #finished = false;

  /** @param name of the tasks that write; shown where tasks are listed */
  constructor(writer: StreamWriter<WriteTransport>, name: string) {
    this.#writer = writer;
    this.#name = name;
  }

  /** True once everything was sent, and the end with it. */
  get finished(): boolean {
    return this.#finished;
  }

  /**
   * Destroys the stream as soon as the connection is lost, and not only at the next write.
   *
   * @param closed called when it has ended without an error
   */
  watch(stream: Writable, closed: () => void): void {
    const watch = this.#loop.createTask(this.#writer.waitClosed(), { name: this.#name });
    watch.addDoneCallback(() => {
      if (watch.cancelled()) {
        // The run has ended. What is on its way to be sent goes on without us.
        if (!stream.writableEnded) stream.destroy();
      } else if (watch.exception() !== null) {
        stream.destroy(watch.exception() as Error);
      } else {
        closed();
      }
    });
  }

  /** @param bytes a copy: once called back, Node may use its own again. @param callback when the writer wants more */
  write(stream: Writable, bytes: Uint8Array, callback: Callback): void {
    this.#run(stream, send(this.#writer, bytes), callback);
  }

  final(stream: Writable, callback: Callback): void {
    this.#run(stream, this.#writer.end(), (error) => {
      this.#finished = error === null;
      callback(error);
    });
  }

  /** The stream is destroyed: before its end, that aborts the connection. */
  destroy(error: Error | null): void {
    if (!this.#finished) this.#writer.abort(error ?? undefined);
  }

  #run(stream: Writable, work: Coroutine<void>, callback: (error: Error | null) => void): void {
    const task = this.#loop.createTask(work, { name: this.#name });
    task.addDoneCallback(() => {
      let failure: Error | null = null;
      try {
        task.result();
        // The abort has ended the wait, and dropped the bytes.
        if (stream.destroyed) failure = stream.errored ?? destroyed();
      } catch (error) {
        failure = error as Error;
        // By the end of the run. That is no error of the stream, which might find no listener and end the process: once
        // the stream is destroyed, only whoever wrote is told.
        if (isCancellation(error)) stream.destroy();
      }
      callback(failure);
    });
  }
}

function destroyed(): StateError {
  return new StateError('ERR_STREAM_CLOSED', 'Cannot write: the stream was destroyed');
}

const send = coroutine(function* send(writer: StreamWriter<WriteTransport>, bytes: Uint8Array) {
  // Others may have filled the writer, whose hard cap is no reason to fail here.
  yield* writer.drain();
  yield* writer.write(bytes);
});
