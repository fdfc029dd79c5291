import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { coroutine, createTask, gather, type Task } from '../../src/coroutines/index.ts';
import {
  CancelledError,
  type Coroutine,
  IncompleteReadError,
  LimitOverrunError,
  type ReadTransport,
  StateError,
  type Suspension,
} from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { LineTooLongError, StreamReader } from '../../src/streams/index.ts';
import { propertyRuns } from '../support/property-runs.ts';
import { runSimulated } from '../support/simulated.ts';
import { FakeTransport } from './fake-transport.ts';

type Body = () => Generator<Suspension, void, unknown>;

const empty = new Uint8Array(0);

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function text(data: Uint8Array): string {
  return new TextDecoder().decode(data);
}

/** A reader that has been fed, and is at its end unless the last piece is null. */
function fed(...pieces: (string | null)[]): StreamReader {
  return fedWithLimit(undefined, ...pieces);
}

function fedWithLimit(limit: number | undefined, ...pieces: (string | null)[]): StreamReader {
  const reader = new StreamReader({ limit });
  for (const piece of pieces) if (piece !== null) reader.feedData(bytes(piece));
  if (pieces.at(-1) !== null) reader.feedEof();
  return reader;
}

/** A task that has begun to wait. */
function* waiting<T>(read: Coroutine<T>): Generator<Suspension, Task<T>, unknown> {
  const task = createTask(read);
  yield;
  assert.equal(task.done(), false, 'it found what it was to wait for');
  return task;
}

/** What a read throws. */
const rejection = coroutine(function* (read: Coroutine<unknown>): Generator<Suspension, unknown, unknown> {
  try {
    yield* read;
  } catch (error) {
    return error;
  }
  return assert.fail('nothing was thrown');
});

function test(name: string, body: Body): void {
  it(name, () => runSimulated(body));
}

