import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTask, currentTask, wrapFuture } from '../../src/coroutines/index.ts';
import { CancelledError, StateError, SystemError } from '../../src/interface/index.ts';
import { run } from '../../src/runtime/index.ts';
import { type StreamWriter, toWritableStream } from '../../src/streams/index.ts';
import { bytes, deferred, isPending, openFake, rejection, test, turns } from './fake-stream.ts';

const broken = new Error('broken');
const highWater = 64 * 1024;

describe('toWritableStream', () => {
  test('passes on bytes in any view, and text', async () => {
    const { transport, writer } = openFake();
    const pieces = toWritableStream(writer).getWriter();
    await pieces.write(bytes('a'));
    await pieces.write(bytes('bcd').buffer as ArrayBuffer);
    await pieces.write(new DataView(bytes('xefx').buffer as ArrayBuffer, 1, 2));
    await pieces.write(' →');
    await pieces.write(new Uint8Array(0));
    assert.equal(transport.text, 'abcdef →');
  });

  test('does so in a coroutine', function* () {
    const { transport, writer } = openFake();
    const pieces = toWritableStream(writer).getWriter();
    yield* wrapFuture(pieces.write(bytes('a')));
    transport.send();
    yield* wrapFuture(pieces.close());
    assert.equal(transport.text, 'a');
    assert.equal(transport.eofWritten, true);
  });

  test('leaves the bytes it was given to their owner', async () => {
    const { transport, writer } = openFake();
    const pieces = toWritableStream(writer).getWriter();
    const reused = bytes('first');
    await pieces.write(reused);
    reused.fill(0);
    assert.equal(transport.text, 'first');
  });

  test('wants no more while the writer wants none', async () => {
    const { transport, writer } = openFake();
    const pieces = toWritableStream(writer).getWriter();
    const write = pieces.write(new Uint8Array(highWater + 1));
    assert.equal(await isPending(write), true);
    assert.equal(pieces.desiredSize, 0);
    const next = pieces.write('next');
    assert.equal(await isPending(next), true);
    assert.equal(transport.text.includes('next'), false);
    transport.send(highWater / 2);
    assert.equal(await isPending(write), true);
    transport.send();
    await write;
    await next;
    assert.equal(pieces.desiredSize, 1);
    assert.equal(transport.text.endsWith('next'), true);
  });

  test('waits where others have filled the writer to its cap', async () => {
    const { transport, writer } = openFake();
    const pieces = toWritableStream(writer).getWriter();
    writer.writeNow(new Uint8Array(100 * highWater));
    const write = pieces.write('behind');
    assert.equal(await isPending(write), true);
    transport.send();
    await write;
    assert.equal(transport.text.endsWith('behind'), true);
  });

  test('closed, ends this direction once everything is sent, and reading goes on', async () => {
    const { reader, protocol, transport, writer } = openFake();
    const pieces = toWritableStream(writer).getWriter();
    await pieces.write('small');
    const close = pieces.close();
    assert.equal(await isPending(close), true);
    assert.equal(transport.eofWritten, true);
    transport.send();
    await close;
    await pieces.closed;
    assert.equal(transport.isClosing(), false);
    protocol.dataReceived(bytes('answer'));
    assert.equal((await reader.read(10)).length, 6);
    transport.end();
    assert.equal(transport.isClosing(), true);
    await writer.waitClosed();
  });

  test('closed after the peer has ended its direction, closes the connection', async () => {
    const { transport, writer } = openFake();
    transport.end();
    assert.equal(transport.isClosing(), false);
    const pieces = toWritableStream(writer).getWriter();
    await pieces.write('last');
    const close = pieces.close();
    assert.equal(await isPending(close), true);
    assert.deepEqual([transport.isClosing(), transport.eofWritten], [true, false]);
    transport.send();
    await close;
  });

  test('closed, fails if the connection is lost before everything is sent', async () => {
    const { transport, writer } = openFake();
    const pieces = toWritableStream(writer).getWriter();
    await pieces.write('small');
    const close = pieces.close();
    const closed = rejection(pieces.closed);
    await turns();
    transport.break(broken);
    const error = await rejection(close);
    assert.ok(error instanceof SystemError);
    assert.equal(error.cause, broken);
    assert.equal(await closed, error);
  });

  test('aborted, aborts the connection at once, whatever waits', async () => {
    const { transport, writer } = openFake();
    const pieces = toWritableStream(writer).getWriter();
    const write = pieces.write(new Uint8Array(highWater + 1));
    const next = rejection(pieces.write('dropped'));
    await turns();
    const abort = pieces.abort(broken);
    assert.equal(transport.isClosing(), true);
    assert.equal(transport.getWriteBufferSize(), 0);
    await abort;
    await write;
    assert.equal(await next, broken);
    assert.equal(await rejection(pieces.closed), broken);
    assert.equal(transport.text.includes('dropped'), false);
  });

  test('aborted, tells the reason to who is behind the writer', async () => {
    const reasons: unknown[] = [];
    const { writer } = openFake();
    const abort = writer.abort.bind(writer);
    writer.abort = (reason) => {
      reasons.push(reason);
      abort(reason);
    };
    await toWritableStream(writer).abort(broken);
    assert.deepEqual(new Set(reasons), new Set([broken]));
  });

  test('fails at once when the connection is lost, with the same error', async () => {
    const { transport, writer } = openFake();
    const pieces = toWritableStream(writer).getWriter();
    transport.break(broken);
    assert.equal(await rejection(pieces.closed), broken);
    assert.equal(await rejection(pieces.write('x')), broken);
  });

  test('fails in a write that waits as the writer does', async () => {
    const { transport, writer } = openFake();
    const pieces = toWritableStream(writer).getWriter();
    const write = rejection(pieces.write(new Uint8Array(highWater + 1)));
    const closed = rejection(pieces.closed);
    await turns();
    transport.break(broken);
    const error = await write;
    assert.ok(error instanceof SystemError);
    assert.equal(error.cause, broken);
    assert.ok([error, broken].includes((await closed) as Error));
  });

  test('lets what is piped into it know that the connection is lost', async () => {
    const { transport, writer } = openFake();
    const reasons: unknown[] = [];
    const idle = new ReadableStream({ cancel: (reason) => void reasons.push(reason) });
    const pipe = rejection(idle.pipeTo(toWritableStream(writer)));
    await turns();
    transport.break(broken);
    assert.equal(await pipe, broken);
    assert.deepEqual(reasons, [broken]);
    assert.equal(idle.locked, false);
  });

  test('fails when somebody else closes the writer', async () => {
    const { writer } = openFake();
    const pieces = toWritableStream(writer).getWriter();
    writer.close();
    const error = await rejection(pieces.closed);
    assert.ok(error instanceof StateError);
    assert.equal(error.code, 'ERR_STREAM_CLOSED');
  });

  test('refuses what is neither bytes nor text, and aborts the connection', async () => {
    const { transport, writer } = openFake();
    const pieces = toWritableStream(writer).getWriter();
    const closed = rejection(pieces.closed);
    assert.ok((await rejection(pieces.write(1 as unknown as string))) instanceof TypeError);
    assert.equal(transport.isClosing(), true);
    assert.ok((await closed) instanceof Error);
  });

  test('aborts both sides and lets go of both by the signal of a task that pipes', async () => {
    const { transport, writer } = openFake();
    const reasons: unknown[] = [];
    const idle = new ReadableStream({ cancel: (reason) => void reasons.push(reason) });
    const writable = toWritableStream(writer);
    const task = createTask(async () => {
      await idle.pipeTo(writable, { signal: currentTask()?.signal as AbortSignal });
    });
    await turns();
    task.cancel('enough');
    assert.ok((await rejection(task)) instanceof CancelledError);
    await turns();
    assert.equal(transport.isClosing(), true);
    assert.ok(reasons[0] instanceof CancelledError);
    assert.deepEqual([idle.locked, writable.locked], [false, false]);
  });

  test('lets go of a pipe that waits for the peer when the writer is aborted', async () => {
    const { writer } = openFake();
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(highWater)),
    });
    const writable = toWritableStream(writer);
    const pipe = rejection(endless.pipeTo(writable));
    assert.equal(await isPending(pipe), true);
    writer.abort();
    assert.ok((await pipe) instanceof Error);
    assert.deepEqual([endless.locked, writable.locked], [false, false]);
  });

  it('fails with the cancellation by which the run ends', async () => {
    const outcome = deferred<unknown>();
    await run(async () => {
      const pieces = toWritableStream(openFake().writer).getWriter();
      pieces.closed.catch(outcome.resolve);
      pieces.write(new Uint8Array(highWater + 1)).catch(() => {});
      await turns();
    });
    assert.ok((await outcome.promise) instanceof CancelledError);
  });

  it('needs a running loop', async () => {
    let writer: StreamWriter | undefined;
    await run(async () => {
      writer = openFake().writer;
    });
    assert.throws(() => toWritableStream(writer as StreamWriter), StateError);
  });
});
