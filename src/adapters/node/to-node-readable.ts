import { Readable } from 'node:stream';
import type { StreamReader } from '../../streams/index.ts';
import { NodeReading } from './node-reading.ts';
import type { NodeStreamOptions } from './to-node-writable.ts';

/**
 * A reader as a Node stream.
 *
 * Destroying the stream before its end closes the reader, with its connection; an error of the reader destroys the
 * stream with that error. The end of the run destroys it without one.
 *
 * @param reader not to be read by others meanwhile
 * @throws {StateError} no loop runs
 */
export function toNodeReadable(reader: StreamReader, options: NodeStreamOptions = {}): Readable {
  const reading = new NodeReading(reader, 'toNodeReadable');
  return new Readable({
    ...options,
    read(byteCount) {
      reading.read(this, byteCount);
    },
    destroy(error, callback) {
      reading.destroy(error);
      callback(error);
    },
  });
}
