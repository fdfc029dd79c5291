import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTask } from '../../src/coroutines/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { run } from '../../src/runtime/index.ts';
import {
  fromWritableStream,
  StreamReader,
  StreamReaderProtocol,
  type StreamWriter,
} from '../../src/streams/index.ts';
import { collectGarbage } from '../support/collect-garbage.ts';
import { bytes, openFake, test, text } from './fake-stream.ts';
import { FakeTransport } from './fake-transport.ts';

/** What is warned of while the body runs. */
async function warningsOf(body: () => Promise<void>): Promise<string[]> {
  const warnings: string[] = [];
  const listen = ({ name, message }: Error) => {
    if (name === 'UnclosedWriterWarning') warnings.push(message);
  };
  process.on('warning', listen);
  try {
    await body();
    await collectGarbage(); // a warning is emitted in a tick of its own
  } finally {
    process.off('warning', listen);
  }
  return warnings;
}

/** Collects garbage until `done`, which takes as many rounds as the engine pleases; a few at most. */
async function collectUntil(done: () => boolean): Promise<void> {
  for (let i = 0; i < 50 && !done(); i += 1) await collectGarbage();
}

/** Collects garbage as often as was ever needed for anything to go. */
async function collectAll(): Promise<void> {
  for (let i = 0; i < 10; i += 1) await collectGarbage();
}

/** A connection that nobody has but who is given its halves, as a server's handler is. */
function accept(onClient: (reader: StreamReader, writer: StreamWriter) => void): FakeTransport {
  const loop = getRunningLoop();
  const protocol = new StreamReaderProtocol(new StreamReader(), { onClient });
  const transport = new FakeTransport(loop, protocol);
  protocol.connectionMade(transport);
  return transport;
}

describe('a writer that was dropped unclosed', () => {
  it('is closed, with a warning (B-STR-024)', async () => {
    const warnings = await warningsOf(() =>
      run(async () => {
        const transport = accept(() => {});
        await collectUntil(() => transport.isClosing());
        assert.equal(transport.isClosing(), true);
      }),
    );
    assert.deepEqual(warnings, ['A writer was dropped unclosed, it is closed now: <FakeTransport>']);
  });

  it('is only warned of if the loop is closed already (B-STR-024)', async () => {
    const warnings: string[] = await warningsOf(async () => {
      const transport = await run(async () => accept(() => {}));
      const seen = warningCount();
      await collectUntil(() => seen() > 0);
      assert.equal(transport.isClosing(), false);
    });
    assert.deepEqual(warnings, [
      'A writer was dropped unclosed, its loop is closed already: <FakeTransport>',
    ]);
  });

  it('still sends what was written', async () => {
    await warningsOf(() =>
      run(async () => {
        const transport = accept((_reader, writer) => writer.writeNow('last words'));
        await collectUntil(() => transport.isClosing());
        assert.equal(transport.getWriteBufferSize(), 10);
        transport.send();
      }),
    );
  });

  it('is no matter if it was closed, aborted, or lost', async () => {
    const warnings = await warningsOf(() =>
      run(async () => {
        accept((_reader, writer) => writer.close());
        accept((_reader, writer) => writer.abort());
        accept(() => {}).break(new Error('broken'));
        await collectAll();
      }),
    );
    assert.deepEqual(warnings, []);
  });

  it('is no matter once the transport has another protocol', async () => {
    const warnings = await warningsOf(() =>
      run(async () => {
        const transport = accept((_reader, writer) => writer.transport.setProtocol({}));
        await collectAll();
        assert.equal(transport.isClosing(), false);
      }),
    );
    assert.deepEqual(warnings, []);
  });

  it('stays open as long as somebody has the reader, or waits for it', async () => {
    const warnings = await warningsOf(() =>
      run(async () => {
        let kept: StreamReader | null = null;
        const first = accept((reader) => {
          kept = reader;
        });
        const lines: string[] = [];
        const second = accept((reader) => {
          createTask(function* () {
            lines.push(text(yield* reader.readLine()));
          });
        });
        await collectAll();
        assert.deepEqual([first.isClosing(), second.isClosing()], [false, false]);
        first.getProtocol().dataReceived?.(bytes('kept'));
        assert.equal((kept as StreamReader | null)?.bufferedBytes, 4);
        second.getProtocol().dataReceived?.(bytes('line\n'));
        await collectUntil(() => second.isClosing());
        assert.deepEqual(lines, ['line\n']);
        assert.deepEqual([first.isClosing(), second.isClosing()], [false, true]);
        (kept as StreamReader | null)?.close();
      }),
    );
    assert.equal(warnings.length, 1);
  });

  it('closes what it was made of, too', async () => {
    const warnings = await warningsOf(() =>
      run(async () => {
        let closed = false;
        fromWritableStream(
          new WritableStream({
            close() {
              closed = true;
            },
          }),
        );
        await collectUntil(() => closed);
        assert.equal(closed, true);
      }),
    );
    assert.deepEqual(warnings, [
      'A writer was dropped unclosed, it is closed now: <SinkTransport open buffered=0>',
    ]);
  });

  test('is its maker’s business if it was put together by hand', async () => {
    const { transport, protocol } = openFake();
    await collectAll();
    assert.equal(transport.isClosing(), false);
    protocol.dataReceived(bytes('fed'));
    assert.equal(protocol.reader.bufferedBytes, 3);
  });
});

/** How many warnings there have been since the call. */
function warningCount(): () => number {
  let count = 0;
  process.on('warning', ({ name }) => {
    if (name === 'UnclosedWriterWarning') count += 1;
  });
  return () => count;
}
