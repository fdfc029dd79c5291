import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTask } from '../../src/coroutines/index.ts';
import { CancelledError, IncompleteReadError, LoopError, StateError } from '../../src/interface/index.ts';
import { run } from '../../src/runtime/index.ts';
import { fromReadableStream, type StreamReader } from '../../src/streams/index.ts';
import { bytes, isPending, rejection, reportsOf, test, text, turns } from './fake-stream.ts';

const broken = new Error('broken');

type Controller = ReadableStreamDefaultController<ArrayBufferView | ArrayBuffer | string>;

/** A stream that the test feeds, and what its source was told. */
function openWeb(highWaterMark = 0) {
  const told = { pulls: 0, cancels: [] as unknown[] };
  let controller: Controller | undefined;
  const stream = new ReadableStream<ArrayBufferView | ArrayBuffer | string>(
    {
      start(given) {
        controller = given;
      },
      pull() {
        told.pulls += 1;
      },
      cancel(reason) {
        told.cancels.push(reason);
      },
    },
    { highWaterMark },
  );
  return { stream, told, controller: controller as Controller };
}

describe('fromReadableStream', () => {
  test('reads as any reader', async () => {
    const { stream, controller } = openWeb();
    const reader = fromReadableStream(stream);
    controller.enqueue(bytes('one\ntw'));
    assert.equal(text(await reader.readLine()), 'one\n');
    const line = createTask(reader.readLine());
    assert.equal(await isPending(line), true);
    controller.enqueue(bytes('o\nthree four'));
    assert.equal(text(await line), 'two\n');
    assert.equal(text(await reader.readExactly(5)), 'three');
    controller.close();
    assert.equal(text(await reader.read()), ' four');
    assert.equal(reader.atEof(), true);
    assert.equal(stream.locked, false);
  });

  test('reads so in a coroutine', function* () {
    const { stream, controller } = openWeb();
    const reader = fromReadableStream(stream);
    controller.enqueue('a line\n');
    assert.equal(text(yield* reader.readLine()), 'a line\n');
    controller.close();
    assert.equal((yield* reader.read()).length, 0);
  });

  test('takes bytes in any view, and text, but nothing of no length for the end', async () => {
    const { stream, controller } = openWeb();
    const reader = fromReadableStream(stream);
    controller.enqueue(new Uint8Array(0));
    controller.enqueue('→');
    controller.enqueue('');
    controller.enqueue(bytes('ab').buffer as ArrayBuffer);
    controller.enqueue(new DataView(bytes('xcdx').buffer as ArrayBuffer, 1, 2));
    controller.close();
    assert.equal(text(await reader.read()), '→abcd');
  });

  test('reads what the platform gives', async () => {
    const reader = fromReadableStream(new Blob(['one\ntwo']).stream());
    const lines: string[] = [];
    for await (const line of reader) lines.push(text(line));
    assert.deepEqual(lines, ['one\n', 'two']);
    const zipped = new Blob(['x'.repeat(100_000)]).stream().pipeThrough(new CompressionStream('gzip'));
    const unzipped = fromReadableStream(zipped.pipeThrough(new DecompressionStream('gzip')));
    assert.equal((await unzipped.read()).length, 100_000);
  });

  test('reads ahead while no more than its limit is buffered', async () => {
    const { stream, told, controller } = openWeb();
    const reader = fromReadableStream(stream, { limit: 10 });
    await turns();
    assert.equal(told.pulls, 1);
    controller.enqueue(new Uint8Array(10));
    await turns();
    assert.equal(told.pulls, 2);
    controller.enqueue(new Uint8Array(1));
    await turns();
    assert.equal(told.pulls, 2, 'there is more than the limit now');
    assert.equal(reader.bufferedBytes, 11);
    await reader.readExactly(1);
    await turns();
    assert.equal(told.pulls, 3);
    // What is asked for may be more than the limit.
    const read = createTask(reader.readExactly(1000));
    for (let i = 0; i < 99; i += 1) {
      controller.enqueue(new Uint8Array(10));
      await turns(1);
    }
    assert.equal((await read).length, 1000);
  });

  test('leaves what was cut off by a cancelled read to the next one (B-STR-011)', async () => {
    const { stream, controller, told } = openWeb();
    const reader = fromReadableStream(stream);
    controller.enqueue('half a ');
    const read = createTask(reader.readLine());
    await turns();
    read.cancel();
    assert.ok((await rejection(read)) instanceof CancelledError);
    controller.enqueue('line\n');
    assert.equal(text(await reader.readLine()), 'half a line\n');
    assert.deepEqual(told.cancels, []);
    reader.close();
  });

  test('throws the error of the stream itself, and lets go of it', async () => {
    const { stream, controller } = openWeb();
    const reader = fromReadableStream(stream);
    const read = createTask(reader.readLine());
    await turns();
    controller.error(broken);
    assert.equal(await rejection(read), broken);
    assert.equal(await rejection(reader.read(1)), broken);
    assert.equal(stream.locked, false);
  });

  test('throws an error where the stream has another reason, or somebody’s cancellation', async () => {
    for (const reason of ['text', undefined, new CancelledError('of another task')]) {
      const { stream, controller } = openWeb();
      const reader = fromReadableStream(stream);
      controller.error(reason);
      const error = await rejection(reader.read());
      assert.ok(error instanceof LoopError);
      assert.equal(error.code, 'ERR_STREAM_ABORTED');
      assert.equal(error.cause, reason);
    }
  });

  test('throws and cancels the stream for a chunk that is neither bytes nor text', async () => {
    const { stream, told, controller } = openWeb();
    const reader = fromReadableStream(stream);
    controller.enqueue({} as string);
    const error = await rejection(reader.read());
    assert.ok(error instanceof TypeError);
    assert.deepEqual(told.cancels, [error]);
    assert.equal(stream.locked, false);
  });

  describe('closed', () => {
    test('while it waits for the stream, cancels that and lets go of it', async () => {
      const { stream, told } = openWeb();
      const reader = fromReadableStream(stream);
      const read = createTask(reader.read(1));
      const exactly = createTask(async () => {
        await read;
        await reader.readExactly(1);
      });
      await turns();
      reader.close(broken);
      assert.deepEqual(told.cancels, [broken]);
      assert.equal(stream.locked, false);
      assert.equal((await read).length, 0);
      assert.ok((await rejection(exactly)) instanceof IncompleteReadError);
      reader.close('again');
      assert.equal(told.cancels.length, 1);
    });

    test('with more than the limit buffered, too', async () => {
      const { stream, told, controller } = openWeb();
      const reader = fromReadableStream(stream, { limit: 1 });
      controller.enqueue('more');
      await turns();
      reader.close(broken);
      assert.deepEqual(told.cancels, [broken]);
      assert.equal(stream.locked, false);
      assert.equal(reader.bufferedBytes, 0);
    });

    test('before it has begun, too', async () => {
      const { stream, told } = openWeb();
      fromReadableStream(stream).close(broken);
      assert.deepEqual(told.cancels, [broken]);
      assert.equal(stream.locked, false);
      await turns();
      assert.equal(told.pulls, 0);
    });

    test('after the end, does nothing', async () => {
      const { stream, told, controller } = openWeb();
      const reader = fromReadableStream(stream);
      controller.close();
      await reader.read();
      reader.close(broken);
      assert.deepEqual(told.cancels, []);
    });

    test('by using, at the end of the block, however it is left', async () => {
      const { stream, told } = openWeb();
      const task = createTask(async () => {
        using reader = fromReadableStream(stream);
        await reader.readLine();
      });
      await turns();
      task.cancel();
      assert.ok((await rejection(task)) instanceof CancelledError);
      assert.equal(told.cancels.length, 1);
      assert.equal(stream.locked, false);
    });

    test('after the stream has failed unseen, reports nothing', async () => {
      const { stream, controller } = openWeb();
      const reader = fromReadableStream(stream, { limit: 1 });
      controller.enqueue('more');
      await turns();
      controller.error(broken);
      reader.close();
      await turns();
      assert.equal(stream.locked, false);
    });

    test('while the end of the stream is on its way to it, reports nothing', async () => {
      for (const failing of [false, true]) {
        for (let ticks = 0; ticks < 8; ticks += 1) {
          const { stream, controller } = openWeb();
          const reader = fromReadableStream(stream);
          await turns(2);
          if (failing) controller.error(broken);
          else controller.close();
          for (let i = 0; i < ticks; i += 1) await null;
          reader.close();
          await turns(2);
          assert.equal(stream.locked, false);
        }
      }
    });

    it('reports what goes wrong with that, as nobody waits for it', async () => {
      const reports = await reportsOf(async () => {
        const stream = new ReadableStream({
          cancel() {
            throw broken;
          },
        });
        fromReadableStream(stream).close();
      });
      assert.deepEqual(
        reports.map(({ message, exception }) => [message, exception]),
        [['Exception while the source of a reader was cancelled', broken]],
      );
    });
  });

  test('leaves the chunks to who else may have them', async () => {
    const shared = bytes('shared');
    const { stream, controller } = openWeb();
    const [one, other] = stream.tee();
    controller.enqueue(shared);
    controller.close();
    const read = await fromReadableStream(one).read();
    structuredClone(read, { transfer: [read.buffer as ArrayBuffer] });
    assert.equal(text(await fromReadableStream(other).read()), 'shared');
    assert.equal(text(shared), 'shared');
  });

  test('refuses a stream that is locked, and locks none in vain', async () => {
    const { stream } = openWeb();
    for (const limit of [0, Number.NaN]) {
      assert.throws(() => fromReadableStream(stream, { limit }), RangeError);
      assert.equal(stream.locked, false);
    }
    const reader = fromReadableStream(stream);
    assert.throws(() => fromReadableStream(stream), TypeError);
    reader.close();
  });

  it('is cancelled by the end of the run, with the cancellation', async () => {
    const { stream, told } = openWeb();
    let reader: StreamReader | undefined;
    await run(async () => {
      reader = fromReadableStream(stream);
      await turns();
    });
    assert.ok(told.cancels[0] instanceof CancelledError);
    assert.equal(stream.locked, false);
    const error = reader?.exception();
    assert.ok(error instanceof LoopError);
    assert.equal(error.cause, told.cancels[0]);
  });

  it('needs a running loop, and locks nothing without', () => {
    const { stream } = openWeb();
    assert.throws(() => fromReadableStream(stream), StateError);
    assert.equal(stream.locked, false);
  });
});
