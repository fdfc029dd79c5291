import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Future } from '../../src/coroutines/index.ts';
import { StateError, SystemError } from '../../src/interface/index.ts';
import { ContextVar, copyContext, getRunningLoop } from '../../src/loop/index.ts';
import { run } from '../../src/runtime/index.ts';
import { createSocket, socketPair } from '../../src/syscalls/index.ts';
import { OpenFiles, writeByte } from '../selectors/open-files.ts';
import {
  bytes,
  collectReports,
  letTheKernelWork,
  openPair,
  Recorder,
  rejection,
  type Steps,
  serve,
  testOn,
  Watched,
} from './endpoints.ts';
import type { LoopKind } from './kinds.ts';

const never = () => assert.fail('it was called');

/** Counts calls, and waits for them. */
class Calls extends Watched {
  count = 0;
  readonly callback = (): void => {
    this.count++;
    this.noted();
  };

  *reach(count: number): Steps {
    yield* this.until(() => this.count >= count);
  }
}

const hasCode = (code: string) => (error: unknown) =>
  (error instanceof StateError || error instanceof SystemError) && error.code === code;
const inUse = hasCode('ERR_DESCRIPTOR_IN_USE');

/**
 * What watching descriptors promises, on every driver that offers it.
 *
 * @param kind the driver, and who turns it
 */
