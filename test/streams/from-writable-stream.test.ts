import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTask } from '../../src/coroutines/index.ts';
import { CancelledError, LoopError, StateError } from '../../src/interface/index.ts';
import { run } from '../../src/runtime/index.ts';
import { fromWritableStream } from '../../src/streams/index.ts';
import {
  bytes,
  type Deferred,
  deferred,
  isPending,
  rejection,
  reportsOf,
  test,
  text,
  turns,
} from './fake-stream.ts';

const broken = new Error('broken');

/** A stream whose every write waits until the test lets it go on, and what its sink was told. */
function openWeb(options: { highWaterMark?: number; held?: boolean } = {}) {
  const told = { chunks: [] as string[], closed: false, aborts: [] as unknown[] };
  const waiting: Deferred<void>[] = [];
  let controller: WritableStreamDefaultController | undefined;
  const stream = new WritableStream<Uint8Array>(
    {
      start(given) {
        controller = given;
      },
      write(chunk) {
        told.chunks.push(text(chunk));
        if (options.held !== true) return;
        const turn = deferred<void>();
        waiting.push(turn);
        return turn.promise;
      },
      close() {
        told.closed = true;
      },
      abort(reason) {
        told.aborts.push(reason);
      },
    },
    { highWaterMark: options.highWaterMark ?? 1 },
  );
  return {
    stream,
    told,
    controller: controller as WritableStreamDefaultController,
    next: () => waiting.shift(),
  };
}

