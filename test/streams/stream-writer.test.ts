import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { createTask, gather, type Task } from '../../src/coroutines/index.ts';
import {
  CancelledError,
  type ExceptionContext,
  LoopError,
  type Suspension,
  SystemError,
  type Waitable,
} from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import {
  HARD_CAP_FACTOR,
  StreamReader,
  StreamReaderProtocol,
  StreamWriter,
  type StreamWriterOptions,
} from '../../src/streams/index.ts';
import { runSimulated } from '../support/simulated.ts';
import { FakeTransport } from './fake-transport.ts';

type Body = () => Generator<Suspension, void, unknown>;

function test(name: string, body: Body | (() => Promise<void>)): void {
  it(name, () => runSimulated(body));
}

/** A writer on a fake transport, with everything between them. */
function open(options?: Omit<StreamWriterOptions, 'reader'>) {
  const loop = getRunningLoop();
  const reader = new StreamReader();
  const protocol = new StreamReaderProtocol(reader);
  const transport = new FakeTransport(loop, protocol);
  protocol.connectionMade(transport);
  const writer = new StreamWriter(transport, protocol.flow, { ...options, reader });
  return { loop, reader, protocol, transport, writer };
}

const brokenPipe = new SystemError('broken', { code: 'EPIPE' });
const highWater = 64 * 1024;

function* waiting<T>(wait: Waitable<T>): Generator<Suspension, Task<T>, unknown> {
  const task = createTask(function* () {
    return yield* wait;
  });
  yield;
  yield;
  assert.equal(task.done(), false, 'it did not wait');
  return task;
}

function* rejection(wait: Waitable<unknown>): Generator<Suspension, unknown, unknown> {
  try {
    yield* wait;
  } catch (error) {
    return error;
  }
  return assert.fail('nothing was thrown');
}

/** How many turns a wait takes. */
function* turnsOf(
  wait: () => Generator<Suspension, unknown, unknown>,
): Generator<Suspension, number, unknown> {
  let turns = 0;
  let over = false;
  const loop = getRunningLoop();
  const count = () => {
    if (over) return;
    turns += 1;
    loop.callSoon(count);
  };
  loop.callSoon(count);
  yield* wait();
  over = true;
  return turns;
}

function assertFull(call: () => unknown): void {
  assert.throws(call, (error) => error instanceof LoopError && error.code === 'ERR_WRITE_BUFFER_FULL');
}

function assertReset(error: unknown, cause: unknown): void {
  assert.ok(error instanceof SystemError);
  assert.equal(error.code, 'ECONNRESET');
  assert.equal(error.cause, cause);
}

/** Everything that is reported while the body runs, and for some turns after it. */
async function reportsOf(body: Body): Promise<ExceptionContext[]> {
  const reports: ExceptionContext[] = [];
  await runSimulated(function* () {
    getRunningLoop().setExceptionHandler((_loop, context) => void reports.push(context));
    yield* body();
    for (let i = 0; i < 5; i += 1) yield;
  });
  return reports;
}

