import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { coroutine, createTask, gather, sleep, type Task, wrapFuture } from '../../src/coroutines/index.ts';
import {
  CancelledError,
  type ExceptionContext,
  type InternetAddress,
  isCancellation,
  LoopError,
  type Server,
  type ServerOptions,
  type StreamProtocol,
  type Suspension,
  SystemError,
  type Waitable,
} from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { run } from '../../src/runtime/index.ts';
import {
  type ClientHandler,
  fromReadableStream,
  fromWritableStream,
  openConnection,
  openUnixConnection,
  type Stream,
  type StreamReader,
  StreamReaderProtocol,
  type StreamWriter,
  startServer,
  startUnixServer,
  toReadableStream,
  toWritableStream,
} from '../../src/streams/index.ts';
import { collectGarbage } from '../support/collect-garbage.ts';
import { hostStandsStill, type LoopKind } from './kinds.ts';

type Steps<T = void> = Generator<Suspension, T, unknown>;

const highWater = 64 * 1024;

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function text(data: Uint8Array): string {
  return new TextDecoder().decode(data);
}

/** Bytes in which any two places are told apart. */
function pattern(byteCount: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(byteCount / 4));
  for (let i = 0; i < words.length; i += 1) words[i] = Math.imul(i, 2654435761);
  return new Uint8Array(words.buffer, 0, byteCount);
}

interface Serving {
  server: Server;
  /** where to connect to */
  address: { host: string; port: number; limit?: number };
  /** what the loop reported since */
  reports: ExceptionContext[];
}

function* serve(onClient: ClientHandler, options?: { limit?: number }): Steps<Serving> {
  const reports: ExceptionContext[] = [];
  getRunningLoop().setExceptionHandler((_loop, context) => void reports.push(context));
  const server = yield* startServer(onClient, { host: '127.0.0.1', port: 0, ...options });
  const { host, port } = server.sockets[0] as InternetAddress;
  return { server, address: { host, port }, reports };
}

/** Ends when the last connection has, on the server's side too: what leaks a connection times out here. */
function* finish({ server, reports }: Serving): Steps {
  server.close();
  yield* server.waitClosed();
  assert.deepEqual(reports, []);
}

/** A handler that lets the test have the server's half, and a coroutine that gives it. */
function acceptor(): { onClient: ClientHandler; accepted(): Steps<Stream> } {
  const streams: Stream[] = [];
  return {
    onClient: (reader, writer) => void streams.push({ reader, writer }),
    *accepted() {
      for (;;) {
        const stream = streams.shift();
        if (stream !== undefined) return stream;
        yield* sleep(0);
      }
    },
  };
}

function* rejection(wait: Waitable<unknown>): Steps<unknown> {
  try {
    yield* wait;
  } catch (error) {
    return error;
  }
  return assert.fail('nothing was thrown');
}

function* echo(reader: StreamReader, writer: StreamWriter): Steps {
  try {
    for (;;) {
      const data = yield* reader.read(1000);
      if (data.length === 0) break;
      yield* writer.write(data);
    }
  } finally {
    writer.close();
  }
}

/** Both halves of the stream end; what is lost on the way is no matter. */
function* discard({ writer }: Stream): Steps {
  writer.transport.abort();
  yield* writer.waitClosed();
}

/**
 * What streams promise over real sockets, on whatever driver.
 *
 * @param kind the driver, and who turns it
 */
