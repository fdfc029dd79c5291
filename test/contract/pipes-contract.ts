import assert from 'node:assert/strict';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { describe } from 'node:test';
import type {
  BaseProtocol,
  BufferedProtocol,
  Coroutine,
  Protocol,
  ReadTransport,
  SystemError,
  WriteTransport,
} from '../../src/interface/index.ts';
import { ContextVar, copyContext, getRunningLoop } from '../../src/loop/index.ts';
import { openReadPipe, openStdin, openWritePipe } from '../../src/streams/index.ts';
import { isNonBlocking, setNonBlocking, socketPair } from '../../src/syscalls/index.ts';
import {
  bytes,
  collectReports,
  pattern,
  Recorder,
  rejection,
  type Steps,
  socketPath,
  systemError,
  testOn,
  text,
} from './endpoints.ts';
import type { LoopKind } from './kinds.ts';
import {
  closeRaw,
  isOpen,
  makeFifo,
  openFifo,
  openRawPipe,
  openTerminal,
  readRaw,
  writeRaw,
} from './raw-pipes.ts';

const mebibyte = 1024 * 1024;

/** What may be a pipe's two ends. */
const kinds = {
  pipe: openRawPipe,
  FIFO: () => {
    const path = socketPath();
    makeFifo(path);
    return openFifo(path);
  },
  socket: () => {
    const [near, far] = socketPair();
    return [near.detach(), far.detach()];
  },
} as const satisfies Record<string, () => [reader: number, writer: number]>;
type Kind = keyof typeof kinds;

function* connectReader(
  pipe: number | { fd: number },
  protocol = new Recorder(),
): Steps<[ReadTransport, Recorder]> {
  return yield* getRunningLoop().connectReadPipe(() => protocol, pipe);
}

function* connectWriter(
  pipe: number | { fd: number },
  protocol = new Recorder(),
): Steps<[WriteTransport, Recorder]> {
  return yield* getRunningLoop().connectWritePipe(() => protocol as BaseProtocol as Recorder, pipe);
}

/**
 * What the ends of pipes promise, on whatever driver that has them.
 *
 * @param kind the driver, and who turns it
 */
export function testPipes(kind: LoopKind): void {
  for (const what of Object.keys(kinds) as Kind[]) {
    describe(`reading from a ${what} on the ${kind} loop`, () => testReading(kind, what));
    describe(`writing to a ${what} on the ${kind} loop`, () => testWriting(kind, what));
  }
  describe(`streams over pipes on the ${kind} loop`, () => testStreams(kind));
  describe(`terminals on the ${kind} loop`, () => testTerminals(kind));
  describe(`what is a pipe, on the ${kind} loop`, () => testAccepted(kind));
}

