import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { allTasks, coroutine, createTask, currentTask, wrapFuture } from '../../src/coroutines/index.ts';
import { CancelledError, type WriteTransport } from '../../src/interface/index.ts';
import { run } from '../../src/runtime/index.ts';
import {
  fromReadableStream,
  fromWritableStream,
  type StreamReader,
  type StreamWriter,
  toReadableStream,
  toWritableStream,
} from '../../src/streams/index.ts';
import { propertyRuns } from '../support/property-runs.ts';
import { openFake, rejection, type Steps, turns } from './fake-stream.ts';

type Transform = TransformStream<Uint8Array, Uint8Array>;
type AnyWriter = StreamWriter<WriteTransport>;

/** Ways from one reader to another that gives the same. */
const readerLinks: Record<string, (reader: StreamReader, limit: number) => StreamReader> = {
  web: (reader, limit) => fromReadableStream(toReadableStream(reader), { limit }),
  transformed: (reader, limit) =>
    fromReadableStream(toReadableStream(reader).pipeThrough(new TransformStream()), { limit }),
  zipped: (reader, limit) =>
    fromReadableStream(
      toReadableStream(reader)
        .pipeThrough(new CompressionStream('gzip') as Transform)
        .pipeThrough(new DecompressionStream('gzip') as Transform),
      { limit },
    ),
};

/** Ways from one writer to another whose bytes go the same way. */
const writerLinks: Record<string, (writer: AnyWriter) => AnyWriter> = {
  web: (writer) => fromWritableStream(toWritableStream(writer)),
  transformed: (writer) => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const piped = readable.pipeTo(toWritableStream(writer));
    const first = fromWritableStream(writable);
    const { end } = first;
    // The first half ends before the second.
    first.end = coroutine(function* () {
      yield* end.call(first);
      yield* wrapFuture(piped);
    });
    return first;
  },
};

const pieces = fc.array(fc.uint8Array({ minLength: 0, maxLength: 3000 }), { maxLength: 20 });

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** Feeds the pieces, a turn apart, with the reader's back-pressure. */
function feed(parts: readonly Uint8Array[]): StreamReader {
  const { reader, protocol, transport } = openFake({ limit: 500 });
  createTask(function* () {
    for (const part of parts) {
      while (!transport.isReading()) yield;
      protocol.dataReceived(part.slice());
      yield;
    }
    transport.end();
  });
  return reader;
}

/** A writer whose peer takes some bytes in every turn. */
function take(taken: number) {
  const { transport, writer } = openFake();
  transport.setWriteBufferLimits({ high: 1000 });
  const peer = createTask(function* () {
    for (;;) {
      transport.send(Math.min(taken, transport.getWriteBufferSize()));
      yield;
    }
  });
  return { transport, writer, peer };
}

function* copy(reader: StreamReader, writer: AnyWriter, byteCountMax: number): Steps {
  const chunks = reader.chunks(byteCountMax);
  for (;;) {
    const { done, value } = yield* chunks.next();
    if (done === true) break;
    yield* writer.write(value);
  }
  yield* writer.end();
}

async function copyByAwait(reader: StreamReader, writer: AnyWriter, byteCountMax: number): Promise<void> {
  for await (const chunk of reader.chunks(byteCountMax)) await writer.write(chunk);
  await writer.end();
}

