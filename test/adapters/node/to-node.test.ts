import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Duplex, PassThrough, Readable, Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, it } from 'node:test';
import { createGunzip, createGzip } from 'node:zlib';
import { toNodeDuplex, toNodeReadable, toNodeWritable } from '../../../src/adapters/node/index.ts';
import { createTask, currentTask, wrapFuture } from '../../../src/coroutines/index.ts';
import { CancelledError, StateError, SystemError } from '../../../src/interface/index.ts';
import { run } from '../../../src/runtime/index.ts';
import { StreamReader, type StreamWriter } from '../../../src/streams/index.ts';
import { bytes, isPending, openFake, rejection, test, turns } from '../../streams/fake-stream.ts';

const broken = new Error('broken');
const highWater = 64 * 1024;

/** What was written, and how often it was called back. */
function write(stream: Writable, data: Uint8Array | string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(data, (error) => (error == null ? resolve() : reject(error)));
  });
}

/** The error with which a stream is destroyed; null for none. */
async function fate(stream: Readable | Writable): Promise<Error | null> {
  let fatal: Error | null = null;
  stream.on('error', (error) => {
    fatal = error;
  });
  if (!stream.closed) await once(stream, 'close').catch(() => {});
  await turns(1);
  return fatal;
}

describe('toNodeReadable', () => {
  test('gives what is there, then what comes, then the end', async () => {
    const { protocol, reader, transport } = openFake();
    const readable = toNodeReadable(reader);
    const chunks: string[] = [];
    readable.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
    protocol.dataReceived(bytes('there'));
    await turns();
    protocol.dataReceived(bytes('comes'));
    await turns();
    assert.deepEqual(chunks, ['there', 'comes']);
    transport.end();
    await once(readable, 'end');
    await turns();
    assert.equal(readable.destroyed, true);
    assert.equal(transport.isClosing(), false, 'writing goes on');
  });

  test('gives the same in a coroutine', function* () {
    const { protocol, reader, transport } = openFake();
    const readable = toNodeReadable(reader).setEncoding('utf8');
    protocol.dataReceived(bytes('half a →').subarray(0, 8));
    protocol.dataReceived(bytes('half a →').subarray(8));
    transport.end();
    assert.equal((yield* wrapFuture(readable.toArray())).join(''), 'half a →');
  });

  test('reads no more ahead than Node wants', async () => {
    const { protocol, reader } = openFake();
    protocol.dataReceived(new Uint8Array(1000));
    const readable = toNodeReadable(reader, { highWaterMark: 10 });
    await turns();
    assert.equal(reader.bufferedBytes, 1000, 'nobody has asked');
    readable.read(0);
    await turns();
    assert.equal(readable.readableLength, 10);
    assert.equal(reader.bufferedBytes, 990);
    const none = toNodeReadable(reader, { highWaterMark: 0 });
    await turns();
    assert.equal(reader.bufferedBytes, 990);
    for await (const chunk of none) {
      assert.equal((chunk as Buffer).length, 990);
      break;
    }
  });

  test('is destroyed by the error of the reader itself', async () => {
    const { reader, transport } = openFake();
    const readable = toNodeReadable(reader).resume();
    await turns();
    transport.break(broken);
    assert.equal(await fate(readable), broken);
  });

  for (const waiting of [false, true]) {
    test(`destroyed ${waiting ? 'in a read' : 'between reads'}, closes the reader with its connection`, async () => {
      const { reader, transport } = openFake();
      const readable = toNodeReadable(reader);
      if (waiting) readable.resume();
      await turns();
      readable.destroy();
      assert.equal(transport.isClosing(), true);
      assert.equal(await fate(readable), null);
      assert.deepEqual(await reader.read(), new Uint8Array(0));
    });
  }

  test('destroyed with an error, tells that to who feeds the reader', async () => {
    const reader = new StreamReader();
    const reasons: unknown[] = [];
    reader.setTransport({ pauseReading() {}, resumeReading() {}, close: (reason) => reasons.push(reason) });
    const readable = toNodeReadable(reader).resume();
    readable.destroy(broken);
    assert.equal(await fate(readable), broken);
    assert.deepEqual(reasons, [broken]);
  });

  test('left by a loop over it, is destroyed', async () => {
    const { protocol, reader, transport } = openFake();
    protocol.dataReceived(bytes('abc'));
    for await (const chunk of toNodeReadable(reader)) {
      assert.equal(String(chunk), 'abc');
      break;
    }
    assert.equal(transport.isClosing(), true);
  });

  it('is destroyed by the end of the run, without an error that nobody might listen for', async () => {
    const readable = await run(async () => {
      const readable = toNodeReadable(openFake().reader).resume();
      await turns();
      return readable;
    });
    assert.equal(readable.destroyed, true);
    assert.equal(readable.errored, null);
    assert.equal(readable.readableAborted, true);
  });

  it('fails once the loop is closed', async () => {
    const readable = await run(async () => toNodeReadable(openFake().reader));
    readable.resume();
    assert.ok((await fate(readable)) instanceof StateError);
  });

  it('needs a running loop', async () => {
    const reader = await run(async () => new StreamReader());
    assert.throws(() => toNodeReadable(reader), StateError);
  });
});

