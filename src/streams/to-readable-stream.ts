import type { Future } from '../interface/index.ts';
import { getRunningLoop } from '../loop/index.ts';
import { DEFAULT_LIMIT, type StreamReader } from './stream-reader.ts';
import { whenDone } from './when-done.ts';

/**
 * A reader as a Web stream of bytes, which also takes the consumer's own buffers (BYOB).
 *
 * Nothing is read before somebody asks. Cancelling the stream closes the reader, with its connection; an error of the
 * reader is the stream's, and so is the cancellation by which the run ends.
 *
 * @param reader not to be read by others meanwhile
 * @throws {StateError} no loop runs
 * @see https://streams.spec.whatwg.org/#rbs-model
 */
export function toReadableStream(reader: StreamReader): ReadableStream<Uint8Array> {
  const loop = getRunningLoop();
  let reading: Future<Uint8Array> | null = null;
  let cancelled = false;

  /** Hands over what was read; empty bytes are the end. */
  function deliver(controller: ReadableByteStreamController, bytes: Uint8Array): void {
    reading = null;
    if (cancelled) return;
    if (bytes.length > 0) {
      // The stream takes the whole buffer for itself, which others may have their pieces in: those cannot be transferred.
      controller.enqueue(new Uint8Array(bytes));
    } else {
      controller.close();
      // A consumer's buffer that is waiting has to be given back, or its read would wait for ever.
      controller.byobRequest?.respond(0);
    }
  }

  return new ReadableStream({
    type: 'bytes',
    pull(controller) {
      const byteCount = controller.byobRequest?.view?.byteLength ?? DEFAULT_LIMIT;
      const task = loop.createTask(reader.read(byteCount), { name: 'toReadableStream', eagerStart: true });
      reading = task;
      const read = new Promise<Uint8Array>((resolve, reject) => whenDone(task, resolve, reject));
      return read.then((bytes) => deliver(controller, bytes));
    },
    cancel(reason) {
      cancelled = true;
      reading?.cancel(reason);
      reader.close(reason);
    },
  });
}