function testReading(kind: LoopKind, what: Kind): void {
  const test = testOn(kind);

  test('delivers data, then the end, then connectionLost, each by itself (B-UNIX-006, B-EV-016)', function* () {
    const [reader, writer] = kinds[what]();
    const [transport, protocol] = yield* connectReader(reader);
    writeRaw(writer, 'hello');
    yield* protocol.received(5);
    assert.equal(protocol.text, 'hello');
    assert.equal(transport.isReading(), true);
    protocol.on.eofReceived = () => {
      assert.deepEqual(protocol.calls.slice(0, -1), ['connectionMade', 'dataReceived']);
      return true; // there is no other direction to be kept open
    };
    closeRaw(writer);
    assert.equal(yield* protocol.waitLost(), null);
    assert.deepEqual(protocol.calls, ['connectionMade', 'dataReceived', 'eofReceived', 'connectionLost']);
    yield;
    assert.equal(isOpen(reader), false, 'the transport closes the descriptor');
  });

  test('delivers everything that was written before the writer is gone', function* () {
    const [reader, writer] = kinds[what]();
    writeRaw(writer, 'left behind');
    closeRaw(writer);
    const [, protocol] = yield* connectReader(reader);
    assert.equal(yield* protocol.waitLost(), null);
    assert.equal(protocol.text, 'left behind');
  });

  test('pauses and resumes, as often as one likes (B-UNIX-007)', function* () {
    const [reader, writer] = kinds[what]();
    const [transport, protocol] = yield* connectReader(reader);
    transport.pauseReading();
    transport.pauseReading();
    assert.equal(transport.isReading(), false);
    writeRaw(writer, 'x');
    for (let turns = 0; turns < 10; turns++) yield;
    assert.equal(protocol.byteCount, 0);
    transport.resumeReading();
    transport.resumeReading();
    yield* protocol.received(1);
    transport.close();
    transport.pauseReading();
    transport.resumeReading();
    assert.equal(yield* protocol.waitLost(), null);
    transport.pauseReading();
    transport.resumeReading();
    closeRaw(writer);
  });

  test('fills the buffer of a BufferedProtocol', function* () {
    const [reader, writer] = kinds[what]();
    const buffer = new Uint8Array(4);
    const watched = new Recorder();
    let all = '';
    const protocol: BufferedProtocol = {
      getBuffer: () => buffer,
      bufferUpdated(byteCount) {
        all += text(buffer.subarray(0, byteCount));
        watched.noted();
      },
      connectionLost: (error) => watched.connectionLost(error),
    };
    yield* getRunningLoop().connectReadPipe(() => protocol, reader);
    writeRaw(writer, 'eleven byte');
    yield* watched.until(() => all.length === 11);
    assert.equal(all, 'eleven byte');
    closeRaw(writer);
    assert.equal(yield* watched.waitLost(), null);
  });

  test('has no other direction', function* () {
    const [reader, writer] = kinds[what]();
    const [transport, protocol] = yield* connectReader(reader);
    const whole = transport as ReadTransport & WriteTransport;
    assert.equal(whole.canWriteEof(), false);
    assert.throws(() => whole.write(bytes('x')), /Cannot write/);
    assert.throws(() => whole.writeEof(), /Cannot write/);
    transport.close();
    assert.equal(yield* protocol.waitLost(), null);
    closeRaw(writer);
  });

  test('shows its pipe and its descriptor (B-TR-001)', function* () {
    const [reader, writer] = kinds[what]();
    const pipe = { fd: reader };
    const [transport, protocol] = yield* connectReader(pipe);
    assert.equal(transport.getExtraInfo('pipe'), pipe);
    assert.equal(transport.getExtraInfo('fd'), reader);
    assert.equal(transport.getExtraInfo('no such thing', 'nothing'), 'nothing');
    assert.match(String(transport), /^<ReadPipeTransport open/);
    transport.close();
    yield* protocol.waitLost();
    closeRaw(writer);
  });

  test('runs in the context of who made it (B-UV-034)', function* () {
    const variable = new ContextVar<string>('who');
    const seen: (string | undefined)[] = [];
    const note = () => void seen.push(variable.get('nobody'));
    const protocol = new Recorder({
      connectionMade: note,
      dataReceived: note,
      eofReceived: note,
      connectionLost: note,
    });
    const [reader, writer] = kinds[what]();
    const task = copyContext().run(() => {
      variable.set('the maker');
      return getRunningLoop().createTask(connectReader(reader, protocol));
    });
    yield* task;
    writeRaw(writer, 'x');
    yield* protocol.received(1);
    closeRaw(writer);
    yield* protocol.waitLost();
    assert.deepEqual(seen, new Array(4).fill('the maker'));
  });
}

