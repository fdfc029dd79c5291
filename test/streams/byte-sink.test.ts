import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { allTasks } from '../../src/coroutines/index.ts';
import { CancelledError } from '../../src/interface/index.ts';
import { type ByteSink, writerTo } from '../../src/streams/index.ts';
import { type Deferred, deferred, isPending, rejection, test, text, turns } from './fake-stream.ts';

const broken = new Error('broken');

/** A sink that wants more when the test says so, and what was asked of it. */
class TestSink implements ByteSink {
  readonly asked: string[] = [];
  readonly ending = deferred<void>();
  readonly closed = this.ending.promise;
  wanting: Deferred<void> | null = null;
  bufferedBytes = 0;

  write(bytes: Uint8Array): Promise<void> | null {
    this.asked.push(`write ${text(bytes)}`);
    return this.wanting?.promise ?? null;
  }

  close(): void {
    this.asked.push('close');
  }

  abort(reason: unknown): void {
    this.asked.push(`abort ${reason}`);
  }
}

describe('writerTo', () => {
  test('writes to a sink as it wants it', async () => {
    const sink = new TestSink();
    const writer = writerTo(sink);
    await writer.write('a');
    sink.wanting = deferred();
    const first = writer.write('b');
    const second = writer.write('c');
    assert.equal(await isPending(first), true);
    sink.wanting.resolve();
    await first;
    await second;
    assert.deepEqual(sink.asked, ['write a', 'write b', 'write c']);
    sink.ending.resolve();
    await writer.waitClosed();
  });

  test('leaves a broken wish for more to the broken end', async () => {
    const sink = new TestSink();
    sink.wanting = deferred();
    const writer = writerTo(sink);
    const write = rejection(writer.write('a'));
    const { wanting } = sink;
    sink.wanting = deferred();
    writer.writeNow('b');
    sink.wanting.reject(new Error('of the wish'));
    wanting.reject(new Error('of the wish'));
    await turns();
    sink.ending.reject(broken);
    assert.equal(await write, broken);
  });

  test('throws at once what the sink throws at once', async () => {
    const sink = new TestSink();
    sink.write = () => {
      throw broken;
    };
    const writer = writerTo(sink);
    assert.throws(() => writer.write('a'), broken);
    writer.abort();
  });

  test('asks a sink to close and to abort once, and that in this order', async () => {
    const sink = new TestSink();
    const writer = writerTo(sink);
    writer.close();
    writer.writeEof();
    writer.close();
    writer.abort('enough');
    writer.abort('again');
    writer.close();
    await writer.waitClosed();
    assert.deepEqual(sink.asked, ['close', 'abort enough']);
  });

  test('asks nothing of a sink that has ended', async () => {
    for (const error of [null, broken]) {
      const sink = new TestSink();
      const writer = writerTo(sink);
      if (error === null) sink.ending.resolve();
      else sink.ending.reject(error);
      await turns();
      writer.close();
      writer.abort();
      await turns();
      assert.deepEqual(sink.asked, []);
    }
  });

  test('waits in a task that can be found by its name, and cancelled', async () => {
    const sink = new TestSink();
    const writer = writerTo(sink, { name: 'the watch' });
    await turns();
    const watch = [...allTasks()].find((task) => task.getName() === 'the watch');
    assert.ok(watch);
    watch.cancel('enough');
    await writer.waitClosed();
    assert.deepEqual(sink.asked, [`abort ${new CancelledError('enough')}`]);
  });

  test('calls another protocol, once it has one', async () => {
    const sink = new TestSink();
    sink.wanting = deferred();
    const { transport } = writerTo(sink);
    const calls: string[] = [];
    transport.setProtocol({
      pauseWriting: () => void calls.push('pause'),
      resumeWriting: () => void calls.push('resume'),
      connectionLost: (error) => void calls.push(`lost ${error}`),
    });
    transport.write(new Uint8Array(1));
    sink.wanting.resolve();
    await turns();
    transport.abort();
    assert.deepEqual(calls, ['pause', 'resume'], 'the end is told later');
    await turns();
    assert.deepEqual(calls, ['pause', 'resume', 'lost null']);
  });
});