describe('toNodeWritable', () => {
  test('passes on bytes and text', async () => {
    const { transport, writer } = openFake();
    const writable = toNodeWritable(writer);
    await write(writable, bytes('a'));
    await write(writable, 'b→');
    writable.cork();
    const all = [write(writable, 'c'), write(writable, Buffer.from('d'))];
    writable.uncork();
    await Promise.all(all);
    assert.equal(transport.text, 'ab→cd');
    assert.equal(transport.written.length, 3, 'what was corked goes out as one');
  });

  test('leaves the bytes it was given to their owner, once called back', async () => {
    const { transport, writer } = openFake();
    const own = Buffer.alloc(10_000, 'x');
    await write(toNodeWritable(writer), own);
    own.fill('y');
    assert.equal(transport.text, 'x'.repeat(10_000));
  });

  test('holds the callback while the writer wants no more', async () => {
    const { transport, writer } = openFake();
    const writable = toNodeWritable(writer, { highWaterMark: 4 });
    const first = write(writable, new Uint8Array(highWater + 1));
    assert.equal(await isPending(first), true);
    assert.equal(writable.writableNeedDrain, true);
    const next = write(writable, 'next');
    assert.equal(await isPending(next), true);
    assert.equal(transport.text.endsWith('next'), false);
    const drained = once(writable, 'drain');
    transport.send();
    await first;
    await next;
    await drained;
    assert.equal(transport.text.endsWith('next'), true);
  });

  test('waits where others have filled the writer to its cap', async () => {
    const { transport, writer } = openFake();
    writer.writeNow(new Uint8Array(100 * highWater));
    const behind = write(toNodeWritable(writer), 'behind');
    assert.equal(await isPending(behind), true);
    transport.send();
    await behind;
  });

  test('ended, ends this direction once everything is sent, and reading goes on', async () => {
    const { protocol, reader, transport, writer } = openFake();
    const writable = toNodeWritable(writer);
    writable.end('last');
    await turns();
    assert.equal(transport.eofWritten, true);
    assert.equal(writable.writableFinished, false);
    const finished = once(writable, 'finish');
    transport.send();
    await finished;
    assert.equal(await fate(writable), null);
    assert.equal(transport.isClosing(), false);
    protocol.dataReceived(bytes('answer'));
    assert.equal((await reader.read(10)).length, 6);
    transport.end();
    await writer.waitClosed();
  });

  test('destroyed, aborts the connection, whatever waits', async () => {
    const { transport, writer } = openFake();
    const writable = toNodeWritable(writer);
    const waiting = rejection(write(writable, new Uint8Array(highWater + 1)));
    await turns();
    writable.destroy(broken);
    assert.equal(transport.isClosing(), true);
    assert.equal(transport.getWriteBufferSize(), 0);
    assert.equal(await fate(writable), broken);
    assert.ok((await waiting) instanceof Error);
  });

  test('destroyed with an error, tells that to who is behind the writer', async () => {
    const { transport, writer } = openFake();
    const reasons: unknown[] = [];
    const { abort } = transport;
    transport.abort = (reason?: unknown) => {
      reasons.push(reason);
      abort.call(transport);
    };
    const writable = toNodeWritable(writer);
    writable.destroy(broken);
    assert.equal(await fate(writable), broken);
    assert.deepEqual(reasons, [broken]);
  });

  test('is destroyed when the connection is lost, at once and with the same error', async () => {
    const { transport, writer } = openFake();
    const writable = toNodeWritable(writer);
    transport.break(broken);
    assert.equal(await fate(writable), broken);
  });

  test('fails in a write that waits as the writer does', async () => {
    const { transport, writer } = openFake();
    const writable = toNodeWritable(writer);
    const failed = fate(writable);
    const waiting = rejection(write(writable, new Uint8Array(highWater + 1)));
    await turns();
    transport.break(broken);
    const error = await waiting;
    assert.ok(error === broken || (error instanceof SystemError && error.cause === broken));
    assert.equal(await failed, error);
  });

  test('is destroyed when somebody else closes the writer', async () => {
    const { writer } = openFake();
    const writable = toNodeWritable(writer);
    writer.close();
    assert.equal(await fate(writable), null);
    assert.equal(writable.writableAborted, true);
  });

  it('is destroyed by the end of the run, without an error that nobody might listen for', async () => {
    const told: unknown[] = [];
    const writable = await run(async () => {
      const writable = toNodeWritable(openFake().writer);
      writable.write(new Uint8Array(highWater + 1), (error) => told.push(error));
      await turns();
      return writable;
    });
    await turns(); // an 'error' event would end this process
    assert.equal(writable.destroyed, true);
    assert.ok(told[0] instanceof CancelledError);
  });

  it('needs a running loop', async () => {
    let writer: StreamWriter | undefined;
    await run(async () => {
      writer = openFake().writer;
    });
    assert.throws(() => toNodeWritable(writer as StreamWriter), StateError);
  });
});