function testWriting(kind: LoopKind, what: Kind): void {
  const test = testOn(kind);

  /** Reads until there have been so many bytes. */
  function* readUntil(reader: number, byteCount: number): Steps<Uint8Array> {
    const all = new Uint8Array(byteCount);
    let read = 0;
    while (read < byteCount) {
      const chunk = readRaw(reader);
      if (chunk !== null) {
        all.set(chunk, read);
        read += chunk.length;
        assert.notEqual(chunk.length, 0, 'the end came early');
      }
      yield;
    }
    return all;
  }

  test('writes at once what the kernel takes (B-UNIX-008)', function* () {
    const [reader, writer] = kinds[what]();
    setNonBlocking(reader);
    const [transport, protocol] = yield* connectWriter(writer);
    transport.write(bytes('at once'));
    assert.equal(text(readRaw(reader) as Uint8Array), 'at once');
    transport.write(bytes('one '));
    transport.writelines([bytes('two '), bytes('three')]);
    assert.equal(text(yield* readUntil(reader, 13)), 'one two three');
    transport.close();
    assert.equal(yield* protocol.waitLost(), null);
    assert.deepEqual(protocol.calls, ['connectionMade', 'connectionLost']);
    yield;
    assert.equal(isOpen(writer), false, 'the transport closes the descriptor');
    closeRaw(reader);
  });

  test('keeps what a full pipe does not take, pauses the protocol, and delivers all of it later (B-UNIX-008, B-UV-027)', function* () {
    const [reader, writer] = kinds[what]();
    setNonBlocking(reader);
    const [transport, protocol] = yield* connectWriter(writer);
    const data = pattern(2 * mebibyte);
    transport.write(data.subarray(0, mebibyte));
    transport.write(data.subarray(mebibyte));
    assert.ok(transport.getWriteBufferSize() > mebibyte);
    assert.deepEqual(protocol.calls, ['connectionMade', 'pauseWriting']);
    transport.close();
    assert.deepEqual(yield* readUntil(reader, data.length), data);
    assert.equal(yield* protocol.waitLost(), null);
    assert.deepEqual(protocol.calls, ['connectionMade', 'pauseWriting', 'resumeWriting', 'connectionLost']);
    yield;
    assert.equal(readRaw(reader)?.length, 0, 'the end');
    closeRaw(reader);
  });

  test('ends by writeEof, once everything is sent (B-PRO-008)', function* () {
    const [reader, writer] = kinds[what]();
    setNonBlocking(reader);
    const [transport, protocol] = yield* connectWriter(writer);
    assert.equal(transport.canWriteEof(), true);
    transport.write(bytes('the last'));
    transport.writeEof();
    transport.writeEof();
    assert.equal(transport.isClosing(), true);
    assert.equal(yield* protocol.waitLost(), null);
    yield;
    assert.equal(text(readRaw(reader) as Uint8Array), 'the last');
    assert.equal(readRaw(reader)?.length, 0);
    closeRaw(reader);
  });

  test('learns that its reader is gone, though nothing is written (B-UNIX-009, B-EV-016)', function* () {
    const [reader, writer] = kinds[what]();
    const [, protocol] = yield* connectWriter(writer);
    closeRaw(reader);
    assert.equal(yield* protocol.waitLost(), null);
    assert.deepEqual(protocol.calls, ['connectionMade', 'connectionLost']);
  });

  test('is lost with EPIPE if its reader goes while something is buffered (B-UNIX-009)', function* () {
    const reports = collectReports();
    const [reader, writer] = kinds[what]();
    const [transport, protocol] = yield* connectWriter(writer);
    transport.write(new Uint8Array(2 * mebibyte));
    assert.ok(transport.getWriteBufferSize() > 0);
    closeRaw(reader);
    const error = (yield* protocol.waitLost()) as SystemError;
    assert.equal(error.code, what === 'socket' && error.code === 'ECONNRESET' ? error.code : 'EPIPE');
    assert.equal(transport.getWriteBufferSize(), 0);
    assert.deepEqual(reports, []);
  });

  test('is lost with EPIPE by a write when the reader is gone (B-UNIX-008)', function* () {
    const [reader, writer] = kinds[what]();
    const [transport, protocol] = yield* connectWriter(writer);
    closeRaw(reader);
    transport.write(bytes('x'));
    assert.equal(((yield* protocol.waitLost()) as SystemError).code, 'EPIPE');
    for (let writes = 0; writes < 4; writes++) transport.write(bytes('dropped'));
  });

  test('drops the rest when it is aborted (B-SEL-022)', function* () {
    const [reader, writer] = kinds[what]();
    setNonBlocking(reader);
    const [transport, protocol] = yield* connectWriter(writer);
    transport.write(new Uint8Array(2 * mebibyte));
    transport.abort();
    assert.equal(transport.getWriteBufferSize(), 0);
    assert.equal(yield* protocol.waitLost(), null);
    transport.abort();
    transport.close();
    yield;
    assert.equal(protocol.loss, null);
    closeRaw(reader);
  });

  test('shows its pipe', function* () {
    const [reader, writer] = kinds[what]();
    const [transport, protocol] = yield* connectWriter(writer);
    assert.equal(transport.getExtraInfo('pipe'), writer);
    assert.match(String(transport), /^<WritePipeTransport open/);
    transport.close();
    yield* protocol.waitLost();
    closeRaw(reader);
  });

  if (what !== 'socket') return;

  test('is not taken in by a peer that writes, or ends its own direction', function* () {
    const [near, far] = socketPair();
    const [transport, protocol] = yield* connectWriter(near.detach());
    writeRaw(far.fd, 'nobody asked for this');
    for (let turns = 0; turns < 10; turns++) yield;
    assert.equal(transport.isClosing(), false);
    far.shutdown('write');
    for (let turns = 0; turns < 10; turns++) yield;
    assert.equal(transport.isClosing(), false);
    transport.write(bytes('still here'));
    assert.equal(text(readRaw(far.fd) as Uint8Array), 'still here');
    transport.close();
    assert.equal(yield* protocol.waitLost(), null);
    far.close();
  });
}

