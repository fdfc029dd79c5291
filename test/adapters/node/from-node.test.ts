import assert from 'node:assert/strict';
import {
  createReadStream,
  createWriteStream,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { describe, it } from 'node:test';
import { createGunzip, createGzip } from 'node:zlib';
import { fromNodeReadable, fromNodeWritable } from '../../../src/adapters/node/index.ts';
import { createTask } from '../../../src/coroutines/index.ts';
import { CancelledError, LoopError, StateError } from '../../../src/interface/index.ts';
import { run } from '../../../src/runtime/index.ts';
import type { StreamReader } from '../../../src/streams/index.ts';
import { bytes, deferred, isPending, rejection, test, text, turns } from '../../streams/fake-stream.ts';

const broken = new Error('broken');

/** A stream that the test feeds, and what was asked of it. */
function openReadable(options: { highWaterMark?: number; objectMode?: boolean } = {}) {
  const told = { reads: 0, destroyed: [] as unknown[] };
  const readable = new Readable({
    highWaterMark: 1,
    ...options,
    read() {
      told.reads += 1;
    },
    destroy(error, callback) {
      told.destroyed.push(error);
      callback(error);
    },
  });
  return { readable, told };
}

/** A stream whose every write waits until the test lets it go on. */
function openWritable(highWaterMark = 4) {
  const told = { chunks: [] as string[], ended: false, destroyed: [] as unknown[] };
  const waiting: ((error?: Error) => void)[] = [];
  const writable = new Writable({
    highWaterMark,
    write(chunk: Buffer, _encoding, callback) {
      told.chunks.push(chunk.toString());
      waiting.push(callback);
    },
    final(callback) {
      told.ended = true;
      callback();
    },
    destroy(error, callback) {
      told.destroyed.push(error);
      callback(error);
    },
  });
  return { writable, told, next: (error?: Error) => waiting.shift()?.(error) };
}

describe('fromNodeReadable', () => {
  test('reads as any reader', async () => {
    const { readable } = openReadable();
    const reader = fromNodeReadable(readable);
    readable.push('one\ntw');
    assert.equal(text(await reader.readLine()), 'one\n');
    const line = createTask(reader.readLine());
    assert.equal(await isPending(line), true);
    readable.push('o\nthree four');
    assert.equal(text(await line), 'two\n');
    assert.equal(text(await reader.readExactly(5)), 'three');
    readable.push(null);
    assert.equal(text(await reader.read()), ' four');
    assert.equal(reader.atEof(), true);
    await turns();
    assert.equal(readable.destroyed, true);
  });

  test('reads so in a coroutine', function* () {
    const reader = fromNodeReadable(
      Readable.from([Buffer.from('a'), Buffer.from('b')], { objectMode: false }),
    );
    assert.deepEqual(yield* reader.read(), bytes('ab'));
  });

  test('reads what Node gives: files, text, what was zipped', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'tulipa-adapter-'));
    try {
      const path = join(directory, 'file');
      writeFileSync(path, 'line →\n'.repeat(50_000));
      let lines = 0;
      for await (const line of fromNodeReadable(createReadStream(path, 'utf8'))) {
        assert.equal(text(line), 'line →\n');
        lines += 1;
      }
      assert.equal(lines, 50_000);
      const zipped = fromNodeReadable(createReadStream(path).pipe(createGzip()).pipe(createGunzip()));
      assert.equal((await zipped.read()).length, 50_000 * 9);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test('reads ahead while no more than its limit is buffered', async () => {
    const { readable, told } = openReadable();
    const reader = fromNodeReadable(readable, { limit: 10 });
    await turns();
    assert.equal(told.reads, 1);
    readable.push(Buffer.alloc(10));
    await turns();
    assert.equal(reader.bufferedBytes, 10);
    readable.push(Buffer.alloc(1));
    await turns();
    assert.equal(reader.bufferedBytes, 11);
    readable.push(Buffer.alloc(5));
    await turns();
    assert.equal(reader.bufferedBytes, 11, 'the rest stays with the stream');
    assert.equal(readable.readableLength, 5);
    const reads = told.reads;
    await turns();
    assert.equal(told.reads, reads);
    await reader.readExactly(1);
    await turns();
    assert.equal(reader.bufferedBytes, 15);
    reader.close();
  });

  test('leaves what was cut off by a cancelled read to the next one (B-STR-011)', async () => {
    const { readable, told } = openReadable();
    const reader = fromNodeReadable(readable);
    readable.push('half a ');
    const read = createTask(reader.readLine());
    await turns();
    read.cancel();
    assert.ok((await rejection(read)) instanceof CancelledError);
    readable.push('line\n');
    assert.equal(text(await reader.readLine()), 'half a line\n');
    assert.deepEqual(told.destroyed, []);
    reader.close();
  });

  test('throws the error of the stream itself', async () => {
    const { readable } = openReadable();
    const reader = fromNodeReadable(readable);
    const read = createTask(reader.readLine());
    await turns();
    readable.destroy(broken);
    assert.equal(await rejection(read), broken);
    assert.equal(await rejection(reader.read(1)), broken);
  });

  test('throws it also if nobody was reading, and it could find no listener', async () => {
    const { readable } = openReadable();
    const reader = fromNodeReadable(readable, { limit: 1 });
    readable.push('more');
    await turns();
    readable.destroy(broken);
    await turns();
    assert.equal(text(await reader.read(10)), 'more');
    assert.equal(await rejection(reader.read(10)), broken);
  });

  test('throws where the stream is closed before its end', async () => {
    const { readable } = openReadable();
    const reader = fromNodeReadable(readable);
    await turns();
    readable.destroy();
    assert.equal(((await rejection(reader.read())) as { code?: unknown }).code, 'ERR_STREAM_PREMATURE_CLOSE');
  });

  test('throws and destroys the stream for a chunk that is neither bytes nor text', async () => {
    const { readable, told } = openReadable({ objectMode: true });
    const reader = fromNodeReadable(readable);
    readable.push({});
    const error = await rejection(reader.read());
    assert.ok(error instanceof TypeError);
    assert.deepEqual(told.destroyed, [error]);
  });

  for (const when of ['before it has begun', 'while it waits', 'with more than the limit buffered']) {
    test(`closed ${when}, destroys the stream with the reason, if that is an error`, async () => {
      for (const reason of [broken, 'text', undefined]) {
        const { readable, told } = openReadable();
        const reader = fromNodeReadable(readable, { limit: 1 });
        if (when.startsWith('with')) readable.push('more');
        if (!when.startsWith('before')) await turns();
        reader.close(reason);
        assert.deepEqual(told.destroyed, [reason === broken ? broken : null]);
        assert.equal((await reader.read()).length, 0);
        await turns();
      }
    });
  }

  test('closed after the end, does nothing', async () => {
    const { readable, told } = openReadable();
    const reader = fromNodeReadable(readable);
    readable.push(null);
    await reader.read();
    reader.close(broken);
    await turns();
    assert.deepEqual(told.destroyed, [null]);
  });

  test('leaves the chunks to who else may have them', async () => {
    const own = Buffer.from('x'.repeat(100_000));
    const reader = fromNodeReadable(Readable.from([own], { objectMode: false }));
    const read = await reader.read();
    read.fill(0);
    assert.equal(own[0], 120);
  });

  it('is destroyed by the end of the run, with the cancellation', async () => {
    const { readable, told } = openReadable();
    let reader: StreamReader | undefined;
    await run(async () => {
      reader = fromNodeReadable(readable);
      await turns();
    });
    assert.ok(told.destroyed[0] instanceof CancelledError);
    assert.ok(reader?.exception() instanceof LoopError);
    await turns(); // an 'error' event that finds no listener would end this process
  });

  it('needs a running loop, and a limit above 0', async () => {
    const { readable } = openReadable();
    assert.throws(() => fromNodeReadable(readable), StateError);
    await run(async () => {
      assert.throws(() => fromNodeReadable(readable, { limit: 0 }), RangeError);
    });
  });
});

describe('fromNodeWritable', () => {
  test('writes as any writer', async () => {
    const passed = new PassThrough();
    const writer = fromNodeWritable(passed);
    await writer.write(bytes('a'));
    await writer.write('→');
    await writer.writelines(['b', bytes('c')]);
    writer.writeNow('d');
    await writer.drain();
    writer.close();
    await writer.waitClosed();
    assert.equal(String(Buffer.concat(await passed.toArray())), 'a→bcd');
  });

  test('writes so in a coroutine', function* () {
    const { writable, told, next } = openWritable();
    const writer = fromNodeWritable(writable);
    yield* writer.write('a');
    next();
    yield* writer.end();
    assert.deepEqual(told.chunks, ['a']);
    assert.equal(told.ended, true);
  });

  test('writes what Node takes: files', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'tulipa-adapter-'));
    try {
      const path = join(directory, 'file');
      const writer = fromNodeWritable(createWriteStream(path));
      for (let i = 0; i < 100; i += 1) await writer.write('x'.repeat(10_000));
      await writer.end();
      assert.equal(readFileSync(path).length, 1_000_000);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test('waits until the stream has drained', async () => {
    const { writable, told, next } = openWritable(4);
    const writer = fromNodeWritable(writable);
    await writer.write('abc');
    const write = writer.write('defg');
    assert.equal(await isPending(write), true);
    assert.equal(writer.transport.getWriteBufferSize(), 7);
    next();
    assert.equal(await isPending(write), true, 'Node says so only when everything is written');
    next();
    await write;
    assert.deepEqual(told.chunks, ['abc', 'defg']);
    await writer.end();
  });

  test('listens once for that, however much is written meanwhile', async () => {
    const { writable, told, next } = openWritable(4);
    const writer = fromNodeWritable(writable);
    for (let i = 0; i < 20; i += 1) writer.writeNow('abcdef');
    assert.equal(writable.listenerCount('drain'), 1);
    const drain = createTask(writer.drain());
    for (let i = 0; i < 20; i += 1) {
      assert.equal(drain.done(), false);
      next();
      await turns(1);
    }
    await drain;
    assert.equal(told.chunks.length, 20);
    const write = writer.write('again, more than fits');
    assert.equal(await isPending(write), true);
    next();
    await write;
    await writer.end();
  });

  test('leaves the bytes it was given to their owner', async () => {
    const passed = new PassThrough();
    const writer = fromNodeWritable(passed);
    const own = bytes('own');
    await writer.write(own);
    own.fill(0);
    assert.equal(String(passed.read()), 'own');
    writer.abort();
  });

  test('closes once everything is written', async () => {
    const { writable, told, next } = openWritable();
    const writer = fromNodeWritable(writable);
    writer.writeNow('a');
    writer.close();
    const closed = createTask(writer.waitClosed());
    assert.equal(await isPending(closed), true);
    next();
    await closed;
    assert.equal(told.ended, true);
    const error = await rejection(writer.write('late'));
    assert.ok(error instanceof StateError);
    assert.equal(error.code, 'ERR_STREAM_CLOSED');
  });

  test('throws the error of the stream itself: in a write that waits, in later ones, at the end', async () => {
    const { writable, next } = openWritable();
    const writer = fromNodeWritable(writable);
    const write = rejection(writer.write('abcdef'));
    const closed = rejection(writer.waitClosed());
    await turns();
    next(broken);
    assert.equal(await write, broken);
    assert.equal(await closed, broken);
    assert.equal(await rejection(writer.write('b')), broken);
    assert.equal(await rejection(writer.end()), broken);
  });

  test('throws where the stream is closed before its end', async () => {
    const { writable } = openWritable();
    const writer = fromNodeWritable(writable);
    const write = rejection(writer.write('abcdef'));
    await turns();
    writable.destroy();
    assert.equal(((await write) as { code?: unknown }).code, 'ERR_STREAM_PREMATURE_CLOSE');
    assert.equal(writer.isClosing(), true);
  });

  test('ends where somebody else ends the stream', async () => {
    const { writable } = openWritable();
    const writer = fromNodeWritable(writable);
    writable.end();
    await writer.waitClosed();
    assert.ok((await rejection(writer.write('late'))) instanceof StateError);
  });

  for (const when of ['idle', 'writing', 'closing'] as const) {
    test(`aborted while ${when}, destroys the stream with the reason, if that is an error`, async () => {
      for (const reason of [broken, 'text', undefined]) {
        const { writable, told } = openWritable();
        const writer = fromNodeWritable(writable);
        const write = when === 'idle' ? null : createTask(writer.drain.bind(writer));
        if (when !== 'idle') writer.writeNow('abcdef');
        if (when === 'closing') writer.close();
        await turns();
        writer.abort(reason);
        assert.deepEqual(told.destroyed, [reason === broken ? broken : null]);
        await writer.waitClosed();
        await write;
      }
    });
  }

  test('goes on after a write that waits was cancelled, whose bytes are handed over', async () => {
    const { writable, told, next } = openWritable();
    const writer = fromNodeWritable(writable);
    const write = createTask(function* () {
      yield* writer.write('abcdef');
    });
    await turns();
    write.cancel();
    assert.ok((await rejection(write)) instanceof CancelledError);
    next();
    writer.writeNow('b');
    next();
    await writer.end();
    assert.deepEqual(told.chunks, ['abcdef', 'b']);
  });

  test('by await using closes and waits; cancelled in that, destroys the stream', async () => {
    const { writable, told } = openWritable();
    const left = deferred<void>();
    const task = createTask(async () => {
      await using writer = fromNodeWritable(writable);
      writer.writeNow('abcdef');
      left.resolve();
    });
    await left.promise;
    assert.equal(await isPending(task), true);
    task.cancel();
    const error = await rejection(task);
    assert.ok(error instanceof CancelledError);
    assert.deepEqual(told.destroyed, [error]);
    await turns();
  });

  it('is destroyed by the end of the run, with the cancellation', async () => {
    const { writable, told } = openWritable();
    await run(async () => {
      fromNodeWritable(writable);
      await turns();
    });
    assert.ok(told.destroyed[0] instanceof CancelledError);
    await turns(); // an 'error' event that finds no listener would end this process
  });

  it('goes on closing after the run', async () => {
    const { writable, told, next } = openWritable();
    await run(async () => {
      const writer = fromNodeWritable(writable);
      writer.writeNow('last words');
      writer.close();
    });
    next();
    await turns();
    assert.deepEqual(told, { chunks: ['last words'], ended: true, destroyed: [null] });
  });

  it('needs a running loop, and leaves the stream alone without', async () => {
    const { writable } = openWritable();
    assert.throws(() => fromNodeWritable(writable), StateError);
    writable.on('error', () => {}).destroy(broken);
    await turns(); // a rejection that nobody handles would fail this test
  });
});
