import assert from 'node:assert/strict';
import { createConnection, createServer, type Socket } from 'node:net';
import { Duplex, PassThrough, Readable, Writable } from 'node:stream';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  fromNodeReadable,
  fromNodeWritable,
  toNodeDuplex,
  toNodeReadable,
  toNodeWritable,
} from '../../../src/adapters/node/index.ts';
import { allTasks, createTask, currentTask, wrapFuture } from '../../../src/coroutines/index.ts';
import { CancelledError, type InternetAddress, type WriteTransport } from '../../../src/interface/index.ts';
import { run } from '../../../src/runtime/index.ts';
import {
  fromReadableStream,
  fromWritableStream,
  openConnection,
  StreamReader,
  type StreamWriter,
  startServer,
  toReadableStream,
  toWritableStream,
} from '../../../src/streams/index.ts';
import { openFake, rejection, test, text, turns } from '../../streams/fake-stream.ts';
import { propertyRuns } from '../../support/property-runs.ts';

type AnyWriter = StreamWriter<WriteTransport>;

/** Ways from one reader to another that gives the same. */
const readerLinks: Record<string, (reader: StreamReader, limit: number) => StreamReader> = {
  node: (reader, limit) => fromNodeReadable(toNodeReadable(reader), { limit }),
  'node, few bytes': (reader, limit) =>
    fromNodeReadable(toNodeReadable(reader, { highWaterMark: 10 }), { limit }),
  'node, through': (reader, limit) =>
    fromNodeReadable(toNodeReadable(reader).pipe(new PassThrough()), { limit }),
  'node as web': (reader, limit) =>
    fromReadableStream(Readable.toWeb(toNodeReadable(reader)) as ReadableStream<Uint8Array>, { limit }),
  web: (reader, limit) => fromReadableStream(toReadableStream(reader), { limit }),
  'web as node': (reader, limit) =>
    fromNodeReadable(Readable.fromWeb(toReadableStream(reader) as Parameters<typeof Readable.fromWeb>[0]), {
      limit,
    }),
};

/** Ways from one writer to another whose bytes go the same way. */
const writerLinks: Record<string, (writer: AnyWriter) => AnyWriter> = {
  node: (writer) => fromNodeWritable(toNodeWritable(writer)),
  'node, few bytes': (writer) => fromNodeWritable(toNodeWritable(writer, { highWaterMark: 10 })),
  duplex: (writer) => {
    const reader = new StreamReader();
    reader.feedEof();
    return fromNodeWritable(toNodeDuplex({ reader, writer }).resume());
  },
  web: (writer) => fromWritableStream(toWritableStream(writer)),
  'web as node': (writer) =>
    fromNodeWritable(Writable.fromWeb(toWritableStream(writer) as Parameters<typeof Writable.fromWeb>[0])),
  'node as web': (writer) =>
    fromWritableStream(Writable.toWeb(toNodeWritable(writer)) as WritableStream<Uint8Array>),
};

/** Bytes in which any two places are told apart. */
function pattern(byteCount: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(byteCount / 4));
  for (let i = 0; i < words.length; i += 1) words[i] = Math.imul(i, 2654435761);
  return new Uint8Array(words.buffer, 0, byteCount);
}

describe('a chain of conversions to and from Node', () => {
  it('passes on the same bytes, however they are cut', { timeout: 60_000 }, () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 20 }),
        fc.array(fc.constantFrom(...Object.keys(readerLinks)), { maxLength: 3 }),
        fc.array(fc.constantFrom(...Object.keys(writerLinks)), { maxLength: 3 }),
        fc.record({
          limit: fc.integer({ min: 1, max: 4000 }),
          chunk: fc.integer({ min: 1, max: 4000 }),
          taken: fc.integer({ min: 100, max: 4000 }),
        }),
        (parts, reading, writing, { limit, chunk, taken }) =>
          run(async () => {
            const from = openFake({ limit: 500 });
            createTask(function* () {
              for (const part of parts) {
                while (!from.transport.isReading()) yield;
                from.protocol.dataReceived(part.slice());
                yield;
              }
              from.transport.end();
            });
            const to = openFake();
            to.transport.setWriteBufferLimits({ high: 1000 });
            const peer = createTask(function* () {
              for (;;) {
                to.transport.send(Math.min(taken, to.transport.getWriteBufferSize()));
                yield;
              }
            });
            let reader: StreamReader = from.reader;
            for (const link of reading) reader = readerLinks[link]?.(reader, limit) as StreamReader;
            let writer: AnyWriter = to.writer;
            for (const link of writing) writer = writerLinks[link]?.(writer) as AnyWriter;
            for await (const piece of reader.chunks(chunk)) await writer.write(piece);
            await writer.end();
            while (!to.transport.eofWritten && !to.transport.isClosing()) await turns(1);
            while (to.transport.getWriteBufferSize() > 0) await turns(1);
            peer.cancel();
            assert.deepEqual(Buffer.concat(to.transport.written), Buffer.concat(parts));
          }),
      ),
      propertyRuns(40),
    ),
  );

  // Of our own links only: `pipe` destroys nothing, and Node's own conversions hand on an abort when the write under way is
  // done, or (Node 20) throw where nobody can catch it.
  it('cancelled anywhere, closes both ends and leaves no task', { timeout: 60_000 }, () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('node', 'node, few bytes', 'web'), { minLength: 1, maxLength: 3 }),
        fc.array(fc.constantFrom('node', 'node, few bytes', 'duplex', 'web'), { minLength: 1, maxLength: 3 }),
        fc.record({ patience: fc.integer({ min: 2, max: 60 }), taken: fc.constantFrom(0, 100, 4000) }),
        (reading, writing, { patience, taken }) =>
          run(async () => {
            const from = openFake({ limit: 500 });
            const to = openFake();
            to.transport.setWriteBufferLimits({ high: 1000 });
            const busy = createTask(function* () {
              for (;;) {
                if (from.transport.isReading()) from.protocol.dataReceived(new Uint8Array(300));
                to.transport.send(Math.min(taken, to.transport.getWriteBufferSize()));
                yield;
              }
            });
            let reader: StreamReader = from.reader;
            for (const link of reading) reader = readerLinks[link]?.(reader, 1000) as StreamReader;
            let writer: AnyWriter = to.writer;
            for (const link of writing) writer = writerLinks[link]?.(writer) as AnyWriter;
            const copying = createTask(function* () {
              try {
                for (const pieces = reader.chunks(700); ; ) {
                  const { value } = yield* pieces.next();
                  if (value !== undefined) yield* writer.write(value);
                }
              } finally {
                reader.close();
                writer.abort();
              }
            });
            await turns(patience);
            copying.cancel();
            assert.ok((await rejection(copying)) instanceof CancelledError);
            await turns(20);
            busy.cancel();
            await turns();
            assert.deepEqual([from.transport.isClosing(), to.transport.isClosing()], [true, true]);
            assert.deepEqual([...allTasks()].filter((task) => task !== currentTask()).map(String), []);
          }),
      ),
      propertyRuns(40),
    ),
  );
});

