import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { allTasks, createTask } from '../../src/coroutines/index.ts';
import { type ByteSource, readerFrom } from '../../src/streams/index.ts';
import { rejection, test, text, turns } from './fake-stream.ts';

const broken = new Error('broken');

/** A source that gives the pieces and then the end, and what was asked of it. */
function sourceOf(...pieces: (string | Error)[]) {
  const asked: string[] = [];
  const source: ByteSource = {
    async pull() {
      asked.push('pull');
      const piece = pieces.shift() ?? null;
      if (piece instanceof Error) throw piece;
      return piece;
    },
    cancel(reason) {
      asked.push(`cancel ${reason}`);
    },
  };
  return { source, asked };
}

describe('readerFrom', () => {
  test('reads what a source gives, to its end', async () => {
    const { source, asked } = sourceOf('one\ntw', 'o');
    const lines: string[] = [];
    for await (const line of readerFrom(source)) lines.push(text(line));
    assert.deepEqual(lines, ['one\n', 'two']);
    assert.deepEqual(asked, ['pull', 'pull', 'pull']);
  });

  test('asks nothing of a source that has ended or failed', async () => {
    for (const [last, pulls] of [
      ['end', ['pull', 'pull']],
      [broken, ['pull', 'pull']],
    ] as const) {
      const { source, asked } = last === broken ? sourceOf('x', broken) : sourceOf('x');
      const reader = readerFrom(source);
      await turns();
      reader.close();
      await turns();
      assert.deepEqual(asked, pulls);
    }
  });

  test('takes what a source throws at once for its error', async () => {
    const reader = readerFrom({
      pull() {
        throw broken;
      },
      cancel() {},
    });
    assert.equal(await rejection(reader.read()), broken);
  });

  test('follows whatever has a then', async () => {
    const pieces = ['a', 'b', null];
    const reader = readerFrom({
      pull: () => ({
        then(resolve: ((value: string | null) => never) | null | undefined): never {
          return resolve?.(pieces.shift() as string | null) as never;
        },
      }),
      cancel() {},
    });
    assert.equal(text(await reader.read()), 'ab');
  });

  test('works in a task that can be found by its name, and cancelled', async () => {
    const asked: unknown[] = [];
    const reader = readerFrom(
      { pull: () => new Promise(() => {}), cancel: (reason) => void asked.push(reason) },
      { name: 'the pump' },
    );
    await turns();
    const pump = [...allTasks()].find((task) => task.getName() === 'the pump');
    assert.ok(pump);
    pump.cancel('enough');
    const error = (await rejection(createTask(reader.read()))) as { code?: unknown; cause?: unknown };
    assert.equal(error.code, 'ERR_STREAM_ABORTED');
    assert.deepEqual(asked, [error.cause]);
  });

  test('has a text form that tells how it is fed', async () => {
    const reader = readerFrom(sourceOf('abc').source, { limit: 1 });
    assert.equal(String(reader), '<StreamReader limit=1 transport=<Pump>>');
    await turns();
    assert.equal(String(reader), '<StreamReader 3 bytes limit=1 transport=<Pump paused> paused>');
    reader.close();
    assert.equal(String(reader), '<StreamReader eof limit=1 transport=<Pump ended> paused>');
  });
});