function testStreams(kind: LoopKind): void {
  const test = testOn(kind);

  function* openBoth() {
    const [reading, writing] = openRawPipe();
    const reader = yield* openReadPipe(reading);
    const writer = yield* openWritePipe(writing);
    return { reading, reader, writer };
  }

  test('are read in lines and written with back-pressure', function* () {
    const { reader, writer } = yield* openBoth();
    yield* writer.write('one\ntwo\n');
    assert.equal(text(yield* reader.readLine()), 'one\n');
    assert.equal(text(yield* reader.readLine()), 'two\n');
    const data = pattern(mebibyte);
    const writing = getRunningLoop().createTask(function* () {
      yield* writer.write(data);
      yield* writer.end();
    });
    yield;
    assert.equal(writing.done(), false, 'a full pipe holds up who writes');
    assert.deepEqual(yield* reader.read(), data);
    yield* writing;
    assert.equal(reader.atEof(), true);
  });

  test('end by close, which the reader sees as the end', function* () {
    const { reader, writer } = yield* openBoth();
    writer.writeNow('the rest');
    writer.close();
    yield* writer.waitClosed();
    assert.equal(text(yield* reader.read()), 'the rest');
    assert.equal((yield* systemError(writer.write('late'))).code, 'EPIPE');
  });

  test('tell the writer when the reader has been closed', function* () {
    const { reading, reader, writer } = yield* openBoth();
    reader.close();
    while (!writer.isClosing()) yield;
    assert.equal(isOpen(reading), false);
    assert.equal((yield* systemError(writer.drain())).code, 'EPIPE');
    yield* writer.waitClosed();
  });

  test('leave nothing open if they are cancelled while they are opened', function* () {
    const [reading, writing] = openRawPipe();
    for (const opening of [openReadPipe(reading), openWritePipe(writing)]) {
      const task = getRunningLoop().createTask(opening as Coroutine<unknown>);
      yield; // it has begun
      task.cancel();
      yield* rejection(task);
    }
    while (isOpen(reading) || isOpen(writing)) yield;
  });

  test('refuse a limit that is none', function* () {
    assert.throws(() => openReadPipe(0, { limit: 0 }), RangeError);
    assert.throws(() => openStdin({ limit: -1 }), RangeError);
    yield;
  });
}

function testTerminals(kind: LoopKind): void {
  const test = testOn(kind);
  const probe = openTerminal();
  const skip = probe === null ? 'no pseudo-terminals here' : false;
  for (const fd of Object.values(probe ?? {})) closeSync(fd);
  const open = () => openTerminal() as { master: number; slave: number };

  test(
    'are read, and a hang-up is the end (B-EV-016)',
    function* () {
      const { master, slave } = open();
      const [, protocol] = yield* connectReader(master);
      writeRaw(slave, 'from the program\n');
      yield* protocol.received(18); // with a carriage return
      assert.equal(protocol.text, 'from the program\r\n');
      closeRaw(slave);
      assert.equal(yield* protocol.waitLost(), null);
      assert.deepEqual(protocol.calls, ['connectionMade', 'dataReceived', 'eofReceived', 'connectionLost']);
    },
    { skip },
  );

  test(
    'are written to (B-EV-016)',
    function* () {
      const { master, slave } = open();
      setNonBlocking(master);
      const [transport, protocol] = yield* connectWriter(slave);
      transport.write(bytes('to the screen'));
      let seen = '';
      while (seen.length < 13) {
        seen += text(readRaw(master) ?? new Uint8Array(0));
        yield;
      }
      assert.equal(seen, 'to the screen');
      transport.close();
      assert.equal(yield* protocol.waitLost(), null);
      closeRaw(master);
    },
    { skip },
  );

  test(
    'work in both directions at once (B-EV-016)',
    function* () {
      const { master, slave } = open();
      setNonBlocking(master);
      const [reading, typed] = yield* connectReader(slave);
      const again = openSync(`/proc/self/fd/${slave}`, 'r+');
      const [writing, shown] = yield* connectWriter(again);
      writeRaw(master, 'typed\n');
      yield* typed.received(6);
      assert.equal(typed.text, 'typed\n');
      writing.write(bytes('shown'));
      let seen = '';
      while (!seen.endsWith('shown')) {
        seen += text(readRaw(master) ?? new Uint8Array(0));
        yield;
      }
      assert.equal(seen, 'typed\r\nshown');
      reading.close();
      writing.close();
      yield* typed.waitLost();
      yield* shown.waitLost();
      closeRaw(master);
    },
    { skip },
  );
}

