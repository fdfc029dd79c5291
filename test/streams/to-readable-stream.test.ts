import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTask, currentTask, wrapFuture } from '../../src/coroutines/index.ts';
import { CancelledError, StateError } from '../../src/interface/index.ts';
import { run } from '../../src/runtime/index.ts';
import { StreamReader, toReadableStream } from '../../src/streams/index.ts';
import { bytes, isPending, openFake, rejection, test, text, turns } from './fake-stream.ts';

const broken = new Error('broken');

describe('toReadableStream', () => {
  test('gives what is there, then what comes, then the end', async () => {
    const { reader, protocol } = openFake();
    const pieces = toReadableStream(reader).getReader();
    protocol.dataReceived(bytes('there'));
    assert.equal(text((await pieces.read()).value), 'there');
    const next = pieces.read();
    assert.equal(await isPending(next), true);
    protocol.dataReceived(bytes('comes'));
    protocol.dataReceived(bytes(' on'));
    assert.equal(text((await next).value), 'comes on');
    protocol.eofReceived();
    assert.deepEqual(await pieces.read(), { done: true, value: undefined });
    await pieces.closed;
  });

  test('gives the same in a coroutine', function* () {
    const { reader, protocol } = openFake();
    const pieces = toReadableStream(reader).getReader();
    protocol.dataReceived(bytes('abc'));
    assert.equal(text((yield* wrapFuture(pieces.read())).value), 'abc');
    protocol.eofReceived();
    assert.equal((yield* wrapFuture(pieces.read())).done, true);
  });

  test('serves whatever takes a Web stream', async () => {
    const { reader, protocol } = openFake();
    protocol.dataReceived(bytes('text → text'));
    protocol.eofReceived();
    assert.equal(await new Response(toReadableStream(reader)).text(), 'text → text');
  });

  test('reads nothing before it is asked, and no more than is asked for', async () => {
    const { reader, protocol } = openFake();
    protocol.dataReceived(bytes('abcdef'));
    const stream = toReadableStream(reader);
    await turns();
    assert.equal(reader.bufferedBytes, 6);
    const own = stream.getReader({ mode: 'byob' });
    assert.equal(text((await own.read(new Uint8Array(4))).value), 'abcd');
    assert.equal(reader.bufferedBytes, 2);
    own.releaseLock();
    // The stream took nothing: the reader can be read on without it.
    assert.equal(text(await reader.read(10)), 'ef');
  });

  test('fills the buffers of its consumer, as bytes come', async () => {
    const { reader, protocol } = openFake();
    const own = toReadableStream(reader).getReader({ mode: 'byob' });
    const first = own.read(new Uint8Array(8));
    assert.equal(await isPending(first), true);
    protocol.dataReceived(bytes('abc'));
    assert.equal(text((await first).value), 'abc');
    const words = own.read(new Uint16Array(4));
    protocol.dataReceived(bytes('x'));
    assert.equal(await isPending(words), true, 'half a word is none');
    protocol.dataReceived(bytes('yz!'));
    assert.equal(text(new Uint8Array(((await words).value as Uint16Array).buffer, 0, 4)), 'xyz!');
  });

  test('gives a waiting buffer back at the end', async () => {
    const { reader, protocol } = openFake();
    const own = toReadableStream(reader).getReader({ mode: 'byob' });
    const read = own.read(new Uint8Array(8));
    await turns();
    protocol.eofReceived();
    const { done, value } = await read;
    assert.equal(done, true);
    assert.equal(value?.byteLength, 0);
    assert.equal(value?.buffer.byteLength, 8);
  });

  test('fails where the end comes within a word of the waiting buffer', async () => {
    const { reader, protocol } = openFake();
    const own = toReadableStream(reader).getReader({ mode: 'byob' });
    const read = own.read(new Uint16Array(4));
    protocol.dataReceived(bytes('x'));
    await turns();
    protocol.eofReceived();
    assert.ok((await rejection(read)) instanceof TypeError);
  });

  test('fails with the error of the reader itself, now and later', async () => {
    const { reader, transport } = openFake();
    const pieces = toReadableStream(reader).getReader();
    const read = pieces.read();
    await turns();
    transport.break(broken);
    assert.equal(await rejection(read), broken);
    assert.equal(await rejection(pieces.read()), broken);
    assert.equal(await rejection(pieces.closed), broken);
  });

  test('fails if somebody else reads meanwhile, who does not notice', async () => {
    const { reader, protocol } = openFake();
    const line = createTask(reader.readLine());
    await turns();
    const error = await rejection(toReadableStream(reader).getReader().read());
    assert.ok(error instanceof StateError);
    assert.equal(error.code, 'ERR_READ_IN_PROGRESS');
    protocol.dataReceived(bytes('line\n'));
    assert.equal(text(await line), 'line\n');
  });

  for (const waiting of [false, true]) {
    test(`cancelled ${waiting ? 'in a read' : 'between reads'}, closes the reader with its connection`, async () => {
      const { reader, protocol, transport } = openFake();
      const pieces = toReadableStream(reader).getReader();
      if (!waiting) protocol.dataReceived(bytes('unread'));
      const read = waiting ? pieces.read() : null;
      await turns();
      await pieces.cancel(broken);
      assert.equal(transport.isClosing(), true);
      assert.equal(reader.atEof(), true);
      if (read !== null) assert.deepEqual(await read, { done: true, value: undefined });
      await turns();
      // Nobody reads any more: the reader could be asked.
      assert.deepEqual(await reader.read(), new Uint8Array(0));
    });
  }

  test('cancelled when bytes are on their way, drops them in silence', async () => {
    const { reader, protocol, transport } = openFake();
    const pieces = toReadableStream(reader).getReader();
    const read = pieces.read();
    await turns();
    protocol.dataReceived(bytes('late'));
    await pieces.cancel();
    assert.equal((await read).done, true);
    await turns();
    assert.equal(transport.isClosing(), true);
  });

  test('tells the reason of the cancellation to who feeds the reader', async () => {
    const reader = new StreamReader();
    const reasons: unknown[] = [];
    reader.setTransport({ pauseReading() {}, resumeReading() {}, close: (reason) => reasons.push(reason) });
    const pieces = toReadableStream(reader).getReader();
    await pieces.cancel(broken);
    assert.deepEqual(reasons, [broken]);
  });

  test('goes on after a read of its consumer was given up', async () => {
    const { reader, protocol } = openFake();
    const pieces = toReadableStream(reader).getReader();
    const task = createTask(function* () {
      yield* wrapFuture(pieces.read());
    });
    await turns();
    task.cancel();
    assert.ok((await rejection(task)) instanceof CancelledError);
    protocol.dataReceived(bytes('for nobody'));
    await turns();
    protocol.dataReceived(bytes('next'));
    assert.equal(text((await pieces.read()).value), 'next');
  });

  test('is cancelled by the signal of a task that pipes it', async () => {
    const { reader, transport } = openFake();
    const aborted: unknown[] = [];
    const readable = toReadableStream(reader);
    const writable = new WritableStream({ abort: (reason) => void aborted.push(reason) });
    const task = createTask(async () => {
      await readable.pipeTo(writable, { signal: currentTask()?.signal as AbortSignal });
    });
    await turns();
    task.cancel('enough');
    const error = await rejection(task);
    assert.ok(error instanceof CancelledError);
    assert.equal(error.reason, 'enough');
    await turns();
    assert.equal(transport.isClosing(), true);
    assert.ok(aborted[0] instanceof CancelledError);
    assert.deepEqual([readable.locked, writable.locked], [false, false]);
  });

  it('fails with the cancellation by which the run ends', async () => {
    let read: Promise<unknown> = Promise.resolve();
    await run(async () => {
      read = toReadableStream(openFake().reader).getReader().read();
      read.catch(() => {});
      await turns();
    });
    assert.ok((await rejection(read)) instanceof CancelledError);
  });

  it('needs a running loop', async () => {
    const reader = await run(async () => new StreamReader());
    assert.throws(() => toReadableStream(reader), StateError);
  });

  it('fails once the loop is closed', async () => {
    const stream = await run(async () => toReadableStream(openFake().reader));
    assert.ok((await rejection(stream.getReader().read())) instanceof StateError);
  });
});