describe('StreamReader', () => {
  describe('feeding', () => {
    test('empty data does nothing (B-STR-001)', function* () {
      const reader = fed('', null);
      assert.equal(reader.bufferedBytes, 0);
      const read = yield* waiting(reader.read());
      reader.feedData(empty);
      yield;
      assert.equal(read.done(), false);
      reader.feedEof();
      assert.deepEqual(yield* read, empty);
    });

    test('data after the end is refused, also if it is empty (B-STR-001)', function* () {
      const reader = fed('data');
      assert.throws(() => reader.feedData(bytes('more')), StateError);
      assert.throws(() => reader.feedData(empty), StateError);
      assert.deepEqual(yield* reader.read(), bytes('data'));
    });

    test('something that is not bytes is refused', function* () {
      assert.throws(() => fed(null).feedData('text' as unknown as Uint8Array), TypeError);
    });

    test('the end twice is the end', function* () {
      const reader = fed('data');
      reader.feedEof();
      assert.deepEqual(yield* reader.read(), bytes('data'));
    });

    test('only the end with nothing left before it is at the end (B-STR-016)', function* () {
      const reader = fed(null);
      assert.equal(reader.atEof(), false);
      reader.feedData(bytes('ab'));
      assert.equal(reader.atEof(), false);
      reader.feedEof();
      assert.equal(reader.atEof(), false);
      yield* reader.readExactly(1);
      assert.equal(reader.atEof(), false);
      yield* reader.read();
      assert.equal(reader.atEof(), true);
    });
  });

  describe('the limit', () => {
    test('must be more than 0, and is 65536 unless given (B-STR-013)', function* () {
      assert.equal(new StreamReader().limit, 65536);
      assert.equal(new StreamReader({ limit: 1 }).limit, 1);
      for (const limit of [0, -1, Number.NaN]) assert.throws(() => new StreamReader({ limit }), RangeError);
      assert.throws(() => new StreamReader({ limit: '1' as unknown as number }), TypeError);
    });
  });

  describe('read', () => {
    test('of 0 bytes gives none, at once, data or not (B-STR-002)', function* () {
      assert.deepEqual(yield* fed('data', null).read(0), empty);
      assert.deepEqual(yield* fed(null).read(0), empty);
    });

    test('gives up to so many bytes as soon as there are any (B-STR-002)', function* () {
      const reader = fed('abcdef', null);
      assert.deepEqual(yield* reader.read(4), bytes('abcd'));
      assert.deepEqual(yield* reader.read(4), bytes('ef'));
      const read = yield* waiting(reader.read(4));
      reader.feedData(bytes('g'));
      assert.deepEqual(yield* read, bytes('g'));
    });

    test('without a number reads to the end (B-STR-002)', function* () {
      const reader = fed('ab', null);
      const read = yield* waiting(reader.read());
      reader.feedData(bytes('cd'));
      yield;
      reader.feedData(bytes('ef'));
      reader.feedEof();
      assert.deepEqual(yield* read, bytes('abcdef'));
      assert.deepEqual(yield* fed('abc').read(-1), bytes('abc'));
      assert.deepEqual(yield* fed('abc').read(-5), bytes('abc'));
    });

    test('gives no bytes at the end, again and again (B-STR-002)', function* () {
      const reader = fed('');
      for (let i = 0; i < 3; i += 1) {
        assert.deepEqual(yield* reader.read(5), empty);
        assert.deepEqual(yield* reader.read(), empty);
      }
      const other = fed(null);
      const read = yield* waiting(other.read(5));
      other.feedEof();
      assert.deepEqual(yield* read, empty);
    });

    test('refuses what is no number of bytes, at the call', function* () {
      const reader = fed('data');
      assert.throws(() => reader.read('4' as unknown as number), TypeError);
      assert.throws(() => reader.read(1.5), RangeError);
      assert.throws(() => reader.readExactly(Number.NaN), RangeError);
    });

    test('gives bytes that are the caller’s to change', function* () {
      const reader = fed('abcdef', null);
      (yield* reader.read(3)).fill(0);
      assert.deepEqual(yield* reader.read(2), bytes('de'));
    });

    it('works the same by await', async () => {
      await runSimulated(async () => {
        const reader = fed('one\ntwo;three', null);
        assert.equal(text(await reader.readLine()), 'one\n');
        assert.equal(text(await reader.readUntil(';')), 'two;');
        assert.equal(text(await reader.readExactly(2)), 'th');
        const rest = reader.read();
        getRunningLoop().callSoon(() => reader.feedEof());
        assert.equal(text(await rest), 'ree');
      });
    });
  });

  describe('readLine', () => {
    test('returns through the newline (B-STR-003)', function* () {
      const reader = fed('one\ntw', null);
      assert.deepEqual(yield* reader.readLine(), bytes('one\n'));
      const read = yield* waiting(reader.readLine());
      reader.feedData(bytes('o'));
      yield;
      reader.feedData(bytes('\nthree\n'));
      assert.deepEqual(yield* read, bytes('two\n'));
      assert.equal(reader.bufferedBytes, 6);
      assert.deepEqual(yield* fed('\n', null).readLine(), bytes('\n'));
    });

    test('gives a partial last line, then no bytes (B-STR-003)', function* () {
      const reader = fed('one\nlast');
      yield* reader.readLine();
      assert.deepEqual(yield* reader.readLine(), bytes('last'));
      assert.deepEqual(yield* reader.readLine(), empty);
      const other = fed('la', null);
      const read = yield* waiting(other.readLine());
      other.feedData(bytes('st'));
      other.feedEof();
      assert.deepEqual(yield* read, bytes('last'));
    });

    test('gives no bytes at a clean end (B-STR-003)', function* () {
      const reader = fed('one\n');
      yield* reader.readLine();
      assert.deepEqual(yield* reader.readLine(), empty);
    });

    test('allows a line as long as the limit, not counting its end (B-STR-004)', function* () {
      assert.deepEqual(yield* fedWithLimit(3, 'abc\nd', null).readLine(), bytes('abc\n'));
      const reader = fedWithLimit(3, 'abc', null);
      const read = yield* waiting(reader.readLine());
      reader.feedData(bytes('\n'));
      assert.deepEqual(yield* read, bytes('abc\n'));
    });

    test('drops a line that is too long, if its end is there, and nothing else (B-STR-004)', function* () {
      const reader = fedWithLimit(3, 'abcd\n', 'ef\n', null);
      const error = yield* rejection(reader.readLine());
      assert.ok(error instanceof RangeError && error instanceof LineTooLongError);
      assert.equal(error.code, 'ERR_LINE_TOO_LONG');
      assert.ok(error.cause instanceof LimitOverrunError);
      assert.deepEqual(yield* reader.readLine(), bytes('ef\n'));
    });

    test('drops everything if the end of a line that is too long is not there (B-STR-004)', function* () {
      const reader = fedWithLimit(3, 'ab', 'cd', null);
      assert.ok((yield* rejection(reader.readLine())) instanceof LineTooLongError);
      assert.equal(reader.bufferedBytes, 0);
      reader.feedData(bytes('ef\n'));
      assert.deepEqual(yield* reader.readLine(), bytes('ef\n'));
    });

    test('notices a line that is too long while it waits for its end (B-STR-004)', function* () {
      const reader = fedWithLimit(3, 'ab', null);
      const read = yield* waiting(rejection(reader.readLine()));
      reader.feedData(bytes('cd'));
      assert.ok((yield* read) instanceof LineTooLongError);
      assert.equal(reader.bufferedBytes, 0);
    });

    test('lets the transport go on after it dropped a line (B-STR-004, B-STR-014)', function* () {
      const reader = fedWithLimit(3, null);
      const transport = new FakeTransport(getRunningLoop());
      reader.setTransport(transport);
      reader.feedData(bytes('abcdefgh'));
      assert.deepEqual(transport.readingCalls, ['pause']);
      assert.ok((yield* rejection(reader.readLine())) instanceof LineTooLongError);
      assert.deepEqual(transport.readingCalls, ['pause', 'resume']);
    });
  });

  describe('readUntil', () => {
    test('returns through the separator, bytes or text', function* () {
      const reader = fed('a\r\nb→c', null);
      assert.deepEqual(yield* reader.readUntil(bytes('\r\n')), bytes('a\r\n'));
      assert.deepEqual(yield* reader.readUntil('→'), bytes('b→'));
      assert.equal(reader.bufferedBytes, 1);
    });

    test('finds a separator that arrives in pieces', function* () {
      const reader = fed('aS', null);
      const read = yield* waiting(reader.readUntil('SEP'));
      for (const piece of ['E', 'SE', 'Px']) {
        reader.feedData(bytes(piece));
        yield;
      }
      assert.deepEqual(yield* read, bytes('aSESEP'));
      assert.equal(reader.bufferedBytes, 1);
    });

    test('of several separators takes the one that ends first (B-STR-006)', function* () {
      assert.deepEqual(yield* fed('a--b;', null).readUntil([';', '--']), bytes('a--'));
      assert.deepEqual(yield* fed('xabcdy', null).readUntil(['abcd', 'bc']), bytes('xabc'));
      assert.deepEqual(yield* fed('a\nb\r\n', null).readUntil(['\r\n', bytes('\n')]), bytes('a\n'));
      const reader = fed('xab', null);
      const read = yield* waiting(reader.readUntil(['abcd', 'cd', 'zz']));
      reader.feedData(bytes('czz'));
      assert.deepEqual(yield* read, bytes('xabczz'));
    });

    test('throws what did arrive at the end of the stream, and keeps nothing (B-STR-007)', function* () {
      const reader = fed('partial');
      const error = yield* rejection(reader.readUntil(';'));
      assert.ok(error instanceof IncompleteReadError);
      assert.deepEqual(error.partial, bytes('partial'));
      assert.equal(error.expected, null);
      assert.equal(reader.bufferedBytes, 0);
      assert.equal(reader.atEof(), true);
    });

    test('looks at what arrived together with the end first (B-STR-007)', function* () {
      const reader = fed('a', null);
      const read = yield* waiting(reader.readUntil(';'));
      reader.feedData(bytes(';b'));
      reader.feedEof();
      assert.deepEqual(yield* read, bytes('a;'));
      const error = yield* rejection(reader.readUntil(';'));
      assert.ok(error instanceof IncompleteReadError);
      assert.deepEqual(error.partial, bytes('b'));
    });

    test('keeps the data if there is no separator within the limit (B-STR-008)', function* () {
      const reader = fedWithLimit(3, 'abcdefAA', null);
      const error = yield* rejection(reader.readUntil('AAA'));
      assert.ok(error instanceof LimitOverrunError);
      // The last two bytes may be the beginning of a separator.
      assert.equal(error.consumed, 6);
      assert.equal(reader.bufferedBytes, 8);
      reader.feedData(bytes('A'));
      const late = yield* rejection(reader.readUntil('AAA'));
      assert.ok(late instanceof LimitOverrunError);
      assert.equal(late.consumed, 6);
      assert.deepEqual(yield* reader.readExactly(9), bytes('abcdefAAA'));
    });

    test('keeps the data if the separator comes too late (B-STR-008)', function* () {
      const reader = fedWithLimit(3, 'abcd;ef', null);
      const error = yield* rejection(reader.readUntil(';'));
      assert.ok(error instanceof LimitOverrunError);
      assert.equal(error.consumed, 4);
      assert.equal(reader.bufferedBytes, 7);
      assert.deepEqual(yield* fedWithLimit(4, 'abcd;ef', null).readUntil(';'), bytes('abcd;'));
    });

    test('finds it too late while it waits (B-STR-008)', function* () {
      const reader = fedWithLimit(3, 'ab', null);
      const read = yield* waiting(rejection(reader.readUntil(';')));
      reader.feedData(bytes('cd'));
      const error = yield* read;
      assert.ok(error instanceof LimitOverrunError);
      assert.equal(error.consumed, 4);
      assert.equal(reader.bufferedBytes, 4);
    });

    test('refuses no separator, an empty one, and one that is neither bytes nor text', function* () {
      const reader = fed('data');
      for (const separator of ['', empty, [], ['a', '']]) {
        assert.throws(() => reader.readUntil(separator), RangeError);
      }
      assert.throws(() => reader.readUntil(10 as unknown as string), TypeError);
      assert.throws(() => reader.readUntil([10 as unknown as string]), TypeError);
    });
  });

  describe('readExactly', () => {
    test('returns so many bytes, and leaves the rest (B-STR-009)', function* () {
      const reader = fed('abc', null);
      assert.deepEqual(yield* reader.readExactly(0), empty);
      assert.deepEqual(yield* reader.readExactly(2), bytes('ab'));
      const read = yield* waiting(reader.readExactly(4));
      reader.feedData(bytes('de'));
      yield;
      assert.equal(read.done(), false);
      reader.feedData(bytes('fgh'));
      assert.deepEqual(yield* read, bytes('cdef'));
      assert.equal(reader.bufferedBytes, 2);
    });

    test('may exceed the limit, and keeps the transport reading until then (B-STR-009, B-STR-014)', function* () {
      const reader = fedWithLimit(3, null);
      const transport = new FakeTransport(getRunningLoop());
      reader.setTransport(transport);
      const read = yield* waiting(reader.readExactly(20));
      for (let i = 0; i < 3; i += 1) reader.feedData(bytes('abcdef'));
      assert.equal(transport.isReading(), true);
      reader.feedData(bytes('ghijklmnop'));
      assert.equal(transport.isReading(), false);
      assert.deepEqual(yield* read, bytes('abcdefabcdefabcdefgh'));
    });

    test('throws what did arrive at the end of the stream, with what was asked for (B-STR-009)', function* () {
      const reader = fed('abc', null);
      const read = yield* waiting(rejection(reader.readExactly(5)));
      reader.feedEof();
      const error = yield* read;
      assert.ok(error instanceof IncompleteReadError);
      assert.deepEqual(error.partial, bytes('abc'));
      assert.equal(error.expected, 5);
      assert.equal(reader.atEof(), true);
    });

    test('refuses a negative number, at the call (B-STR-009)', function* () {
      assert.throws(() => fed('abc').readExactly(-1), RangeError);
    });

    it('of ten megabytes is linear in them', { timeout: 20_000 }, () =>
      runSimulated(function* () {
        const byteCount = 10 * 1024 * 1024;
        const reader = fed(null);
        const read = yield* waiting(reader.readExactly(byteCount));
        // Pieces of an odd length: none of them coincides with a block.
        const piece = 1471;
        for (let at = 0; at < byteCount; at += piece) reader.feedData(new Uint8Array(piece).fill(at % 251));
        const data = yield* read;
        assert.equal(data.length, byteCount);
        for (let at = 0; at < byteCount; at += piece) assert.equal(data[at], at % 251);
      }),
    );
  });

  describe('cancellation', () => {
    const reads: [string, (reader: StreamReader) => Coroutine<Uint8Array>][] = [
      ['read to the end', (reader) => reader.read()],
      ['read', (reader) => reader.read(100)],
      ['readLine', (reader) => reader.readLine()],
      ['readUntil', (reader) => reader.readUntil(';')],
      ['readExactly', (reader) => reader.readExactly(100)],
    ];

    for (const [name, start] of reads) {
      test(`of ${name} leaves the reader usable and takes nothing (B-STR-011)`, function* () {
        const reader = fed(...(name === 'read' ? [] : ['some ']), null);
        const read = yield* waiting(start(reader));
        read.cancel();
        yield* gather([read], { returnExceptions: true });
        assert.equal(read.cancelled(), true);
        reader.feedData(bytes('data\n'));
        assert.deepEqual(yield* reader.readLine(), bytes(name === 'read' ? 'data\n' : 'some data\n'));
      });

      test(`of ${name} between the data and its turn loses none (B-STR-011)`, function* () {
        const reader = fed(null);
        const read = yield* waiting(start(reader));
        reader.feedData(bytes(`;\n${'x'.repeat(98)}`));
        if (name === 'read to the end') reader.feedEof();
        read.cancel();
        const [outcome] = yield* gather([read], { returnExceptions: true });
        const taken = outcome instanceof Uint8Array ? outcome : empty;
        reader.feedEof();
        const rest = yield* reader.read();
        assert.equal(text(taken) + text(rest), `;\n${'x'.repeat(98)}`);
      });

      it(`of an async function between its ${name} and its own turn loses no data (B-STR-011)`, async () => {
        // After how many turns the task is cancelled: before, between and after the steps of the inner read.
        for (let turns = 0; turns < 8; turns += 1) {
          await runSimulated(function* () {
            const reader = fed(null);
            let taken: Uint8Array = empty;
            const task = createTask(async () => {
              taken = await start(reader);
            });
            yield;
            yield;
            reader.feedData(bytes(`;\n${'x'.repeat(98)}`));
            if (name === 'read to the end') reader.feedEof();
            for (let i = 0; i < turns; i += 1) yield;
            task.cancel();
            yield* gather([task], { returnExceptions: true });
            reader.feedEof();
            const rest = yield* reader.read();
            assert.equal(text(taken) + text(rest), `;\n${'x'.repeat(98)}`, `${turns} turns`);
          });
        }
      });
    }

    test('then an error does not stumble over the old waiter (B-STR-011)', function* () {
      const reader = fed(null);
      const read = yield* waiting(reader.readLine());
      read.cancel();
      const error = new Error('broken');
      reader.setException(error);
      yield* gather([read], { returnExceptions: true });
      reader.setException(error);
      assert.equal(yield* rejection(reader.readLine()), error);
    });

    test('then data and the end do not stumble over the old waiter (B-STR-011)', function* () {
      const reader = fed(null);
      const read = yield* waiting(reader.readLine());
      read.cancel();
      reader.feedData(bytes('data'));
      reader.feedEof();
      yield* gather([read], { returnExceptions: true });
      assert.deepEqual(yield* reader.readLine(), bytes('data'));
    });

    test('of a read of many bytes pauses the transport that it let run (B-STR-014)', function* () {
      const reader = fedWithLimit(3, null);
      const transport = new FakeTransport(getRunningLoop());
      reader.setTransport(transport);
      const read = yield* waiting(reader.readExactly(100));
      reader.feedData(bytes('more than six'));
      assert.equal(transport.isReading(), true);
      read.cancel();
      yield* gather([read], { returnExceptions: true });
      assert.equal(transport.isReading(), false);
      assert.deepEqual(yield* reader.readExactly(13), bytes('more than six'));
      assert.equal(transport.isReading(), true);
    });
  });

  describe('a second read', () => {
    test('while one waits throws in the second, and the first goes on (B-STR-012)', function* () {
      const reader = fed(null);
      const first = yield* waiting(reader.readLine());
      for (const second of [
        reader.read(),
        reader.read(1),
        reader.readLine(),
        reader.readUntil(';'),
        reader.readExactly(1),
      ]) {
        const error = yield* rejection(second);
        assert.ok(error instanceof StateError);
        assert.match(error.message, /readLine\(\) is waiting/);
      }
      reader.feedData(bytes('line\n'));
      assert.deepEqual(yield* first, bytes('line\n'));
      reader.feedData(bytes('x'));
      assert.deepEqual(yield* reader.read(1), bytes('x'));
    });

    test('cannot take what the first was woken for (B-STR-012)', function* () {
      const reader = fed(null);
      const first = yield* waiting(reader.readLine());
      reader.feedData(bytes('line\n'));
      assert.ok((yield* rejection(reader.read(1))) instanceof StateError);
      assert.deepEqual(yield* first, bytes('line\n'));
    });

    test('cannot take the data of a first that wants more (B-STR-012)', function* () {
      const reader = fed('abc', null);
      const first = yield* waiting(reader.readExactly(4));
      assert.ok((yield* rejection(reader.read(1))) instanceof StateError);
      reader.feedData(bytes('d'));
      assert.deepEqual(yield* first, bytes('abcd'));
    });
  });

  describe('an error of the stream', () => {
    test('is thrown by every read, also if there is data', function* () {
      const reader = fed('data\n', null);
      const error = new Error('broken');
      assert.equal(reader.exception(), null);
      reader.setException(error);
      assert.equal(reader.exception(), error);
      for (const read of [
        reader.read(),
        reader.read(0),
        reader.readLine(),
        reader.readUntil(';'),
        reader.readExactly(0),
      ]) {
        assert.equal(yield* rejection(read), error);
      }
    });

    test('wakes who waits, whatever for', function* () {
      for (const start of [
        (reader: StreamReader) => reader.read(),
        (reader: StreamReader) => reader.read(1),
        (reader: StreamReader) => reader.readLine(),
        (reader: StreamReader) => reader.readExactly(1_000_000),
      ]) {
        const reader = fed(null);
        const error = new Error('broken');
        const read = yield* waiting(rejection(start(reader)));
        reader.setException(error);
        assert.equal(yield* read, error);
      }
    });
  });

  describe('its transport', () => {
    test('is paused above twice the limit and resumed at the limit (B-STR-014)', function* () {
      const reader = new StreamReader({ limit: 3 });
      const transport = new FakeTransport(getRunningLoop());
      reader.setTransport(transport);
      reader.feedData(bytes('abcdef'));
      assert.deepEqual(transport.readingCalls, []);
      reader.feedData(bytes('g'));
      assert.deepEqual(transport.readingCalls, ['pause']);
      reader.feedData(bytes('h'));
      assert.deepEqual(transport.readingCalls, ['pause']);
      yield* reader.readExactly(4);
      assert.deepEqual(transport.readingCalls, ['pause']);
      yield* reader.readExactly(1);
      assert.deepEqual(transport.readingCalls, ['pause', 'resume']);
    });

    test('is resumed when a reader waits (B-STR-014)', function* () {
      const reader = new StreamReader({ limit: 3 });
      const transport = new FakeTransport(getRunningLoop());
      reader.setTransport(transport);
      reader.feedData(bytes('abcdefg'));
      assert.deepEqual(transport.readingCalls, ['pause']);
      const read = yield* waiting(reader.readExactly(9));
      assert.deepEqual(transport.readingCalls, ['pause', 'resume']);
      reader.feedData(bytes('hi'));
      assert.deepEqual(yield* read, bytes('abcdefghi'));
    });

    test('is left alone if its user has paused it', function* () {
      const reader = new StreamReader({ limit: 3 });
      const transport = new FakeTransport(getRunningLoop());
      reader.setTransport(transport);
      transport.pauseReading();
      reader.feedData(bytes('ab'));
      yield* reader.read(2);
      assert.deepEqual(transport.readingCalls, ['pause']);
    });

    test('is paused above another number of bytes, if one was given', function* () {
      const reader = new StreamReader({ limit: 3, readBufferBytesMax: 4 });
      const transport = new FakeTransport(getRunningLoop());
      reader.setTransport(transport);
      reader.feedData(bytes('abcd'));
      assert.deepEqual(transport.readingCalls, []);
      reader.feedData(bytes('e'));
      assert.deepEqual(transport.readingCalls, ['pause']);
      yield* reader.readExactly(2);
      assert.deepEqual(transport.readingCalls, ['pause', 'resume']);
      assert.throws(() => new StreamReader({ limit: 3, readBufferBytesMax: 2 }), RangeError);
      assert.throws(() => new StreamReader({ readBufferBytesMax: Number.NaN }), RangeError);
      assert.throws(() => new StreamReader({ readBufferBytesMax: '9' as unknown as number }), TypeError);
    });

    test('is set once', function* () {
      const reader = new StreamReader();
      const transport: ReadTransport = new FakeTransport(getRunningLoop());
      reader.setTransport(transport);
      assert.throws(() => reader.setTransport(transport), StateError);
    });
  });

  describe('iteration', () => {
    it('gives the lines with their ends, and a partial last one (B-P492-001)', async () => {
      await runSimulated(async () => {
        const reader = fed('one\ntw', 'o\n\nlast');
        const lines: string[] = [];
        for await (const line of reader) lines.push(text(line));
        assert.deepEqual(lines, ['one\n', 'two\n', '\n', 'last']);
      });
    });

    it('waits for lines to come, and can be left and taken up again (B-P492-001)', async () => {
      await runSimulated(async () => {
        const reader = fed(null);
        const loop = getRunningLoop();
        loop.callSoon(() => {
          reader.feedData(bytes('one\ntwo\n'));
          loop.callSoon(() => {
            reader.feedData(bytes('three\n'));
            reader.feedEof();
          });
        });
        const lines: string[] = [];
        for await (const line of reader) {
          lines.push(text(line));
          break;
        }
        for await (const line of reader) lines.push(text(line));
        assert.deepEqual(lines, ['one\n', 'two\n', 'three\n']);
      });
    });

    it('stops where the task is cancelled, and takes no line with it (B-P492-001, B-STR-011)', async () => {
      await runSimulated(async () => {
        const reader = fed('one\n', null);
        const lines: string[] = [];
        const task = createTask(async () => {
          for await (const line of reader) lines.push(text(line));
        });
        const loop = getRunningLoop();
        for (let i = 0; i < 5; i += 1) await new Promise<void>((resolve) => void loop.callSoon(resolve));
        task.cancel();
        await assert.rejects(async () => await task, CancelledError);
        reader.feedData(bytes('two\n'));
        assert.deepEqual(lines, ['one\n']);
        assert.equal(text(await reader.readLine()), 'two\n');
      });
    });

    test('serves a coroutine too, by next', function* () {
      const lines = fed('one\ntwo\n')[Symbol.asyncIterator]();
      assert.deepEqual(yield* lines.next(), { done: false, value: bytes('one\n') });
      assert.deepEqual(yield* lines.next(), { done: false, value: bytes('two\n') });
      assert.deepEqual(yield* lines.next(), { done: true, value: undefined });
      assert.deepEqual(yield* lines.next(), { done: true, value: undefined });
    });
  });

  describe('chunks', () => {
    it('gives what is there, then what comes, until the end', async () => {
      await runSimulated(async () => {
        const reader = fed('one', ' two', null);
        const chunks: string[] = [];
        for await (const chunk of reader.chunks()) {
          if (chunks.push(text(chunk)) > 1) continue;
          getRunningLoop().callSoon(() => {
            reader.feedData(bytes('three'));
            reader.feedEof();
          });
        }
        assert.deepEqual(chunks, ['one two', 'three']);
      });
    });

    it('gives no more at once than is wanted: the limit, or another number', async () => {
      await runSimulated(async () => {
        const sizes = async (reader: StreamReader, byteCountMax?: number) => {
          const found: number[] = [];
          for await (const chunk of reader.chunks(byteCountMax)) found.push(chunk.length);
          return found;
        };
        assert.deepEqual(await sizes(fedWithLimit(4, 'abcdefghi')), [4, 4, 1]);
        assert.deepEqual(await sizes(fedWithLimit(3.5, 'abcde')), [4, 1]);
        assert.deepEqual(await sizes(fed('abcde'), 2), [2, 2, 1]);
        assert.deepEqual(await sizes(fedWithLimit(Number.POSITIVE_INFINITY, 'abcde')), [5]);
      });
    });

    test('serves a coroutine too, by next', function* () {
      const chunks = fed('abc').chunks(2);
      assert.deepEqual(yield* chunks.next(), { done: false, value: bytes('ab') });
      assert.deepEqual(yield* chunks.next(), { done: false, value: bytes('c') });
      assert.deepEqual(yield* chunks.next(), { done: true, value: undefined });
      assert.deepEqual(yield* chunks.next(), { done: true, value: undefined });
    });

    it('can be left and taken up again, and mixed with other reads', async () => {
      await runSimulated(async () => {
        const reader = fed('abcdef\nrest');
        for await (const chunk of reader.chunks(2)) {
          assert.equal(text(chunk), 'ab');
          break;
        }
        assert.equal(text(await reader.readLine()), 'cdef\n');
        for await (const chunk of reader.chunks()) assert.equal(text(chunk), 'rest');
      });
    });

    test('stops where the task is cancelled, and takes nothing with it (B-STR-011)', function* () {
      const reader = fed(null);
      const next = yield* waiting(reader.chunks().next());
      next.cancel();
      yield;
      reader.feedData(bytes('kept'));
      assert.ok(next.cancelled());
      assert.deepEqual(yield* reader.read(10), bytes('kept'));
    });

    test('wants at least one byte, a whole number of them', function* () {
      const reader = fed('abc');
      for (const wrong of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        assert.throws(() => reader.chunks(wrong), RangeError);
      }
      assert.throws(() => reader.chunks('1' as unknown as number), TypeError);
    });
  });

  describe('closing', () => {
    test('drops what is there, closes the transport, and is the end for who reads', function* () {
      const reader = fed('dropped', null);
      const transport = new FakeTransport(getRunningLoop());
      reader.setTransport(transport);
      reader.close();
      assert.equal(transport.isClosing(), true);
      assert.equal(reader.atEof(), true);
      assert.deepEqual(yield* reader.read(), empty);
      assert.ok((yield* rejection(reader.readExactly(1))) instanceof IncompleteReadError);
    });

    test('ends a read that waits', function* () {
      const reader = fed('par', null);
      const line = yield* waiting(reader.readLine());
      reader.close();
      assert.deepEqual(yield* line, empty);
    });

    test('drops what comes later, and is done once', function* () {
      const reader = fed(null);
      const reasons: unknown[] = [];
      reader.setTransport({ pauseReading() {}, resumeReading() {}, close: (reason) => reasons.push(reason) });
      reader.close('first');
      reader.close('second');
      reader.feedData(bytes('late'));
      reader.feedEof();
      assert.deepEqual(reasons, ['first']);
      assert.equal(reader.bufferedBytes, 0);
    });

    test('changes nothing about an error of the stream', function* () {
      const reader = fed(null);
      const error = new Error('broken');
      reader.setException(error);
      reader.close();
      assert.equal(yield* rejection(reader.read()), error);
    });

    it('comes by using', () =>
      runSimulated(async () => {
        const transport = new FakeTransport(getRunningLoop());
        {
          using reader = fed(null);
          reader.setTransport(transport);
        }
        assert.equal(transport.isClosing(), true);
      }));
  });

  describe('its text form', () => {
    test('shows what there is to know (B-STR-026)', function* () {
      assert.equal(String(new StreamReader()), '<StreamReader>');
      assert.equal(String(fed('data')), '<StreamReader 4 bytes eof>');
      assert.equal(String(fedWithLimit(123, null)), '<StreamReader limit=123>');
      const reader = fed(null);
      const read = yield* waiting(reader.readLine());
      assert.equal(String(reader), '<StreamReader waiter=readLine>');
      reader.feedEof();
      yield* read;
      const broken = new StreamReader();
      broken.setException(new Error('broken'));
      assert.equal(String(broken), '<StreamReader exception=Error: broken>');
      const paused = new StreamReader({ limit: 1 });
      paused.setTransport(new FakeTransport(getRunningLoop()));
      assert.equal(String(paused), '<StreamReader limit=1 transport=<FakeTransport>>');
      paused.feedData(bytes('abc'));
      assert.equal(String(paused), '<StreamReader 3 bytes limit=1 transport=<FakeTransport> paused>');
      assert.equal(inspect(paused), String(paused));
    });
  });

  it('gives the same results however the data is cut', async () => {
    const data = fc
      .array(fc.constantFrom(...bytes('ab\r\n;')), { maxLength: 60 })
      .map((a) => Uint8Array.from(a));
    const operation = fc.oneof(
      fc.constant({ kind: 'line' as const }),
      fc
        .constantFrom(';', '\r\n', 'ab', 'aab')
        .map((separator) => ({ kind: 'until' as const, separator: [separator] as readonly string[] })),
      fc
        .constantFrom([';', '\r\n'], ['ab', 'b;', 'aab'])
        .map((separator) => ({ kind: 'until' as const, separator })),
      fc.nat(7).map((byteCount) => ({ kind: 'exactly' as const, byteCount })),
      fc.nat(7).map((byteCount) => ({ kind: 'some' as const, byteCount })),
      fc.constant({ kind: 'all' as const }),
    );
    await fc.assert(
      fc.asyncProperty(
        data,
        fc.array(fc.record({ byteCount: fc.integer({ min: 1, max: 9 }), turns: fc.nat(2) })),
        fc.array(operation, { maxLength: 12 }),
        (data, cuts, operations) =>
          runSimulated(function* () {
            const reader = new StreamReader();
            const feeding = createTask(function* () {
              let at = 0;
              for (const { byteCount, turns } of cuts) {
                reader.feedData(data.slice(at, at + byteCount));
                at = Math.min(data.length, at + byteCount);
                for (let i = 0; i < turns; i += 1) yield;
              }
              reader.feedData(data.slice(at));
              reader.feedEof();
            });
            let at = 0;
            for (const operation of operations) {
              const rest = data.slice(at);
              if (operation.kind === 'some') {
                const read = yield* reader.read(operation.byteCount);
                const fewest = Math.min(1, operation.byteCount, rest.length);
                assert.ok(read.length >= fewest && read.length <= operation.byteCount);
                assert.deepEqual(read, rest.slice(0, read.length));
                at += read.length;
                continue;
              }
              const expected = expect(rest, operation);
              const outcome = yield* settle(
                operation.kind === 'line'
                  ? reader.readLine()
                  : operation.kind === 'until'
                    ? reader.readUntil(operation.separator)
                    : operation.kind === 'all'
                      ? reader.read()
                      : reader.readExactly(operation.byteCount),
              );
              assert.deepEqual(outcome, expected);
              at += expected.data.length;
            }
            assert.deepEqual(yield* reader.read(), data.slice(at));
            yield* feeding;
          }),
      ),
      propertyRuns(150),
    );
  });
});

