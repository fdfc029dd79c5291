import { coroutine } from '../coroutines/index.ts';
import { type Coroutine, type EventLoop, StateError, type WriteTransport } from '../interface/index.ts';
import { getRunningLoop } from '../loop/index.ts';
import { copyData } from './copy-data.ts';
import type { StreamWriter } from './stream-writer.ts';
import { whenDone } from './when-done.ts';

/**
 * A writer as a Web stream that takes bytes in any view, and text for its UTF-8.
 *
 * It wants more when the writer does. Closing it ends this direction of the connection once everything is sent (the
 * whole connection once the peer has ended the other one too, as `writer.end()`); aborting it aborts the connection.
 * The loss of the connection is the stream's error, at once, and so is the cancellation by which the run ends.
 *
 * @throws {StateError} no loop runs
 * @see https://streams.spec.whatwg.org/#ws-model
 */
export function toWritableStream(
  writer: StreamWriter<WriteTransport>,
): WritableStream<ArrayBufferView | ArrayBuffer | string> {
  const loop = getRunningLoop();
  let closing = false;

  return new WritableStream({
    start(controller) {
      // A write that waits for the peer would hold up `abort`, which the stream calls only after it.
      controller.signal.addEventListener('abort', () => writer.abort(controller.signal.reason), {
        once: true,
      });
      whenDone(
        loop.createTask(writer.waitClosed(), { name: 'toWritableStream' }),
        () => {
          if (!closing)
            controller.error(new StateError('ERR_STREAM_CLOSED', 'Cannot write: the stream is closed'));
        },
        (error) => controller.error(error),
      );
    },
    async write(chunk) {
      try {
        await inTask(loop, send(writer, copyData(chunk)));
      } catch (error) {
        // The stream is of no use after this, and nobody is told to abort it.
        writer.abort(error);
        throw error;
      }
    },
    close() {
      closing = true;
      return inTask(loop, writer.end());
    },
  });
}

const send = coroutine(function* send(writer: StreamWriter<WriteTransport>, bytes: Uint8Array) {
  // Others may have filled the writer, whose hard cap is no reason to fail here.
  yield* writer.drain();
  yield* writer.write(bytes);
});

function inTask(loop: EventLoop, work: Coroutine<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    whenDone(loop.createTask(work, { name: 'toWritableStream', eagerStart: true }), resolve, reject);
  });
}