describe('toNodeDuplex', () => {
  test('carries both directions, each to its own end', async () => {
    const { protocol, transport, reader, writer } = openFake();
    const duplex = toNodeDuplex({ reader, writer });
    assert.ok(duplex instanceof Duplex);
    protocol.dataReceived(bytes('in'));
    transport.end();
    assert.equal(String(await once(duplex, 'data')), 'in');
    await once(duplex, 'end');
    await write(duplex, 'out');
    assert.equal(transport.text, 'out');
    assert.equal(transport.isClosing(), false);
    transport.send();
    duplex.end();
    assert.equal(await fate(duplex), null);
    await writer.waitClosed();
  });

  test('may be ended first, and is closed at the end of the peer', async () => {
    const { protocol, transport, reader, writer } = openFake();
    const duplex = toNodeDuplex({ reader, writer });
    duplex.end();
    await once(duplex, 'finish');
    assert.deepEqual([transport.eofWritten, transport.isClosing()], [true, false]);
    protocol.dataReceived(bytes('answer'));
    transport.end();
    assert.equal(String(Buffer.concat(await duplex.toArray())), 'answer');
    assert.equal(await fate(duplex), null);
    await writer.waitClosed();
  });

  test('destroyed, aborts the connection and ends every wait', async () => {
    const { transport, reader, writer } = openFake();
    const duplex = toNodeDuplex({ reader, writer });
    duplex.resume();
    const waiting = rejection(write(duplex, new Uint8Array(highWater + 1)));
    await turns();
    duplex.destroy(broken);
    assert.equal(await fate(duplex), broken);
    assert.ok((await waiting) instanceof Error);
    assert.equal(transport.isClosing(), true);
    assert.equal(transport.getWriteBufferSize(), 0);
  });

  test('destroyed when half of it has ended, aborts the other half', async () => {
    const { transport, reader, writer } = openFake();
    const duplex = toNodeDuplex({ reader, writer });
    duplex.end();
    await once(duplex, 'finish');
    duplex.destroy();
    assert.equal(await fate(duplex), null);
    assert.equal(transport.isClosing(), true);
  });

  test('is destroyed when the connection is lost, with the same error', async () => {
    const { transport, reader, writer } = openFake();
    const duplex = toNodeDuplex({ reader, writer });
    transport.break(broken);
    assert.equal(await fate(duplex), broken);
  });

  test('gives what was not read yet when our own side has closed', async () => {
    const { protocol, reader, writer } = openFake();
    const duplex = toNodeDuplex({ reader, writer });
    protocol.dataReceived(bytes('unread'));
    writer.close();
    await turns();
    assert.equal(String(await once(duplex, 'data')), 'unread');
    await once(duplex, 'end');
    duplex.end();
    assert.equal(await fate(duplex), null);
  });

  it('is destroyed by the end of the run, without an error that nobody might listen for', async () => {
    const duplex = await run(async () => {
      const duplex = toNodeDuplex(openFake()).resume();
      await turns();
      return duplex;
    });
    assert.equal(duplex.destroyed, true);
    assert.equal(duplex.errored, null);
  });
});