export function testDescriptors(kind: LoopKind): void {
  const test = testOn(kind);

  describe(`descriptors on the ${kind} loop`, () => {
    test('call their reader as long as there is something to read, until it is removed (B-EV-006)', function* () {
      using files = new OpenFiles();
      const { reader, writer } = files.pipe();
      const loop = getRunningLoop();
      const calls = new Calls();
      loop.addReader(reader, calls.callback);
      writeByte(writer);
      yield* calls.reach(3);
      assert.equal(loop.removeReader(reader), true);
      assert.equal(loop.removeReader(reader), false);
      const { count } = calls;
      yield* letTheKernelWork('Unix');
      assert.equal(calls.count, count);
    });

    test('call their writer as long as there is room (B-EV-006)', function* () {
      using files = new OpenFiles();
      const { writer } = files.pipe();
      const loop = getRunningLoop();
      const calls = new Calls();
      loop.addWriter({ fd: writer }, calls.callback);
      yield* calls.reach(3);
      assert.equal(loop.removeWriter({ fd: writer }), true);
      assert.equal(loop.removeWriter({ fd: writer }), false);
    });

    test('have a new reader in place of the one before, and keep the writer; and the reverse (B-SEL-001)', function* () {
      using files = new OpenFiles();
      const [near, far] = files.socketPair();
      writeByte(far);
      const loop = getRunningLoop();
      const readers = new Calls();
      const writers = new Calls();
      loop.addReader(near, never);
      loop.addWriter(near, writers.callback);
      loop.addReader(near, readers.callback);
      yield* readers.reach(2);
      yield* writers.reach(2);
      const others = new Calls();
      loop.addWriter(near, others.callback);
      const { count } = writers;
      yield* others.reach(2);
      yield* readers.reach(readers.count + 1);
      assert.equal(writers.count, count);
      loop.removeReader(near);
      loop.removeWriter(near);
    });

    test('of which one direction is removed keep the other, and can be watched again after both (B-SEL-002)', function* () {
      using files = new OpenFiles();
      const [near, far] = files.socketPair();
      writeByte(far);
      const loop = getRunningLoop();
      const readers = new Calls();
      const writers = new Calls();
      loop.addReader(near, readers.callback);
      loop.addWriter(near, writers.callback);
      yield* writers.reach(1);
      assert.equal(loop.removeWriter(near), true);
      const { count } = writers;
      yield* readers.reach(readers.count + 2);
      assert.equal(writers.count, count);
      assert.equal(loop.removeReader(near), true);
      loop.addWriter(near, writers.callback);
      yield* writers.reach(count + 2);
      assert.equal(loop.removeReader(near), false);
      assert.equal(loop.removeWriter(near), true);
    });

    test('call with the arguments, in the context in which they were added', function* () {
      using files = new OpenFiles();
      const { reader, writer } = files.pipe();
      const loop = getRunningLoop();
      const variable = new ContextVar('where', { default: 'nowhere' });
      const heard = new Future<unknown[]>();
      copyContext().run(() => {
        variable.set('here');
        loop.addReader(
          reader,
          (...args) => {
            loop.removeReader(reader);
            heard.setResult([...args, variable.get()]);
          },
          1,
          'two',
        );
      });
      writeByte(writer);
      assert.deepEqual(yield* heard, [1, 'two', 'here']);
    });

    test('that are ready, but were removed or given another reader since, do not call (B-SEL-003, B-T13-006)', function* () {
      using files = new OpenFiles();
      const pipes = [files.pipe(), files.pipe(), files.pipe()] as const;
      const loop = getRunningLoop();
      const order: number[] = [];
      const done = new Watched();
      for (const [index, { reader, writer }] of pipes.entries()) {
        writeByte(writer);
        loop.addReader(reader, () => {
          order.push(index);
          // All three are ready in the same turn; the others are queued by now.
          for (const other of pipes) {
            if (other.reader !== reader) loop.removeReader(other.reader);
          }
          done.noted();
        });
      }
      yield* done.until(() => order.length >= 3);
      assert.equal(new Set(order).size, 1, 'a removed reader was called');
      for (const { reader } of pipes) loop.removeReader(reader);
    });

    test('that are closed and opened anew in the turn in which they are ready call nobody by mistake', function* () {
      using files = new OpenFiles();
      const loop = getRunningLoop();
      const [first, second] = [files.pipe(), files.pipe()];
      let reopened: number | null = null;
      const calls = new Calls();
      const reopen = (self: number, other: { reader: number }) => {
        loop.removeReader(self);
        if (reopened !== null) return;
        loop.removeReader(other.reader);
        files.close(other.reader);
        reopened = files.pipe().reader;
        assert.equal(reopened, other.reader, 'the kernel gives the lowest number that is free');
        loop.addReader(reopened, never);
        calls.callback();
      };
      loop.addReader(first.reader, () => reopen(first.reader, second));
      loop.addReader(second.reader, () => reopen(second.reader, first));
      writeByte(first.writer);
      writeByte(second.writer);
      yield* calls.reach(1);
      yield* letTheKernelWork('Unix');
      assert.equal(loop.removeReader(reopened ?? -1), true);
    });

    test('are refused while a transport or a server has them (B-SEL-004)', function* () {
      const loop = getRunningLoop();
      const { transport, serving, finish } = yield* openPair('TCP');
      const fd = transport.getExtraInfo('fd') as number;
      assert.ok(fd > 0);
      for (const add of [loop.addReader, loop.addWriter]) {
        assert.throws(() => add.call(loop, fd, never), inUse);
      }
      transport.pauseReading();
      yield* letTheKernelWork('Unix');
      assert.throws(() => loop.addReader(fd, never), inUse);
      assert.equal(loop.removeReader(fd), false);
      assert.equal(loop.removeWriter(fd), false);
      transport.resumeReading();
      assert.equal(serving.server.isServing(), true);
      yield* finish();
    });

    test('for which somebody waits are refused to transports (B-SEL-004)', function* () {
      using files = new OpenFiles();
      const loop = getRunningLoop();
      const { reader, writer } = files.pipe();
      const make = () => new Recorder();
      loop.addReader(reader, never);
      loop.addWriter(writer, () => {});
      assert.ok(inUse(yield* rejection(loop.connectReadPipe(make, reader))));
      assert.ok(inUse(yield* rejection(loop.connectWritePipe(make, writer))));
      loop.removeReader(reader);
      loop.removeWriter(writer);
      const [near, far] = socketPair();
      loop.addWriter(near, () => {});
      for (const connect of [
        loop.createConnection(make, { socket: near }),
        loop.createUnixConnection(make, { socket: near }),
        loop.connectAcceptedSocket(make, near),
        loop.createServer(make, { socket: near }),
      ]) {
        assert.ok(inUse(yield* rejection(connect)));
      }
      loop.removeWriter(near);
      near.close();
      far.close();
      const datagram = createSocket({ type: 'datagram' });
      const waiting = loop.sockRecv(datagram, 1);
      const endpoint = loop.createDatagramEndpoint(() => ({}), { socket: datagram });
      assert.ok(inUse(yield* rejection(endpoint)));
      waiting.cancel();
      datagram.close();
    });

    test('are anybody’s again when the transport is gone', function* () {
      using files = new OpenFiles();
      const loop = getRunningLoop();
      const { transport, finish } = yield* openPair('Unix');
      const fd = transport.getExtraInfo('fd') as number;
      yield* finish();
      const calls = new Calls();
      // The numbers that were free are given out again.
      let found = false;
      for (let opened = 0; !found && opened < 64; opened++) {
        const { reader, writer } = files.pipe();
        if (writer === fd) {
          loop.addWriter(writer, calls.callback);
          found = true;
        } else if (reader === fd) {
          writeByte(writer);
          loop.addReader(reader, calls.callback);
          found = true;
        }
      }
      assert.ok(found);
      yield* calls.reach(1);
      loop.removeReader(fd);
      loop.removeWriter(fd);
    });

    it('are refused if they are none, and when the loop is closed (B-SEL-004)', () => {
      const loop = kind.makeLoop();
      for (const none of ['1', null, undefined, {}, { fd: '1' }]) {
        assert.throws(() => loop.addReader(none as never, never), TypeError);
        assert.throws(() => loop.removeWriter(none as never), TypeError);
      }
      for (const number of [-1, 1.5, NaN, 2 ** 31, { fd: -1 }]) {
        assert.throws(() => loop.addWriter(number, never), RangeError);
        assert.throws(() => loop.removeReader(number), RangeError);
      }
      assert.throws(() => loop.addReader(0, null as never), TypeError);
      loop.close();
      assert.throws(() => loop.addReader(0, never), hasCode('ERR_LOOP_CLOSED'));
      assert.equal(loop.removeReader(0), false);
      assert.equal(loop.removeWriter(0), false);
    });

    test('that are closed already are refused by the kernel', function* () {
      using files = new OpenFiles();
      const { reader } = files.pipe();
      files.close(reader);
      const loop = getRunningLoop();
      assert.throws(() => loop.addReader(reader, never), hasCode('EBADF'));
      assert.equal(loop.removeReader(reader), false);
      yield;
    });

    test('of regular files are refused as the kernel does it, and leave no trace', function* () {
      const loop = getRunningLoop();
      const fd = openSync(import.meta.filename, 'r');
      const calls = new Calls();
      try {
        if (kind.driver === 'epoll') {
          assert.throws(() => loop.addReader(fd, calls.callback), hasCode('EPERM'));
          assert.equal(loop.removeReader(fd), false);
        } else {
          loop.addReader(fd, calls.callback);
          yield* calls.reach(2);
          assert.equal(loop.removeReader(fd), true);
        }
      } finally {
        closeSync(fd);
      }
      using files = new OpenFiles();
      const { writer } = files.pipe();
      loop.addWriter(writer, calls.callback);
      yield* calls.reach(calls.count + 1);
      loop.removeWriter(writer);
    });

    test('whose callback throws are reported, and go on', function* () {
      using files = new OpenFiles();
      const { writer } = files.pipe();
      const loop = getRunningLoop();
      const reports = collectReports();
      const calls = new Calls();
      loop.addWriter(writer, () => {
        calls.callback();
        throw new Error('on purpose');
      });
      yield* calls.reach(2);
      loop.removeWriter(writer);
      assert.equal(reports.length, calls.count);
      assert.match(String(reports[0]?.exception), /on purpose/);
    });

    test('that are closed with a reader, and are open elsewhere, are reported once, and others go on', function* () {
      using files = new OpenFiles();
      const loop = getRunningLoop();
      const reports = collectReports();
      const { reader, writer } = files.pipe();
      files.duplicateAt(reader, 0);
      writeByte(writer);
      loop.addReader(reader, never);
      files.close(reader);
      yield* letTheKernelWork('Unix');
      yield* letTheKernelWork('TCP');
      assert.deepEqual(
        reports.map(({ message, exception }) => [message, (exception as SystemError).code]),
        [[`Descriptor ${reader} was closed with a reader registered; remove it before`, 'EBADF']],
      );
      assert.equal(loop.removeReader(reader), false);
    });

    test('that were closed with a reader do not disturb who gets their number (also while open elsewhere)', function* () {
      using files = new OpenFiles();
      const loop = getRunningLoop();
      const reports = collectReports();
      for (const elsewhere of [false, true]) {
        const old = files.pipe();
        if (elsewhere) files.duplicateAt(old.reader, 200);
        loop.addReader(old.reader, never);
        files.close(old.reader);
        const fresh = files.pipe();
        assert.equal(fresh.reader, old.reader);
        const calls = new Calls();
        loop.addReader(fresh.reader, calls.callback);
        if (elsewhere) writeByte(old.writer);
        yield* letTheKernelWork('Unix');
        assert.equal(calls.count, 0, 'the old file’s news were told of the new one');
        writeByte(fresh.writer);
        yield* calls.reach(1);
        assert.equal(loop.removeReader(fresh.reader), true);
      }
      assert.deepEqual(reports, []);
    });

    test('that were closed with a reader do not disturb a transport that gets their number', function* () {
      using files = new OpenFiles();
      const loop = getRunningLoop();
      const reports = collectReports();
      const serving = yield* serve('Unix', () => new Recorder());
      const { reader, writer } = files.pipe();
      files.duplicateAt(reader, 200);
      loop.addReader(reader, never);
      files.close(reader);
      writeByte(writer);
      const near = new Recorder();
      const [transport] = yield* serving.connect(() => near);
      yield* letTheKernelWork('Unix');
      assert.equal(near.byteCount, 0);
      assert.equal(near.lost, false);
      transport.close();
      yield* near.waitLost();
      serving.server.abortClients();
      serving.server.close();
      yield* serving.server.waitClosed();
      assert.ok(reports.length <= 1);
      loop.removeReader(reader);
    });

    test('that are closed under a transport are lost to it when others get their number, and it leaves those alone', function* () {
      const loop = getRunningLoop();
      const serving = yield* serve('Unix', () => new Recorder());
      const first = new Recorder();
      const [transport] = yield* serving.connect(() => first);
      const fd = transport.getExtraInfo('fd') as number;
      closeSync(fd);
      const second = new Recorder();
      const [next] = yield* serving.connect(() => second);
      assert.equal(next.getExtraInfo('fd'), fd, 'the kernel gives the lowest number that is free');
      assert.equal(((yield* first.waitLost()) as SystemError).code, 'EBADF');
      yield* letTheKernelWork('Unix');
      assert.equal(second.lost, false);
      next.close();
      assert.equal(yield* second.waitLost(), null);
      serving.server.abortClients();
      serving.server.close();
      yield* serving.server.waitClosed();
      assert.throws(() => loop.addReader(fd, never), hasCode('EBADF'));
    });

    it('keep the host alive while somebody waits for them', {
      skip: kind.blocks && 'it has no host',
    }, async () => {
      using files = new OpenFiles();
      const { reader, writer } = files.pipe();
      await run(function* () {
        const loop = getRunningLoop();
        const heard = new Future<void>();
        loop.addReader(reader, () => {
          loop.removeReader(reader);
          heard.setResult();
        });
        // Alone it would let the host go, and the run would end as a deadlock.
        loop.callLater(1, () => writeByte(writer)).unref();
        yield* heard;
      }, kind.options);
    });

    test('of a Socket can be watched while the other direction is used by sock methods', function* () {
      const loop = getRunningLoop();
      const [near, far] = socketPair();
      const calls = new Calls();
      loop.addReader(near, calls.callback);
      yield* loop.sockSendall(near, bytes('one'));
      assert.deepEqual(yield* loop.sockRecv(far, 10), bytes('one'));
      yield* loop.sockSendall(far, bytes('two'));
      yield* calls.reach(1);
      // What is there can be taken; to wait for more is somebody's already.
      assert.deepEqual(yield* loop.sockRecv(near, 10), bytes('two'));
      assert.throws(() => loop.sockRecv(near, 10), inUse);
      loop.removeReader(near);
      const waiting = loop.sockRecv(near, 10);
      assert.throws(() => loop.addReader(near, never), inUse);
      assert.equal(loop.removeReader(near), false);
      waiting.cancel();
      loop.addReader(near, never);
      assert.equal(loop.removeReader(near), true);
      near.close();
      far.close();
    });
  });
}