export function testStreams(kind: LoopKind): void {
  function test(name: string, main: () => Steps): void {
    it(name, { timeout: 20_000 }, () => run(main, kind.options));
  }

  describe(`streams on the ${kind} loop`, () => {
    test('tell on which free port a server listens, given port 0 or none (B-UV-016)', function* () {
      for (const options of [{ port: 0 }, {}]) {
        const server = yield* startServer(() => {}, { host: '127.0.0.1', ...options });
        const { host, port } = server.sockets[0] as InternetAddress;
        assert.equal(host, '127.0.0.1');
        assert.ok(port > 0);
        yield* discard(yield* openConnection({ host, port }));
        yield* server.stop();
      }
    });

    test('carry lines there and back, in coroutines', function* () {
      const serving = yield* serve(function* (reader, writer) {
        for (;;) {
          const line = yield* reader.readLine();
          if (line.length === 0) break;
          yield* writer.write(text(line).toUpperCase());
        }
        writer.close();
      });
      const { reader, writer } = yield* openConnection(serving.address);
      for (const line of ['one\n', 'two →\n']) {
        yield* writer.write(line);
        assert.equal(text(yield* reader.readLine()), line.toUpperCase());
      }
      yield* writer.writelines(['a', bytes('b'), '\n']);
      assert.equal(text(yield* reader.readLine()), 'AB\n');
      writer.close();
      yield* writer.waitClosed();
      yield* finish(serving);
    });

    it('carry lines there and back, in async functions (B-P492-001)', { timeout: 20_000 }, () =>
      run(async () => {
        const server = await startServer(
          async (reader, writer) => {
            await using _closing = writer;
            for await (const line of reader) await writer.write(text(line).toUpperCase());
          },
          { host: '127.0.0.1' },
        );
        const { host, port } = server.sockets[0] as InternetAddress;
        const { reader, writer } = await openConnection({ host, port });
        await writer.write('one\ntwo\nlast');
        writer.writeEof();
        const lines: string[] = [];
        for await (const line of reader) lines.push(text(line));
        assert.deepEqual(lines, ['ONE\n', 'TWO\n', 'LAST']);
        writer.close();
        await writer.waitClosed();
        server.close();
        await server.waitClosed();
      }, kind.options),
    );

    test('know both ends of the connection', function* () {
      const { onClient, accepted } = acceptor();
      const serving = yield* serve(onClient);
      const near = yield* openConnection(serving.address);
      const far = yield* accepted();
      assert.deepEqual(near.writer.getExtraInfo('peername'), far.writer.getExtraInfo('sockname'));
      assert.deepEqual(near.writer.getExtraInfo('sockname'), far.writer.getExtraInfo('peername'));
      const { host, port } = near.writer.getExtraInfo('peername') as InternetAddress;
      assert.deepEqual({ host, port }, serving.address);
      yield* discard(near);
      yield* discard(far);
      yield* finish(serving);
    });

    test('call a plain handler when the connection is made, and go on with it afterwards (B-STR-021)', function* () {
      let current: Task<unknown> | null = null;
      const serving = yield* serve((reader, writer) => {
        writer.writeNow('hello\n');
        current = createTask(function* () {
          yield* echo(reader, writer);
        });
      });
      const near = yield* openConnection(serving.address);
      assert.equal(text(yield* near.reader.readLine()), 'hello\n');
      yield* near.writer.write('and back\n');
      assert.equal(text(yield* near.reader.readLine()), 'and back\n');
      near.writer.close();
      yield* current as unknown as Task<unknown>;
      yield* finish(serving);
    });

    test('stay open in one direction when the other has ended', function* () {
      const serving = yield* serve(function* (reader, writer) {
        const request = yield* reader.read();
        yield* writer.write(`got ${request.length}`);
        writer.close();
      });
      const { reader, writer } = yield* openConnection(serving.address);
      yield* writer.write(pattern(100_000));
      assert.equal(writer.canWriteEof(), true);
      writer.writeEof();
      assert.equal(text(yield* reader.read()), 'got 100000');
      assert.equal(reader.atEof(), true);
      writer.close();
      yield* finish(serving);
    });

    test('give exactly the bytes asked for, also far beyond the limit (B-STR-009)', function* () {
      const { onClient, accepted } = acceptor();
      const serving = yield* serve(onClient, { limit: 1000 });
      const near = yield* openConnection(serving.address);
      const far = yield* accepted();
      const sent = pattern(3_000_000);
      const writing = createTask(function* () {
        yield* near.writer.write(sent);
      });
      assert.deepEqual(yield* far.reader.readExactly(2_999_999), sent.slice(0, -1));
      assert.deepEqual(yield* far.reader.readExactly(1), sent.slice(-1));
      yield* writing;
      yield* discard(near);
      yield* discard(far);
      yield* finish(serving);
    });

    test('take their limit from either side (B-STR-004, B-STR-013)', function* () {
      const { onClient, accepted } = acceptor();
      const serving = yield* serve(onClient, { limit: 4 });
      const near = yield* openConnection({ ...serving.address, limit: 5 });
      const far = yield* accepted();
      assert.deepEqual([near.reader.limit, far.reader.limit], [5, 4]);
      far.writer.writeNow('12345\n123456\n');
      assert.equal(text(yield* near.reader.readLine()), '12345\n');
      assert.ok((yield* rejection(near.reader.readLine())) instanceof RangeError);
      yield* discard(near);
      yield* discard(far);
      yield* finish(serving);
      assert.throws(() => openConnection({ ...serving.address, limit: 0 }), RangeError);
    });

    test('leave the reader at its end when the writer was closed (B-STR-023)', function* () {
      const serving = yield* serve(echo);
      const { reader, writer } = yield* openConnection(serving.address);
      yield* writer.write('x');
      assert.equal(text(yield* reader.read(1)), 'x');
      writer.close();
      yield* writer.waitClosed();
      assert.equal(reader.atEof(), true);
      assert.deepEqual(yield* reader.read(), new Uint8Array(0));
      yield* finish(serving);
    });

    test('end a read that waits when the writer is closed (B-STR-023)', function* () {
      const serving = yield* serve(echo);
      const { reader, writer } = yield* openConnection(serving.address);
      const read = createTask(reader.readLine());
      yield;
      writer.close();
      assert.deepEqual(yield* read, new Uint8Array(0));
      yield* finish(serving);
    });

    test('close in good order with data that nobody has read (B-STR-022)', function* () {
      const serving = yield* serve(function* (_reader, writer) {
        yield* writer.write('a\nb\nc\n');
        writer.close();
        yield* writer.waitClosed();
      });
      const { reader, writer } = yield* openConnection(serving.address);
      assert.equal(text(yield* reader.readLine()), 'a\n');
      writer.close();
      yield* writer.waitClosed();
      yield* finish(serving);
    });

    test('send everything that was written before close (B-STR-022)', function* () {
      const { onClient, accepted } = acceptor();
      const serving = yield* serve(onClient);
      const near = yield* openConnection(serving.address);
      const far = yield* accepted();
      const sent = pattern(5_000_000);
      near.writer.writeNow(sent);
      near.writer.close();
      const closed = createTask(near.writer.waitClosed());
      assert.deepEqual(yield* far.reader.read(), sent);
      yield* closed;
      far.writer.close();
      yield* finish(serving);
    });

    describe('when the peer resets the connection', () => {
      /** A connection that the peer has closed with data it has not read, which the kernel answers by a reset. */
      function* openReset(): Steps<{ serving: Serving; near: Stream }> {
        const { onClient, accepted } = acceptor();
        const serving = yield* serve(onClient, { limit: 1 });
        const near = yield* openConnection(serving.address);
        const far = yield* accepted();
        // The peer stops reading at its limit; what comes then stays in its kernel.
        near.writer.writeNow(pattern(1000));
        while (far.writer.transport.isReading()) yield* sleep(0);
        near.writer.writeNow(pattern(1000));
        while (near.writer.transport.getWriteBufferSize() > 0) yield* sleep(0);
        yield* discard(far);
        return { serving, near };
      }

      test('waitClosed throws the error, and so does a read (B-STR-022)', function* () {
        const { serving, near } = yield* openReset();
        const error = yield* rejection(near.writer.waitClosed());
        assert.ok(error instanceof SystemError && /^(ECONNRESET|EPIPE)$/.test(error.code));
        assert.equal(yield* rejection(near.reader.read()), error);
        assert.equal(near.reader.exception(), error);
        yield* finish(serving);
      });

      test('drain and awaited writes throw, also in a tight loop (B-STR-018, B-STR-019)', function* () {
        for (const writeOnce of [
          function* (writer: StreamWriter) {
            writer.writeNow('x');
            yield* writer.drain();
          },
          function* (writer: StreamWriter) {
            yield* writer.write('x');
            // An idle socket takes writes as long as the reset has not arrived: let it.
            yield;
          },
        ]) {
          const { serving, near } = yield* openReset();
          let error: unknown = null;
          while (error === null) {
            try {
              yield* writeOnce(near.writer);
              if (!near.writer.isClosing()) yield* sleep(0);
            } catch (thrown) {
              error = thrown;
            }
          }
          assert.ok(error instanceof SystemError && /^(ECONNRESET|EPIPE)$/.test(error.code));
          assert.equal(yield* rejection(near.writer.drain()), error);
          yield* finish(serving);
        }
      });

      test('writes and an end that nobody waits for are not reported', function* () {
        const { serving, near } = yield* openReset();
        while (!near.writer.isClosing()) {
          near.writer.writeNow('x');
          yield* sleep(0);
        }
        for (let i = 0; i < 5; i += 1) yield;
        yield* finish(serving);
      });
    });

    describe('back-pressure', () => {
      test('holds up an awaited write until the peer reads, and any number of them (B-STR-017)', function* () {
        const { onClient, accepted } = acceptor();
        const serving = yield* serve(onClient);
        const near = yield* openConnection(serving.address);
        const far = yield* accepted();
        const chunk = pattern(highWater);
        let written = 0;
        // Until the kernel's buffers and ours are full, on both sides.
        let waiting: Task<void> | null = null;
        while (waiting === null) {
          const write = near.writer.write(chunk);
          written += chunk.length;
          const waited = createTask(function* () {
            yield* write;
          });
          for (let i = 0; i < 20 && !waited.done(); i += 1) yield* sleep(0);
          if (!waited.done()) waiting = waited;
        }
        const drains = [waiting, ...[1, 2, 3].map(() => createTask(near.writer.drain()))];
        const { low, high } = near.writer.transport.getWriteBufferLimits();
        yield* sleep(0);
        assert.ok(near.writer.transport.getWriteBufferSize() > low);
        assert.ok(near.writer.transport.getWriteBufferSize() <= high + chunk.length);
        assert.deepEqual(
          drains.map((drain) => drain.done()),
          [false, false, false, false],
        );
        near.writer.writeEof();
        let read = 0;
        for (;;) {
          const data = yield* far.reader.read(highWater);
          if (data.length === 0) break;
          read += data.length;
        }
        yield* gather(drains);
        assert.equal(read, written);
        yield* discard(near);
        yield* discard(far);
        yield* finish(serving);
      });

      test('bounds the memory of a slow reader by twice the limit and one read (B-STR-014)', function* () {
        const { onClient, accepted } = acceptor();
        const limit = 10_000;
        const serving = yield* serve(onClient, { limit });
        const near = yield* openConnection(serving.address);
        const { reader, writer } = yield* accepted();
        let mostBuffered = 0;
        let longestRead = 0;
        const feedData = reader.feedData.bind(reader);
        reader.feedData = (data) => {
          longestRead = Math.max(longestRead, data.length);
          feedData(data);
          mostBuffered = Math.max(mostBuffered, reader.bufferedBytes);
        };
        const sent = pattern(16 * 1024 * 1024);
        let mostUnsent = 0;
        const sending = createTask(function* () {
          for (let at = 0; at < sent.length; at += highWater) {
            yield* near.writer.write(sent.subarray(at, at + highWater));
            mostUnsent = Math.max(mostUnsent, near.writer.transport.getWriteBufferSize());
          }
          near.writer.writeEof();
        });
        while (writer.transport.isReading()) yield* sleep(0);
        // Not one byte more comes while nobody reads.
        const buffered = reader.bufferedBytes;
        for (let i = 0; i < 50; i += 1) {
          yield* sleep(0);
          assert.equal(reader.bufferedBytes, buffered);
        }
        let at = 0;
        for (let byteCount = 1; ; byteCount = (byteCount * 3) % 49_999) {
          const data = yield* reader.read(byteCount);
          if (data.length === 0) break;
          assert.equal(Buffer.compare(data, sent.subarray(at, at + data.length)), 0);
          at += data.length;
        }
        assert.equal(at, sent.length);
        assert.ok(mostBuffered > 2 * limit, `${mostBuffered} bytes buffered`);
        assert.ok(mostBuffered <= 2 * limit + longestRead, `${mostBuffered} bytes buffered`);
        assert.ok(mostUnsent <= highWater, `${mostUnsent} bytes unsent after a write was awaited`);
        yield* sending;
        yield* discard(near);
        yield* discard({ reader, writer });
        yield* finish(serving);
      });

      test('refuses what nobody waits for at a hard cap', function* () {
        const { onClient, accepted } = acceptor();
        const serving = yield* serve(onClient);
        const near = yield* openConnection(serving.address);
        const far = yield* accepted();
        far.writer.transport.pauseReading();
        const chunk = pattern(1024 * 1024);
        let error: unknown = null;
        while (error === null) {
          try {
            near.writer.writeNow(chunk);
          } catch (thrown) {
            error = thrown;
          }
          yield;
        }
        assert.ok(error instanceof LoopError);
        assert.equal(error.code, 'ERR_WRITE_BUFFER_FULL');
        assert.ok(near.writer.transport.getWriteBufferSize() <= 64 * highWater + chunk.length);
        yield* discard(near);
        yield* discard(far);
        yield* finish(serving);
      });
    });

    describe('a client handler', () => {
      test('that fails is reported with its transport, which is closed', function* () {
        const failure = new Error('failed');
        for (const fail of [
          function* (reader: StreamReader) {
            yield* reader.readLine();
            throw failure;
          },
          async (reader: StreamReader) => {
            await reader.readLine();
            throw failure;
          },
        ] as ClientHandler[]) {
          let transport: object | null = null;
          const serving = yield* serve((reader, writer) => {
            transport = writer.transport;
            return fail(reader, writer);
          });
          const { reader, writer } = yield* openConnection(serving.address);
          yield* writer.write('go\n');
          assert.deepEqual(yield* reader.read(), new Uint8Array(0));
          writer.close();
          serving.server.close();
          yield* serving.server.waitClosed();
          assert.equal(serving.reports.length, 1);
          assert.equal(serving.reports[0]?.exception, failure);
          assert.equal(serving.reports[0]?.transport, transport);
        }
      });
    });

    describe('cancelling the task that opens a connection', () => {
      /** Cancels `opening()` so many turns after its connection was made, when at the latest. */
      function* cancelAfterMade(opening: () => Task<unknown>, turns: number): Steps {
        const { connectionMade } = StreamReaderProtocol.prototype;
        const loop = getRunningLoop();
        let opened: Task<unknown> | null = null;
        StreamReaderProtocol.prototype.connectionMade = function (transport) {
          connectionMade.call(this, transport);
          // The server's side makes protocols of the same class.
          if (this.transport?.getExtraInfo('peername') === null || this.reader.limit !== 77) return;
          let left = turns;
          const cancel = () => {
            if (left-- > 0) loop.callSoon(cancel);
            else opened?.cancel();
          };
          cancel();
        };
        try {
          opened = opening();
          const [outcome] = yield* gather([opened], { returnExceptions: true });
          assert.ok(outcome instanceof CancelledError, String(outcome));
        } finally {
          StreamReaderProtocol.prototype.connectionMade = connectionMade;
        }
      }

      test('leaves nothing open, whenever it comes (B-STR-011)', function* () {
        let ended = 0;
        const serving = yield* serve(function* (reader, writer) {
          try {
            yield* reader.read();
          } catch (error) {
            if (isCancellation(error)) throw error;
          }
          ended += 1;
          writer.close();
        });
        const address = { ...serving.address, limit: 77 };
        const rounds = 6;
        for (let turns = 0; turns < rounds; turns += 1) {
          yield* cancelAfterMade(
            () =>
              createTask(function* () {
                const { writer } = yield* openConnection(address);
                try {
                  yield* sleep(60_000);
                } finally {
                  writer.close();
                }
              }),
            turns,
          );
          yield* cancelAfterMade(
            () =>
              createTask(async () => {
                const { writer } = await openConnection(address);
                try {
                  await sleep(60_000);
                } finally {
                  writer.close();
                }
              }),
            turns,
          );
        }
        while (ended < 2 * rounds) yield* sleep(0);
        yield* finish(serving);
      });

      test('leaves nothing open before there is a connection', function* () {
        const serving = yield* serve(echo);
        for (let turns = 0; turns < 5; turns += 1) {
          const opening = createTask(openConnection(serving.address));
          for (let i = 0; i < turns; i += 1) yield;
          if (opening.cancel()) yield* gather([opening], { returnExceptions: true });
          if (!opening.cancelled()) (yield* opening).writer.close();
        }
        yield* finish(serving);
      });
    });

    describe('as Web streams', () => {
      test('carry the same bytes there and back, and close when both directions have ended', function* () {
        const serving = yield* serve((reader, writer) =>
          toReadableStream(reader).pipeThrough(new TransformStream()).pipeTo(toWritableStream(writer)),
        );
        const { reader, writer } = yield* openConnection(serving.address);
        const sent = pattern(3_000_000);
        const writing = createTask(function* () {
          const there = fromWritableStream(toWritableStream(writer));
          for (let i = 0; i < sent.length; i += 77_777) yield* there.write(sent.subarray(i, i + 77_777));
          yield* there.end();
        });
        const back = fromReadableStream(toReadableStream(reader), { limit: 1000 });
        assert.deepEqual(yield* back.read(), sent);
        yield* writing;
        yield* writer.waitClosed();
        yield* finish(serving);
      });

      it('serve what the platform has for them', { timeout: 20_000 }, () =>
        run(async () => {
          const server = await startServer(
            async (reader, writer) => {
              const upper = new TransformStream<string, string>({
                transform: (chunk, controller) => controller.enqueue(chunk.toUpperCase()),
              });
              await toReadableStream(reader)
                .pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
                .pipeThrough(upper)
                .pipeTo(toWritableStream(writer));
            },
            { host: '127.0.0.1' },
          );
          const { host, port } = server.sockets[0] as InternetAddress;
          const { reader, writer } = await openConnection({ host, port });
          const source = new ReadableStream<string>({
            start(controller) {
              for (const piece of ['some ', 'text']) controller.enqueue(piece);
              controller.close();
            },
          });
          await source.pipeThrough(new TextEncoderStream()).pipeTo(toWritableStream(writer));
          assert.equal(await new Response(toReadableStream(reader)).text(), 'SOME TEXT');
          server.close();
          await server.waitClosed();
        }, kind.options),
      );

      it(
        'take what the host’s loop delivers, such as a Blob',
        {
          timeout: 20_000,
          skip: kind.blocks && hostStandsStill,
        },
        () =>
          run(function* () {
            const { onClient, accepted } = acceptor();
            const serving = yield* serve(onClient);
            const near = yield* openConnection(serving.address);
            const far = yield* accepted();
            const piped = wrapFuture(
              new Blob(['some ', 'text']).stream().pipeTo(toWritableStream(near.writer)),
            );
            assert.equal(text(yield* far.reader.read()), 'some text');
            yield* piped;
            yield* discard(far);
            yield* discard(near);
            yield* finish(serving);
          }, kind.options),
      );

      test('hold up who writes while the peer reads nothing', function* () {
        const { onClient, accepted } = acceptor();
        const serving = yield* serve(onClient);
        const near = yield* openConnection(serving.address);
        const far = yield* accepted();
        const there = fromWritableStream(toWritableStream(near.writer));
        let written = 0;
        const writing = createTask(function* () {
          for (; written < 400; written += 1) yield* there.write(pattern(100_000));
          yield* there.end();
        });
        for (let before = -1; before !== written || near.writer.transport.getWriteBufferSize() === 0; ) {
          before = written;
          for (let i = 0; i < 20; i += 1) yield* sleep(0);
        }
        assert.ok(written < 400);
        assert.ok(near.writer.transport.getWriteBufferSize() < 1_000_000);
        assert.equal((yield* far.reader.read()).length, 40_000_000);
        yield* writing;
        yield* far.writer.end();
        yield* near.writer.waitClosed();
        yield* finish(serving);
      });

      test('end the connection when they are cancelled or aborted', function* () {
        for (const end of [
          (near: Stream) => toReadableStream(near.reader).cancel('enough'),
          (near: Stream) => toWritableStream(near.writer).abort('enough'),
          (near: Stream) => fromReadableStream(toReadableStream(near.reader)).close('enough'),
          (near: Stream) => fromWritableStream(toWritableStream(near.writer)).abort('enough'),
        ]) {
          const { onClient, accepted } = acceptor();
          const serving = yield* serve(onClient);
          const near = yield* openConnection(serving.address);
          const far = yield* accepted();
          const read = createTask(far.reader.read());
          void end(near);
          yield* near.writer.waitClosed();
          assert.equal((yield* read).length, 0);
          far.writer.close();
          yield* finish(serving);
        }
      });

      test('fail with the error of a connection that was reset', function* () {
        const { onClient, accepted } = acceptor();
        const serving = yield* serve(onClient, { limit: 1 });
        const near = yield* openConnection(serving.address);
        const far = yield* accepted();
        near.writer.writeNow(pattern(1000));
        while (far.writer.transport.isReading()) yield* sleep(0);
        near.writer.writeNow(pattern(1000));
        while (near.writer.transport.getWriteBufferSize() > 0) yield* sleep(0);
        const pieces = toReadableStream(near.reader).getReader();
        const closed = toWritableStream(near.writer).getWriter().closed;
        const read = wrapFuture(pieces.read());
        const outcomes = gather([read, wrapFuture(closed)], { returnExceptions: true });
        yield* discard(far);
        const [onRead, onWrite] = yield* outcomes;
        assert.ok(onRead instanceof SystemError);
        assert.equal(onRead.code, 'ECONNRESET');
        assert.equal(onWrite, onRead);
        yield* finish(serving);
      });
    });

    it('are closed when nobody has them any more (B-STR-024)', {
      timeout: 20_000,
      skip: kind.blocks && hostStandsStill,
    }, async () => {
      const warnings: string[] = [];
      const listen = ({ name }: Error) => void warnings.push(name);
      process.on('warning', listen);
      try {
        await run(async () => {
          let ended = false;
          const server = await startServer(
            async (reader, writer) => {
              await using _closing = writer;
              await reader.read();
              ended = true;
            },
            { host: '127.0.0.1' },
          );
          const { host, port } = server.sockets[0] as InternetAddress;
          await (async () => void (await openConnection({ host, port })))();
          while (!ended) await collectGarbage();
          server.close();
          await server.waitClosed();
        }, kind.options);
      } finally {
        process.off('warning', listen);
      }
      assert.deepEqual(warnings, ['UnclosedWriterWarning']);
    });

    test('leave no server behind when the task that starts it is cancelled', function* () {
      const loop = getRunningLoop();
      const { createServer } = loop;
      const servers: Server[] = [];
      // The moment at which the server is there, and nobody has it yet.
      loop.createServer = coroutine(function* (factory: () => StreamProtocol, options?: ServerOptions) {
        const server = yield* createServer.call(loop, factory, options);
        servers.push(server);
        starting.cancel();
        return server;
      });
      const starting = createTask(startServer(() => {}, { host: '127.0.0.1' }));
      yield* gather([starting], { returnExceptions: true });
      assert.equal(starting.cancelled(), true);
      assert.deepEqual(
        servers.map((server) => server.sockets),
        [[]],
      );
    });

    it('run over Unix sockets too', { timeout: 20_000, skip: process.platform === 'win32' }, async () => {
      const directory = mkdtempSync(join(tmpdir(), 'tulipa-streams-'));
      const path = join(directory, 'socket');
      try {
        await run(function* () {
          const server = yield* startUnixServer(echo, { path, limit: 10 });
          const { reader, writer } = yield* openUnixConnection({ path, limit: 11 });
          assert.equal(reader.limit, 11);
          yield* writer.write('there and back\n');
          assert.ok((yield* rejection(reader.readLine())) instanceof RangeError);
          yield* writer.write('again\n');
          // What came of the long line later is a line of its own.
          let line = text(yield* reader.readLine());
          if ('there and back\n'.endsWith(line)) line = text(yield* reader.readLine());
          assert.equal(line, 'again\n');
          writer.close();
          yield* writer.waitClosed();
          server.close();
          yield* server.waitClosed();
        }, kind.options);
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    });
  });
}