describe('a pipeline of Node', () => {
  test('carries bytes between a reader and a writer', async () => {
    const from = openFake();
    const to = openFake();
    const data = 'some text, over and over '.repeat(10_000);
    const sending = createTask(function* () {
      for (let i = 0; i < data.length; i += 1000) {
        while (!from.transport.isReading()) yield;
        from.protocol.dataReceived(bytes(data.slice(i, i + 1000)));
      }
      from.transport.end();
    });
    const peer = createTask(function* () {
      for (;;) {
        to.transport.send();
        yield;
      }
    });
    await pipeline(toNodeReadable(from.reader), createGzip(), createGunzip(), toNodeWritable(to.writer));
    await sending;
    peer.cancel();
    assert.equal(to.transport.text, data);
    assert.equal(to.transport.eofWritten, true);
  });

  test('that fails in the middle closes the one and aborts the other', async () => {
    const from = openFake();
    const to = openFake();
    const failing = new Transform({ transform: (_chunk, _encoding, callback) => callback(broken) });
    const piped = rejection(pipeline(toNodeReadable(from.reader), failing, toNodeWritable(to.writer)));
    from.protocol.dataReceived(bytes('x'));
    assert.equal(await piped, broken);
    assert.deepEqual([from.transport.isClosing(), to.transport.isClosing()], [true, true]);
  });

  test('fails with the error of the reader, or of the writer', async () => {
    for (const side of ['from', 'to'] as const) {
      const ends = { from: openFake(), to: openFake() };
      const piped = rejection(pipeline(toNodeReadable(ends.from.reader), toNodeWritable(ends.to.writer)));
      await turns();
      ends[side].transport.break(broken);
      assert.equal(await piped, broken);
      await turns();
      assert.deepEqual([ends.from.transport.isClosing(), ends.to.transport.isClosing()], [true, true]);
    }
  });

  test('is ended by the signal of the task that waits for it, also while the peer takes nothing', async () => {
    const from = openFake();
    const to = openFake();
    const task = createTask(async () => {
      await pipeline(toNodeReadable(from.reader), new PassThrough(), toNodeWritable(to.writer), {
        signal: currentTask()?.signal as AbortSignal,
      });
    });
    await turns();
    for (let i = 0; i < 20; i += 1) {
      if (from.transport.isReading()) from.protocol.dataReceived(new Uint8Array(highWater));
      await turns(2);
    }
    assert.equal(from.transport.isReading(), false, 'everything is full');
    task.cancel();
    // Node's own error, which has the signal's reason as its cause.
    const error = (await rejection(task)) as Error;
    assert.equal(error.name, 'AbortError');
    assert.ok(error.cause instanceof CancelledError);
    await turns();
    assert.deepEqual([from.transport.isClosing(), to.transport.isClosing()], [true, true]);
    assert.equal(to.transport.getWriteBufferSize(), 0);
  });

  test('ends a Duplex in the middle in both directions', async () => {
    const middle = openFake();
    const chunks: Buffer[] = [];
    const sink = new Writable({
      write(chunk, _encoding, callback) {
        chunks.push(chunk);
        callback();
      },
    });
    const piped = pipeline(Readable.from([Buffer.from('question')]), toNodeDuplex(middle), sink);
    await turns();
    assert.equal(middle.transport.text, 'question');
    middle.transport.send();
    middle.protocol.dataReceived(bytes('answer'));
    middle.transport.end();
    await piped;
    assert.equal(String(Buffer.concat(chunks)), 'answer');
    await middle.writer.waitClosed();
  });
});