describe('a chain of conversions', () => {
  it('passes on the same bytes, however they are cut', { timeout: 60_000 }, () =>
    fc.assert(
      fc.asyncProperty(
        pieces,
        fc.array(fc.constantFrom(...Object.keys(readerLinks)), { maxLength: 3 }),
        fc.array(fc.constantFrom(...Object.keys(writerLinks)), { maxLength: 3 }),
        fc.record({
          limit: fc.integer({ min: 1, max: 4000 }),
          chunk: fc.integer({ min: 1, max: 4000 }),
          taken: fc.integer({ min: 100, max: 4000 }),
          generator: fc.boolean(),
        }),
        (parts, reading, writing, { limit, chunk, taken, generator }) =>
          run(async () => {
            let reader = feed(parts);
            for (const link of reading) reader = readerLinks[link]?.(reader, limit) as StreamReader;
            const end = take(taken);
            let writer: AnyWriter = end.writer;
            for (const link of writing) writer = writerLinks[link]?.(writer) as AnyWriter;
            if (generator) await createTask(copy(reader, writer, chunk));
            else await copyByAwait(reader, writer, chunk);
            end.peer.cancel();
            assert.deepEqual(joined(end.transport.written), joined(parts));
            assert.equal(end.transport.eofWritten, true);
            end.writer.close();
          }),
      ),
      propertyRuns(40),
    ),
  );

  it('fills the buffers of its consumer with the same bytes', () =>
    fc.assert(
      fc.asyncProperty(
        pieces,
        fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1 }),
        (parts, sizes) =>
          run(async () => {
            const own = toReadableStream(feed(parts)).getReader({ mode: 'byob' });
            const read: Uint8Array[] = [];
            for (let i = 0; ; i += 1) {
              const { done, value } = await own.read(new Uint8Array(sizes[i % sizes.length] as number));
              if (done) break;
              read.push(value);
            }
            assert.deepEqual(joined(read), joined(parts));
          }),
      ),
      propertyRuns(30),
    ));

  it('cancelled anywhere, closes both ends and leaves no task and no lock', { timeout: 60_000 }, () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...Object.keys(readerLinks)), { minLength: 1, maxLength: 3 }),
        fc.array(fc.constantFrom('web'), { minLength: 1, maxLength: 3 }),
        fc.record({
          patience: fc.integer({ min: 2, max: 60 }),
          taken: fc.constantFrom(0, 100, 4000),
          generator: fc.boolean(),
        }),
        (reading, writing, { patience, taken, generator }) =>
          run(async () => {
            const from = openFake({ limit: 500 });
            const feeding = createTask(function* () {
              for (;;) {
                if (from.transport.isReading()) from.protocol.dataReceived(new Uint8Array(300));
                yield;
              }
            });
            const to = take(taken);
            let reader = from.reader;
            for (const link of reading) reader = readerLinks[link]?.(reader, 1000) as StreamReader;
            let writer: AnyWriter = to.writer;
            for (const link of writing) writer = writerLinks[link]?.(writer) as AnyWriter;
            const copying = createTask(
              generator
                ? function* () {
                    try {
                      yield* copy(reader, writer, 700);
                    } finally {
                      reader.close();
                      writer.abort();
                    }
                  }
                : async () => {
                    using _reading = reader;
                    await using _writing = writer;
                    await copyByAwait(reader, writer, 700);
                  },
            );
            for (let i = 0; i < patience; i += 1)
              await createTask(function* () {
                yield;
              });
            copying.cancel();
            // Closing waits for the peer, who may take nothing; a second cancellation ends that too.
            await turns();
            copying.cancel();
            const error = await rejection(copying);
            // Of two cancellations, one in the body and one in its cleaning up, the language makes an error of its own.
            assert.ok(
              error instanceof CancelledError || (error as Error).name === 'SuppressedError',
              `${error}`,
            );
            await turns(20);
            feeding.cancel();
            to.peer.cancel();
            await turns();
            assert.equal(from.transport.isClosing(), true);
            // Closed in good order it is in one direction, and altogether when the peer has ended the other.
            if (to.transport.eofWritten) to.transport.end();
            assert.equal(to.transport.isClosing(), true);
            await turns();
            assert.deepEqual([...allTasks()].filter((task) => task !== currentTask()).map(String), []);
          }),
      ),
      propertyRuns(40),
    ),
  );

  it('holds no more than its limits while nobody takes anything', () =>
    run(async () => {
      const { reader, transport, protocol } = openFake({ limit: 1000 });
      let fed = 0;
      const feeding = createTask(function* () {
        for (;;) {
          if (transport.isReading()) {
            protocol.dataReceived(new Uint8Array(100));
            fed += 100;
          }
          yield;
        }
      });
      const { writer } = openFake();
      writer.transport.setWriteBufferLimits({ high: 1000 });
      const copying = createTask(
        copyByAwait.bind(
          null,
          fromReadableStream(toReadableStream(reader), { limit: 1000 }),
          fromWritableStream(toWritableStream(writer)),
          100,
        ),
      );
      let before = -1;
      while (before !== fed) {
        before = fed;
        for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
      }
      assert.ok(fed < 10_000, `${fed} bytes were taken in`);
      feeding.cancel();
      copying.cancel();
    }));
});