describe('fromWritableStream', () => {
  test('writes as any writer', async () => {
    const { stream, told } = openWeb();
    const writer = fromWritableStream(stream);
    await writer.write(bytes('a'));
    await writer.write('→');
    await writer.write('');
    await writer.writelines(['b', bytes('c')]);
    writer.writeNow('d');
    await writer.drain();
    assert.deepEqual(told.chunks, ['a', '→', 'bc', 'd']);
    assert.equal(writer.isClosing(), false);
    writer.close();
    assert.equal(writer.isClosing(), true);
    await writer.waitClosed();
    assert.equal(told.closed, true);
    assert.equal(stream.locked, false);
  });

  test('writes so in a coroutine', function* () {
    const { stream, told } = openWeb();
    const writer = fromWritableStream(stream);
    yield* writer.write('a');
    yield* writer.end();
    assert.deepEqual(told.chunks, ['a']);
    assert.equal(told.closed, true);
  });

  test('waits until the stream is ready for more', async () => {
    const { stream, told, next } = openWeb({ held: true, highWaterMark: 2 });
    const writer = fromWritableStream(stream);
    await turns();
    await writer.write('a');
    const write = writer.write('b');
    assert.equal(await isPending(write), true);
    writer.writeNow('c');
    assert.equal(writer.transport.getWriteBufferSize(), 3);
    next()?.resolve();
    await turns();
    assert.equal(await isPending(write), true, 'there are two left still');
    next()?.resolve();
    await write;
    assert.equal(writer.transport.getWriteBufferSize(), 1);
    assert.deepEqual(told.chunks, ['a', 'b', 'c']);
    next()?.resolve();
    await writer.end();
  });

  test('refuses to write now beyond its cap', async () => {
    const { stream, next } = openWeb({ held: true });
    const writer = fromWritableStream(stream);
    writer.writeNow(new Uint8Array(5_000_000));
    assert.throws(
      () => writer.writeNow('x'),
      (error) => error instanceof LoopError && error.code === 'ERR_WRITE_BUFFER_FULL',
    );
    await turns();
    next()?.resolve();
    await writer.drain();
    writer.writeNow('x');
    await turns();
    next()?.resolve();
    await writer.end();
  });

  test('leaves the bytes it was given to their owner', async () => {
    const kept: Uint8Array[] = [];
    const writer = fromWritableStream(new WritableStream({ write: (chunk) => void kept.push(chunk) }));
    const own = bytes('own');
    await writer.write(own);
    own.fill(0);
    assert.equal(text(kept[0]), 'own');
    structuredClone(kept[0], { transfer: [kept[0]?.buffer as ArrayBuffer] });
    assert.equal(own.length, 3);
    await writer.end();
  });

  test('closes once everything is written', async () => {
    const { stream, told, next } = openWeb({ held: true });
    const writer = fromWritableStream(stream);
    await turns();
    writer.writeNow('a');
    writer.close();
    const closed = createTask(writer.waitClosed());
    assert.equal(await isPending(closed), true);
    assert.equal(told.closed, false);
    next()?.resolve();
    await closed;
    assert.equal(told.closed, true);
    const error = await rejection(writer.write('late'));
    assert.ok(error instanceof StateError);
    assert.equal(error.code, 'ERR_STREAM_CLOSED');
    assert.deepEqual(told.chunks, ['a']);
  });

  test('closes with the end of its one direction', async () => {
    const { stream, told } = openWeb();
    const writer = fromWritableStream(stream);
    assert.equal(writer.canWriteEof(), true);
    writer.writeEof();
    assert.equal(writer.isClosing(), true);
    assert.throws(() => writer.writeNow('late'), StateError);
    await writer.waitClosed();
    assert.equal(told.closed, true);
  });

  test('drops what is written after closing, with a warning in the end', async () => {
    const { stream, told } = openWeb();
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    const writer = fromWritableStream(stream);
    writer.close();
    for (let i = 0; i < 5; i += 1) writer.writeNow('late');
    assert.equal((await warned).name, 'WriteAfterEndWarning');
    await writer.waitClosed();
    assert.deepEqual(told.chunks, []);
  });

  test('throws the error of the stream itself: in a write that waits, in later ones, at the end', async () => {
    const { stream, next } = openWeb({ held: true });
    const writer = fromWritableStream(stream);
    await turns();
    const write = rejection(writer.write('a'));
    const closed = rejection(writer.waitClosed());
    await turns();
    next()?.reject(broken);
    assert.equal(await write, broken);
    assert.equal(await closed, broken);
    assert.equal(await rejection(writer.write('b')), broken);
    assert.equal(await rejection(writer.drain()), broken);
    assert.equal(await rejection(writer.end()), broken);
    assert.equal(stream.locked, false);
  });

  test('learns at once that the stream has failed', async () => {
    const { stream, controller } = openWeb();
    const writer = fromWritableStream(stream);
    controller.error(broken);
    assert.equal(await rejection(writer.waitClosed()), broken);
    assert.equal(writer.isClosing(), true);
    assert.equal(stream.locked, false);
  });

  test('throws an error where the stream has another reason, or somebody’s cancellation', async () => {
    for (const reason of ['text', undefined, new CancelledError('of another task')]) {
      const { stream, controller } = openWeb();
      const writer = fromWritableStream(stream);
      controller.error(reason);
      const error = await rejection(writer.waitClosed());
      assert.ok(error instanceof LoopError);
      assert.equal(error.code, 'ERR_STREAM_ABORTED');
      assert.equal(error.cause, reason);
    }
  });

  for (const when of ['idle', 'writing', 'closing'] as const) {
    test(`aborted while ${when}, aborts the stream with the same reason and lets go of it`, async () => {
      const { stream, told, next } = openWeb({ held: true });
      const writer = fromWritableStream(stream);
      await turns();
      const write = when === 'idle' ? null : createTask(writer.drain.bind(writer));
      if (when !== 'idle') writer.writeNow('a');
      if (when === 'closing') writer.close();
      await turns();
      writer.abort(broken);
      assert.equal(writer.isClosing(), true);
      await writer.waitClosed();
      await write;
      // The stream itself waits for the write that is under way.
      next()?.resolve();
      await turns();
      assert.deepEqual(told.aborts, [broken]);
      assert.equal(stream.locked, false);
    });
  }

  test('goes on after a write that waits was cancelled, whose bytes are handed over', async () => {
    const { stream, told, next } = openWeb({ held: true });
    const writer = fromWritableStream(stream);
    await turns();
    const write = createTask(function* () {
      yield* writer.write('a');
    });
    await turns();
    write.cancel();
    assert.ok((await rejection(write)) instanceof CancelledError);
    assert.equal(writer.isClosing(), false);
    next()?.resolve();
    writer.writeNow('b');
    await turns();
    next()?.resolve();
    await writer.end();
    assert.deepEqual(told.chunks, ['a', 'b']);
  });

  test('by await using closes and waits; cancelled in that, aborts', async () => {
    const { stream, told, next } = openWeb({ held: true });
    const task = createTask(async () => {
      await using writer = fromWritableStream(stream);
      await turns();
      writer.writeNow('a');
    });
    await turns(30);
    assert.equal(task.done(), false);
    task.cancel();
    const error = await rejection(task);
    assert.ok(error instanceof CancelledError);
    next()?.resolve();
    await turns();
    assert.deepEqual(told.aborts, [error]);
    assert.equal(stream.locked, false);
  });

  it('reports what goes wrong with aborting, as nobody waits for it', async () => {
    const reports = await reportsOf(async () => {
      const stream = new WritableStream({
        abort() {
          throw broken;
        },
      });
      fromWritableStream(stream).abort();
    });
    assert.deepEqual(
      reports.map(({ message, exception }) => [message, exception]),
      [['Exception while the sink of a writer was aborted', broken]],
    );
  });

  test('reports nothing where the stream had failed before it was aborted', async () => {
    const { stream, controller } = openWeb();
    const writer = fromWritableStream(stream);
    await turns();
    controller.error(broken);
    writer.abort();
    await turns();
    assert.equal(stream.locked, false);
  });

  test('may be used in any way while the end of the stream is on its way to it', async () => {
    for (const use of ['write', 'close', 'abort'] as const) {
      for (let ticks = 0; ticks < 8; ticks += 1) {
        const { stream, controller } = openWeb();
        const writer = fromWritableStream(stream);
        await turns(2);
        controller.error(broken);
        for (let i = 0; i < ticks; i += 1) await null;
        if (use === 'write') writer.writeNow('x');
        else writer[use]();
        if (use === 'abort') await turns(2);
        else assert.equal(await rejection(writer.waitClosed()), broken);
        assert.equal(stream.locked, false);
      }
    }
  });

  test('knows nothing of addresses, and sets no marks', async () => {
    const writer = fromWritableStream(openWeb().stream);
    assert.equal(writer.getExtraInfo('peername'), null);
    assert.equal(writer.getExtraInfo('peername', 1), 1);
    assert.throws(() => writer.transport.setWriteBufferLimits(), StateError);
    assert.throws(() => writer.transport.write('x' as unknown as Uint8Array), TypeError);
    assert.throws(() => writer.transport.writelines(['x' as unknown as Uint8Array]), TypeError);
    assert.equal(String(writer), '<StreamWriter buffered=0>');
    await writer.end();
    assert.equal(String(writer), '<StreamWriter lost buffered=0>');
  });

  test('refuses a stream that is locked', async () => {
    const { stream } = openWeb();
    const writer = fromWritableStream(stream);
    assert.throws(() => fromWritableStream(stream), TypeError);
    await writer.end();
  });

  it('is aborted by the end of the run, with the cancellation', async () => {
    const { stream, told } = openWeb();
    await run(async () => {
      const writer = fromWritableStream(stream);
      await turns();
      // Held until here: a writer that is dropped unclosed is closed by its collection, which may come any time.
      assert.equal(writer.isClosing(), false);
    });
    await turns();
    assert.ok(told.aborts[0] instanceof CancelledError);
    assert.equal(stream.locked, false);
  });

  it('goes on closing after the run', async () => {
    const { stream, told, next } = openWeb({ held: true });
    await run(async () => {
      const writer = fromWritableStream(stream);
      await turns();
      writer.writeNow('last words');
      writer.close();
    });
    next()?.resolve();
    await turns();
    assert.deepEqual(told, { chunks: ['last words'], closed: true, aborts: [] });
    assert.equal(stream.locked, false);
  });

  it('needs a running loop, and locks nothing without', () => {
    const { stream } = openWeb();
    assert.throws(() => fromWritableStream(stream), StateError);
    assert.equal(stream.locked, false);
  });
});