type Settled = { kind: 'read' | 'incomplete'; data: Uint8Array };

function* settle(read: Coroutine<Uint8Array>): Generator<Suspension, Settled, unknown> {
  try {
    return { kind: 'read', data: yield* read };
  } catch (error) {
    if (!(error instanceof IncompleteReadError)) throw error;
    return { kind: 'incomplete', data: error.partial };
  }
}

/** What a read of a stream that consists of `data` gives. */
function expect(
  data: Uint8Array,
  operation:
    | { kind: 'line' | 'all' }
    | { kind: 'until'; separator: readonly string[] }
    | { kind: 'exactly'; byteCount: number },
): Settled {
  if (operation.kind === 'all') return { kind: 'read', data };
  if (operation.kind === 'exactly') {
    const kind = data.length < operation.byteCount ? 'incomplete' : 'read';
    return { kind, data: data.slice(0, operation.byteCount) };
  }
  const content = Buffer.from(data).toString('latin1');
  const ends = (operation.kind === 'until' ? operation.separator : ['\n'])
    .filter((separator) => content.includes(separator))
    .map((separator) => content.indexOf(separator) + separator.length);
  if (ends.length > 0) return { kind: 'read', data: data.slice(0, Math.min(...ends)) };
  return { kind: operation.kind === 'line' ? 'read' : 'incomplete', data };
}