describe('sockets of Node and ours', () => {
  test('talk as a Duplex over one of ours', async () => {
    const data = pattern(3_000_000);
    const server = await startServer(
      (reader, writer) => {
        const duplex = toNodeDuplex({ reader, writer });
        duplex.pipe(duplex);
      },
      { host: '127.0.0.1' },
    );
    const { host, port } = server.sockets[0] as InternetAddress;
    const duplex = toNodeDuplex(await openConnection({ host, port }));
    assert.ok(duplex instanceof Duplex);
    duplex.end(data);
    assert.deepEqual(new Uint8Array(Buffer.concat(await duplex.toArray())), data);
    server.close();
    await server.waitClosed(); // both sides have closed, nobody had to
  });

  test('talk as a reader and a writer over one of Node', function* () {
    const data = pattern(3_000_000);
    const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
    yield* wrapFuture(new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve)));
    const { port } = server.address() as { port: number };
    const socket = createConnection({ port, host: '127.0.0.1', allowHalfOpen: true });
    const reader = fromNodeReadable(socket);
    const writer = fromNodeWritable(socket);
    const writing = createTask(function* () {
      for (let i = 0; i < data.length; i += 100_000) yield* writer.write(data.subarray(i, i + 100_000));
      yield* writer.end();
    });
    assert.deepEqual(yield* reader.read(), data);
    yield* writing;
    yield* wrapFuture(new Promise<void>((resolve) => void server.close(() => resolve())));
  });

  test('hold up who writes while the peer reads nothing, and let go by cancellation', async () => {
    let peer: Socket | undefined;
    const server = createServer((socket) => {
      peer = socket.pause();
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const { reader, writer } = await openConnection({ host: '127.0.0.1', port });
    const duplex = toNodeDuplex({ reader, writer });
    let written = 0;
    const task = createTask(async () => {
      const through = fromNodeWritable(duplex);
      try {
        for (;;) {
          await through.write(new Uint8Array(100_000));
          written += 100_000;
        }
      } finally {
        through.abort();
      }
    });
    let before = -1;
    while (before !== written || writer.transport.getWriteBufferSize() === 0) {
      before = written;
      await turns(20);
    }
    assert.ok(writer.transport.getWriteBufferSize() < 1_000_000);
    task.cancel();
    assert.ok((await rejection(task)) instanceof CancelledError);
    await writer.waitClosed();
    assert.equal(duplex.destroyed, true);
    const ended = new Promise<void>((resolve) => void server.close(() => resolve()));
    peer?.on('error', () => {}).resume();
    await ended;
  });

  test('carry lines in both spellings', async () => {
    const server = await startServer(
      function* (reader, writer) {
        const lines = fromNodeReadable(toNodeReadable(reader))[Symbol.asyncIterator]();
        const upper = fromNodeWritable(toNodeWritable(writer));
        for (;;) {
          const { done, value } = yield* lines.next();
          if (done === true) break;
          yield* upper.write(text(value).toUpperCase());
        }
        yield* upper.end();
      },
      { host: '127.0.0.1' },
    );
    const { host, port } = server.sockets[0] as InternetAddress;
    const { reader, writer } = await openConnection({ host, port });
    await writer.write('one\ntwo\n');
    assert.equal(text(await reader.readLine()), 'ONE\n');
    await writer.end();
    const rest: string[] = [];
    for await (const line of reader) rest.push(text(line));
    assert.deepEqual(rest, ['TWO\n']);
    await writer.waitClosed();
    server.close();
    await server.waitClosed();
  });
});
