import { Writable } from 'node:stream';
import type { WriteTransport } from '../../interface/index.ts';
import type { StreamWriter } from '../../streams/index.ts';
import { NodeWriting } from './node-writing.ts';

export interface NodeStreamOptions {
  /** bytes that Node's stream buffers itself before it says that this is enough; Node's default unless given */
  highWaterMark?: number | undefined;
}

/**
 * A writer as a Node stream.
 *
 * A write is called back when the writer wants more. Ending the stream ends this direction of the connection once
 * everything is sent (the whole connection once the peer has ended the other one too, as `writer.end()`); destroying it
 * before aborts the connection. The loss of the connection destroys the stream, at once and with the same error; the end
 * of the run does without one.
 *
 * @throws {StateError} no loop runs
 */
export function toNodeWritable(
  writer: StreamWriter<WriteTransport>,
  options: NodeStreamOptions = {},
): Writable {
  const writing = new NodeWriting(writer, 'toNodeWritable');
  const writable = new Writable({
    ...options,
    write(chunk: Buffer, _encoding, callback) {
      writing.write(this, Buffer.from(chunk), callback);
    },
    writev(chunks: { chunk: Buffer }[], callback) {
      writing.write(this, Buffer.concat(chunks.map(({ chunk }) => chunk)), callback);
    },
    final(callback) {
      writing.final(this, callback);
    },
    destroy(error, callback) {
      writing.destroy(error);
      callback(error);
    },
  });
  writing.watch(writable, () => {
    if (!writable.writableEnded) writable.destroy();
  });
  return writable;
}