describe('StreamWriter', () => {
  describe('write', () => {
    test('hands over bytes and text at once', function* () {
      const { transport, writer } = open();
      writer.write(new TextEncoder().encode('bytes '));
      writer.write('and text →');
      writer.writeNow(' now');
      assert.equal(transport.text, 'bytes and text → now');
      yield* writer.writelines(['a', new TextEncoder().encode('b'), '→']);
      assert.equal(transport.text, 'bytes and text → nowab→');
    });

    test('takes no turn and makes nothing below the high-water mark', function* () {
      const { transport, writer } = open();
      assert.equal(
        yield* turnsOf(function* () {
          for (let i = 0; i < 3; i += 1) yield* writer.write('x');
        }),
        0,
      );
      const first = writer.write('x');
      assert.equal(writer.write('x'), first);
      assert.equal(transport.written.length, 5);
    });

    test('waits above the high-water mark until the low one', function* () {
      const { transport, writer } = open();
      const write = yield* waiting(writer.write(new Uint8Array(highWater + 1)));
      transport.send(highWater / 2);
      yield;
      assert.equal(write.done(), false);
      transport.send();
      yield* write;
    });

    it('waits the same by await', () =>
      runSimulated(async () => {
        const { loop, transport, writer } = open();
        await writer.write('small');
        let sent = false;
        loop.callSoon(() => {
          sent = true;
          transport.send();
        });
        await writer.write(new Uint8Array(highWater + 1));
        assert.equal(sent, true);
      }));

    test('waits for what there is to wait for when it is awaited, not when it was written', function* () {
      const { transport, writer } = open();
      const written = writer.write(new Uint8Array(highWater + 1));
      transport.send();
      assert.equal(
        yield* turnsOf(function* () {
          yield* written;
          yield* written;
        }),
        0,
      );
    });

    test('refuses what is neither bytes nor text, at the call', function* () {
      const { transport, writer } = open();
      assert.throws(() => writer.write(1 as unknown as string), TypeError);
      assert.throws(() => writer.writeNow([1] as unknown as string), TypeError);
      assert.throws(() => writer.writelines(['a', 1 as unknown as string]), TypeError);
      assert.throws(() => writer.writelines('text'), TypeError);
      assert.equal(transport.written.length, 0);
    });

    test('on a connection that was aborted throws', function* () {
      const { transport, writer } = open();
      transport.abort();
      assertReset(yield* rejection(writer.write('x')), undefined);
    });

    test('that waits throws when the connection breaks', function* () {
      const { protocol, transport, writer } = open();
      const write = yield* waiting(writer.write(new Uint8Array(highWater + 1)));
      const plain = yield* waiting(new StreamWriter(transport, protocol.flow).drain());
      transport.break(brokenPipe);
      const [first, second] = yield* gather([write, plain], { returnExceptions: true });
      assertReset(first, brokenPipe);
      assertReset(second, brokenPipe);
    });

    it('that nobody awaits is not reported, whatever happens to the connection', async () => {
      const reports = await reportsOf(function* () {
        const { transport, writer } = open();
        writer.write(new Uint8Array(highWater + 1));
        writer.writelines([new Uint8Array(1)]);
        transport.break(brokenPipe);
        writer.write('x');
        yield;
        yield;
        writer.write('x');
        assert.equal(yield* rejection(writer.waitClosed()), brokenPipe);
      });
      assert.deepEqual(reports, []);
    });
  });

  describe('the hard cap', () => {
    test('is 64 times the high-water mark, and stops write and writeNow beyond it', function* () {
      const { transport, writer } = open();
      assert.equal(HARD_CAP_FACTOR, 64);
      const cap = 64 * highWater;
      writer.writeNow(new Uint8Array(cap));
      writer.writeNow('x');
      for (const write of [
        () => writer.write('y'),
        () => writer.writeNow('y'),
        () => writer.writelines(['y']),
      ]) {
        assertFull(write);
      }
      assert.equal(transport.getWriteBufferSize(), cap + 1);
      transport.send(1);
      writer.writeNow('z');
      assertFull(() => writer.writeNow('y'));
    });

    test('follows the high-water mark', function* () {
      const { transport, writer } = open();
      transport.setWriteBufferLimits({ high: 10 });
      writer.writeNow(new Uint8Array(641));
      assertFull(() => writer.writeNow('y'));
      transport.setWriteBufferLimits({ high: 11 });
      writer.writeNow('y');
    });

    test('is that of the default mark where the mark is 0', function* () {
      const { transport, writer } = open();
      transport.setWriteBufferLimits({ high: 0 });
      writer.writeNow('abc');
      writer.writeNow(new Uint8Array(64 * highWater));
      assertFull(() => writer.writeNow('y'));
    });

    test('can be given, also below the mark', function* () {
      const { writer } = open({ writeBufferBytesMax: 3 });
      writer.writeNow('abc');
      writer.writeNow('d');
      assertFull(() => writer.writeNow('e'));
      for (const writeBufferBytesMax of [0, -1, Number.NaN]) {
        assert.throws(() => open({ writeBufferBytesMax }), RangeError);
      }
    });
  });

  describe('drain', () => {
    test('of any number of tasks ends on resume, in their order (B-STR-017)', function* () {
      const { transport, writer } = open();
      writer.writeNow(new Uint8Array(highWater + 1));
      const order: number[] = [];
      const drains = [0, 1, 2, 3, 4].map((number) =>
        createTask(function* () {
          yield* writer.drain();
          order.push(number);
        }),
      );
      yield;
      yield;
      assert.deepEqual(order, []);
      transport.send();
      yield* gather(drains);
      assert.deepEqual(order, [0, 1, 2, 3, 4]);
    });

    test('cancelled in one task goes on in the others (B-STR-017)', function* () {
      const { transport, writer } = open();
      writer.writeNow(new Uint8Array(highWater + 1));
      const [first, second, third] = [
        yield* waiting(writer.drain()),
        yield* waiting(writer.drain()),
        yield* waiting(writer.write('x')),
      ];
      second.cancel();
      yield;
      yield;
      assert.deepEqual([first.done(), second.cancelled(), third.done()], [false, true, false]);
      transport.send();
      yield* gather([first, third]);
    });

    test('cancelled just before the resume stands in nobody’s way (B-STR-017)', function* () {
      const { transport, writer } = open();
      writer.writeNow(new Uint8Array(highWater + 1));
      const [first, second] = [yield* waiting(writer.drain()), yield* waiting(writer.drain())];
      first.cancel();
      transport.send();
      yield* second;
      assert.equal(first.cancelled(), true);
    });

    test('waits again after a second pause (B-STR-017)', function* () {
      const { transport, writer } = open();
      for (let i = 0; i < 2; i += 1) {
        writer.writeNow(new Uint8Array(highWater + 1));
        const drain = yield* waiting(writer.drain());
        transport.send();
        yield* drain;
      }
      assert.equal(
        yield* turnsOf(function* () {
          yield* writer.drain();
        }),
        0,
      );
    });

    test('of a lost connection throws a connection error, each time (B-STR-018)', function* () {
      const { loop, protocol, transport } = open();
      // Without a reader: its error would come first.
      const writer = new StreamWriter(transport, protocol.flow, { loop });
      transport.break(brokenPipe);
      assertReset(yield* rejection(writer.drain()), brokenPipe);
      assertReset(yield* rejection(writer.drain()), brokenPipe);
      assertReset(yield* rejection(writer.write('x')), brokenPipe);
    });

    test('lets a tight loop of write and drain see that the connection is lost (B-STR-018)', function* () {
      const { transport, writer } = open();
      transport.close();
      let rounds = 0;
      const error = yield* rejection(
        createTask(function* () {
          for (; rounds < 1000; rounds += 1) {
            writer.writeNow('x');
            yield* writer.drain();
          }
        }),
      );
      assertReset(error, undefined);
      assert.ok(rounds < 3, `${rounds} rounds`);
    });

    test('lets a tight loop of awaited writes see that the connection is lost (B-STR-018)', function* () {
      const { transport, writer } = open();
      transport.close();
      let rounds = 0;
      const error = yield* rejection(
        createTask(function* () {
          for (; rounds < 1000; rounds += 1) yield* writer.write('x');
        }),
      );
      assertReset(error, undefined);
      assert.ok(rounds < 3, `${rounds} rounds`);
    });

    test('throws the error of the reader first (B-STR-019)', function* () {
      const { reader, transport, writer } = open();
      const error = new Error('cannot be read');
      reader.setException(error);
      assert.equal(yield* rejection(writer.drain()), error);
      assert.equal(yield* rejection(writer.write('x')), error);
      transport.break(brokenPipe);
      assert.equal(yield* rejection(writer.waitClosed()), brokenPipe);
      reader.setException(error);
      assert.equal(yield* rejection(writer.drain()), error);
    });

    test('ends when the connection was closed in good order meanwhile', function* () {
      const { transport, writer } = open();
      const drain = yield* waiting(writer.write(new Uint8Array(highWater + 1)));
      writer.close();
      transport.send();
      yield* drain;
    });
  });

  describe('end', () => {
    test('ends this direction and waits until everything is sent', function* () {
      const { transport, writer } = open();
      writer.writeNow('small');
      const end = yield* waiting(writer.end());
      assert.equal(transport.eofWritten, true);
      transport.send(4);
      yield;
      yield;
      assert.equal(end.done(), false, 'one byte is left');
      transport.send();
      yield* end;
      assert.equal(transport.isClosing(), false);
    });

    it('does so by await, and at once if there is nothing to send', () =>
      runSimulated(async () => {
        const { transport, writer } = open();
        await writer.end();
        assert.deepEqual([transport.eofWritten, transport.isClosing()], [true, false]);
      }));

    test('closes the connection when the peer ends the other direction', function* () {
      const { transport, writer } = open();
      yield* writer.end();
      transport.end();
      yield* writer.waitClosed();
      yield* writer.end();
    });

    test('closes the connection if the peer has ended the other direction before', function* () {
      const { transport, writer } = open();
      transport.end();
      assert.equal(transport.isClosing(), false);
      writer.writeNow('last');
      const end = yield* waiting(writer.end());
      assert.equal(transport.isClosing(), true);
      transport.send();
      yield* end;
    });

    test('closes what can only be closed', function* () {
      const { transport, writer } = open();
      transport.canWriteEof = () => false;
      yield* writer.end();
      assert.deepEqual([transport.eofWritten, transport.isClosing()], [false, true]);
    });

    test('leaves the connection open at both ends where it was not called', function* () {
      const { transport, writer } = open();
      writer.writeEof();
      transport.end();
      yield;
      assert.equal(transport.isClosing(), false);
    });

    test('throws if the connection is lost before everything is sent', function* () {
      for (const peerFirst of [false, true]) {
        const { transport, writer } = open();
        if (peerFirst) transport.end();
        writer.writeNow('unsent');
        const end = yield* waiting(writer.end());
        transport.break(brokenPipe);
        const error = yield* rejection(end);
        if (peerFirst) assert.equal(error, brokenPipe);
        else assertReset(error, brokenPipe);
      }
    });

    test('cancelled, leaves the rest to be sent', function* () {
      const { transport, writer } = open();
      writer.writeNow('unsent');
      const end = yield* waiting(writer.end());
      end.cancel();
      yield;
      assert.equal(transport.getWriteBufferSize(), 6);
      transport.send();
      yield* writer.end();
    });
  });

  describe('abort', () => {
    test('drops what is not sent', function* () {
      const { transport, writer } = open();
      writer.writeNow('unsent');
      writer.abort();
      assert.equal(transport.getWriteBufferSize(), 0);
      yield* writer.waitClosed();
    });

    test('tells the reason to a transport that takes one', function* () {
      const { transport, writer } = open();
      const reasons: unknown[] = [];
      transport.abort = (reason?: unknown) => void reasons.push(reason);
      writer.abort(brokenPipe);
      assert.deepEqual(reasons, [brokenPipe]);
    });
  });

  describe('closing', () => {
    test('waitClosed ends when the connection is lost (B-STR-022)', function* () {
      const { transport, writer } = open();
      writer.writeNow('unsent');
      const closed = yield* waiting(writer.waitClosed());
      assert.equal(writer.isClosing(), false);
      writer.close();
      assert.equal(writer.isClosing(), true);
      yield;
      yield;
      assert.equal(closed.done(), false);
      transport.send();
      yield* closed;
      yield* writer.waitClosed();
    });

    test('waitClosed throws the error by which the connection was lost, each time (B-STR-022)', function* () {
      const { transport, writer } = open();
      const closed = yield* waiting(writer.waitClosed());
      transport.break(brokenPipe);
      assert.equal(yield* rejection(closed), brokenPipe);
      assert.equal(yield* rejection(writer.waitClosed()), brokenPipe);
    });

    test('waitClosed works with data that nobody has read (B-STR-022)', function* () {
      const { protocol, reader, writer } = open();
      protocol.dataReceived(new Uint8Array(1_000_000));
      writer.close();
      yield* writer.waitClosed();
      assert.equal(reader.bufferedBytes, 1_000_000);
    });

    test('waitClosed cancelled in one task goes on in the others (B-STR-022)', function* () {
      const { writer } = open();
      const [first, second] = [yield* waiting(writer.waitClosed()), yield* waiting(writer.waitClosed())];
      first.cancel();
      yield;
      assert.equal(second.done(), false);
      writer.close();
      yield* second;
      assert.equal(first.cancelled(), true);
    });

    it('lost with an error and never waited for is not reported', async () => {
      const reports = await reportsOf(function* () {
        open().transport.break(brokenPipe);
        yield;
      });
      assert.deepEqual(reports, []);
    });

    test('leaves the reader at its end (B-STR-023)', function* () {
      const { reader, writer } = open();
      writer.close();
      yield* writer.waitClosed();
      assert.equal(reader.atEof(), true);
      assert.deepEqual(yield* reader.read(), new Uint8Array(0));
    });

    it('by await using closes and waits', () =>
      runSimulated(async () => {
        const { transport, writer } = open();
        {
          await using scoped = writer;
          await scoped.write('bye');
          getRunningLoop().callLater(0, () => transport.send());
          assert.equal(writer.isClosing(), false);
        }
        assert.equal(writer.isClosing(), true);
        assert.equal(transport.getWriteBufferSize(), 0);
        await writer.waitClosed();
      }));

    it('by await using is no failure on a connection that was lost', () =>
      runSimulated(async () => {
        const { transport, writer } = open();
        {
          await using scoped = writer;
          scoped.writeNow('x');
          transport.break(brokenPipe);
        }
        await assert.rejects(async () => await writer.waitClosed(), brokenPipe);
      }));

    test('by await using, cancelled, aborts the connection', function* () {
      const { transport, writer } = open();
      writer.writeNow('never sent');
      const closing = createTask(async () => {
        await using _scoped = writer;
      });
      yield;
      yield;
      yield;
      assert.equal(transport.getWriteBufferSize(), 10);
      closing.cancel();
      assert.ok((yield* rejection(closing)) instanceof CancelledError);
      assert.equal(transport.getWriteBufferSize(), 0);
    });
  });

  test('passes the rest on to its transport', async () => {
    const { transport, writer } = open();
    transport.extra['peername'] = { path: '/here' };
    assert.deepEqual(writer.getExtraInfo('peername'), { path: '/here' });
    assert.equal(writer.getExtraInfo('nothing'), null);
    assert.equal(writer.getExtraInfo('nothing', 1), 1);
    assert.equal(writer.canWriteEof(), true);
    assert.equal(writer.transport, transport);
    writer.writeEof();
    assert.equal(transport.eofWritten, true);
  });

  test('has a text form', function* () {
    const { transport, writer } = open();
    writer.writeNow('abc');
    assert.equal(String(writer), '<StreamWriter buffered=3>');
    writer.close();
    assert.equal(String(writer), '<StreamWriter closing buffered=3>');
    transport.send();
    yield* writer.waitClosed();
    assert.equal(inspect(writer), '<StreamWriter lost buffered=0>');
  });
});
