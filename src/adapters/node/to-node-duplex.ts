import { Duplex } from 'node:stream';
import type { WriteTransport } from '../../interface/index.ts';
import type { StreamReader, StreamWriter } from '../../streams/index.ts';
import { NodeReading } from './node-reading.ts';
import { NodeWriting } from './node-writing.ts';
import type { NodeStreamOptions } from './to-node-writable.ts';

/**
 * A connection as a Node stream, like a `net.Socket` with `allowHalfOpen`: each direction ends on its own, and with the
 * second one the connection is closed. Otherwise as `toNodeReadable` and `toNodeWritable`.
 *
 * @throws {StateError} no loop runs
 */
export function toNodeDuplex(
  { reader, writer }: { reader: StreamReader; writer: StreamWriter<WriteTransport> },
  options: NodeStreamOptions = {},
): Duplex {
  const reading = new NodeReading(reader, 'toNodeDuplex');
  const writing = new NodeWriting(writer, 'toNodeDuplex');
  const duplex = new Duplex({
    ...options,
    read(byteCount) {
      reading.read(this, byteCount);
    },
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
      if (reading.ended && writing.finished) {
        writer.close();
      } else {
        writer.abort(error ?? undefined);
        reading.destroy(error);
      }
      callback(error);
    },
  });
  // Closed in good order from our side, there may still be something to read.
  writing.watch(duplex, () => {});
  return duplex;
}