function testAccepted(kind: LoopKind): void {
  const test = testOn(kind);
  const none = () => ({}) satisfies Protocol;

  test('no regular file, and no folder: it stays the caller’s (B-UNIX-011)', function* () {
    const loop = getRunningLoop();
    const path = socketPath();
    writeFileSync(path, 'content');
    for (const [where, says] of [
      [path, /it is a regular file/],
      ['/', /something else/],
    ] as const) {
      const fd = openSync(where, 'r');
      for (const connecting of [loop.connectReadPipe(none, fd), loop.connectWritePipe(none, fd)]) {
        const error = yield* rejection(connecting);
        assert.ok(error instanceof RangeError, String(error));
        assert.match(error.message, says);
      }
      closeSync(fd);
    }
  });

  test('nothing that is no descriptor (B-UNIX-011)', function* () {
    const loop = getRunningLoop();
    assert.throws(() => loop.connectReadPipe(none, 'stdin' as never), TypeError);
    assert.throws(() => loop.connectReadPipe(none, {} as never), TypeError);
    assert.throws(() => loop.connectWritePipe(none, -1), RangeError);
    assert.throws(() => loop.connectWritePipe(none, 1.5), RangeError);
    assert.throws(() => loop.connectWritePipe(null as never, 1), TypeError);
    const [reader, writer] = openRawPipe();
    closeRaw(reader);
    closeRaw(writer);
    assert.equal((yield* systemError(loop.connectReadPipe(none, writer))).code, 'EBADF');
  });

  test('character devices, also such as are always ready (B-UNIX-011)', function* () {
    const [, nothing] = yield* connectReader(openSync('/dev/null', 'r'));
    assert.equal(yield* nothing.waitLost(), null);
    assert.deepEqual(nothing.calls, ['connectionMade', 'eofReceived', 'connectionLost']);

    const [transport, zeros] = yield* connectReader(openSync('/dev/zero', 'r'));
    yield* zeros.until(() => zeros.byteCount > mebibyte);
    transport.pauseReading();
    yield;
    const { byteCount } = zeros;
    for (let turns = 0; turns < 10; turns++) yield;
    assert.equal(zeros.byteCount, byteCount);
    transport.resumeReading();
    yield* zeros.until(() => zeros.byteCount > byteCount);
    transport.close();
    assert.equal(yield* zeros.waitLost(), null);

    const [sink, written] = yield* connectWriter(openSync('/dev/null', 'w'));
    sink.write(new Uint8Array(mebibyte));
    assert.equal(sink.getWriteBufferSize(), 0);
    sink.close();
    assert.equal(yield* written.waitLost(), null);

    const [full, refused] = yield* connectWriter(openSync('/dev/full', 'w'));
    full.write(bytes('x'));
    assert.equal(((yield* refused.waitLost()) as SystemError).code, 'ENOSPC');
  });

  test('does not block from then on', function* () {
    const [reader, writer] = openRawPipe();
    assert.equal(isNonBlocking(reader), false);
    const [transport, protocol] = yield* connectReader(reader);
    assert.equal(isNonBlocking(reader), true);
    transport.close();
    yield* protocol.waitLost();
    closeRaw(writer);
  });

  test('is closed by the object that has it, where that can', function* () {
    const [reader, writer] = openRawPipe();
    let closes = 0;
    const pipe = {
      fd: reader,
      async close() {
        closes++;
        closeRaw(reader);
      },
    };
    const [transport, protocol] = yield* connectReader(pipe);
    transport.close();
    yield* protocol.waitLost();
    yield;
    assert.equal(closes, 1);
    assert.equal(isOpen(reader), false);
    closeRaw(writer);
  });

  test('takes the descriptor out of a socket of ours', function* () {
    const [near, far] = socketPair();
    const [transport, protocol] = yield* connectReader(near);
    assert.equal(near.fd, -1);
    assert.equal(transport.getExtraInfo('pipe'), near);
    assert.deepEqual(transport.getExtraInfo('sockname'), { path: '' });
    writeRaw(far.fd, 'x');
    yield* protocol.received(1);
    far.close();
    assert.equal(yield* protocol.waitLost(), null);
  });

  test('stays the caller’s if the factory fails', function* () {
    const [reader, writer] = openRawPipe();
    const failure = new Error('no protocol');
    const connecting = getRunningLoop().connectReadPipe((): Protocol => {
      throw failure;
    }, reader);
    assert.equal(yield* rejection(connecting), failure);
    assert.equal(isOpen(reader), true);
    closeRaw(reader);
    closeRaw(writer);
  });

  test('is closed if the connecting is cancelled', function* () {
    const [reader, writer] = openRawPipe();
    const protocol = new Recorder();
    const connecting = getRunningLoop().createTask(connectReader(reader, protocol));
    yield; // it has begun
    connecting.cancel();
    yield* rejection(connecting);
    yield* protocol.waitLost();
    yield;
    assert.equal(isOpen(reader), false);
    closeRaw(writer);
  });
}
