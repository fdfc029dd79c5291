import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { BufferedProtocol, SocketAddress, Transport } from '../../src/interface/index.ts';
import { ContextVar, copyContext, getRunningLoop } from '../../src/loop/index.ts';
import {
  bytes,
  Echo,
  type Kind,
  kinds,
  letTheKernelWork,
  openPair,
  pattern,
  Recorder,
  serve,
  testOn,
  text,
  Watched,
} from './endpoints.ts';
import type { LoopKind } from './kinds.ts';
import { runTraffic } from './random-traffic.ts';

const highWater = 64 * 1024;
const mebibyte = 1024 * 1024;

/** More than the kernel's buffers on both sides take together. */
const tooMuchBytes = 32 * mebibyte;

/**
 * What transports promise protocols over real sockets, on whatever driver.
 *
 * @param kind the driver, and who turns it
 */
export function testTransports(loop: LoopKind): void {
  for (const kind of kinds) {
    describe(`transports over ${kind} on the ${loop} loop`, () => testTransport(loop, kind));
  }
}

function testTransport(loop: LoopKind, kind: Kind): void {
  const test = testOn(loop);

  describe('a connection', () => {
    test('is made, delivers, ends and is lost, in this order, once each (B-EV-009)', function* () {
      const { near, far, transport, finish } = yield* openPair(kind);
      assert.deepEqual([near.calls, far.calls], [['connectionMade'], ['connectionMade']]);
      transport.write(bytes('ping'));
      yield* far.received(4);
      far.transport.write(bytes('pong'));
      yield* near.received(4);
      transport.close();
      assert.equal(yield* near.waitLost(), null);
      assert.equal(yield* far.waitLost(), null);
      assert.deepEqual(near.calls, ['connectionMade', 'dataReceived', 'connectionLost']);
      assert.deepEqual(far.calls, ['connectionMade', 'dataReceived', 'eofReceived', 'connectionLost']);
      assert.deepEqual([far.text, near.text], ['ping', 'pong']);
      yield* finish();
    });

    test('is made when createConnection is through, which gives transport and protocol (B-SEL-007)', function* () {
      const serving = yield* serve(kind, () => ({}));
      const near = new Recorder();
      const [transport, protocol] = yield* serving.connect(() => near);
      assert.equal(protocol, near);
      assert.equal(transport, near.transport);
      assert.equal(transport.getProtocol(), near);
      assert.deepEqual([transport.isClosing(), transport.isReading()], [false, true]);
      transport.abort();
      yield* near.waitLost();
      serving.server.close();
      yield* serving.server.waitClosed();
    });

    test('knows both its ends, also when it is over (B-EV-009, B-TR-001)', function* () {
      const { near, far, transport, serving, finish } = yield* openPair(kind);
      const ends = (which: Recorder): (SocketAddress | null)[] => [
        which.transport.getExtraInfo('sockname'),
        which.transport.getExtraInfo('peername'),
      ];
      const server = serving.server.sockets[0] as SocketAddress;
      const client = near.transport.getExtraInfo('sockname');
      assert.ok(client !== null);
      assert.deepEqual(ends(near), [client, server]);
      assert.deepEqual(ends(far), [server, client]);
      assert.equal(transport.getExtraInfo('cipher', 'none'), 'none');
      yield* finish();
      assert.deepEqual(ends(near), [client, server]);
    });

    test('may be spoken on first by either side, from inside connectionMade', function* () {
      const greet = (protocol: Recorder) => {
        protocol.on.connectionMade = () => protocol.transport.write(bytes('hello'));
        return protocol;
      };
      const { near, far, finish } = yield* openPair(kind, greet(new Recorder()), greet(new Recorder()));
      yield* near.received(5);
      yield* far.received(5);
      yield* finish();
    });

    test('whose connectionMade throws is there all the same, and closes as usual (B-UV-017)', function* () {
      const failure = new Error('no');
      const near = new Recorder({
        connectionMade: () => {
          throw failure;
        },
      });
      const { far, transport, reports, finish } = yield* openPair(kind, near);
      assert.deepEqual(
        reports.splice(0).map(({ exception }) => exception),
        [failure],
      );
      far.transport.write(bytes('still'));
      yield* near.received(5);
      transport.close();
      yield* near.waitLost();
      yield* finish();
    });

    test('that is aborted in connectionMade is given out, closing (B-UV-018)', function* () {
      for (const end of ['abort', 'close'] as const) {
        const near = new Recorder();
        near.on.connectionMade = () => near.transport[end]();
        const serving = yield* serve(kind, () => ({}));
        const [transport] = yield* serving.connect(() => near);
        assert.equal(transport.isClosing(), true);
        assert.equal(yield* near.waitLost(), null);
        assert.deepEqual(near.calls, ['connectionMade', 'connectionLost']);
        serving.server.close();
        yield* serving.server.waitClosed();
      }
    });
  });

  describe('reading', () => {
    test('does not begin before connectionMade has let it (B-SEL-008)', function* () {
      const near = new Recorder();
      near.on.connectionMade = () => near.transport.pauseReading();
      const { far, transport, finish } = yield* openPair(kind, near);
      assert.equal(transport.isReading(), false);
      far.transport.write(bytes('early'));
      far.transport.writeEof();
      yield* letTheKernelWork(kind);
      assert.deepEqual(near.calls, ['connectionMade']);
      transport.resumeReading();
      yield* near.waitLost();
      assert.equal(near.text, 'early');
      yield* finish();
    });

    test('that is paused leaves the rest to the kernel, and the writer is told to stop', function* () {
      const far = new Recorder();
      far.on.connectionMade = () => far.transport.pauseReading();
      const { near, transport, finish } = yield* openPair(kind, new Recorder(), far);
      const sent = pattern(tooMuchBytes);
      for (let at = 0; at < sent.length; at += mebibyte) transport.write(sent.subarray(at, at + mebibyte));
      assert.deepEqual(near.calls, ['connectionMade', 'pauseWriting']);
      yield* letTheKernelWork(kind);
      assert.equal(far.byteCount, 0);
      assert.ok(transport.getWriteBufferSize() > highWater);
      assert.deepEqual(near.calls, ['connectionMade', 'pauseWriting']);
      far.transport.resumeReading();
      yield* far.received(sent.length);
      assert.ok(Buffer.from(far.data).equals(sent));
      yield* near.until(() => transport.getWriteBufferSize() === 0);
      assert.deepEqual(near.calls, ['connectionMade', 'pauseWriting', 'resumeWriting']);
      yield* finish();
    });

    test('delivers nothing while it is paused, however often that is (B-SEL-008)', function* () {
      const near = new Recorder();
      let paused = false;
      near.on.dataReceived = () => {
        assert.equal(paused, false);
        paused = true;
        near.transport.pauseReading();
        getRunningLoop().callSoon(() => {
          paused = false;
          near.transport.resumeReading();
        });
      };
      const { far, finish } = yield* openPair(kind, near);
      const sent = pattern(4 * mebibyte);
      far.transport.write(sent);
      far.transport.close();
      yield* near.until(() => near.byteCount === sent.length);
      assert.ok(Buffer.from(near.data).equals(sent));
      yield* near.waitLost();
      yield* finish();
    });

    test('delivers what a peer that hangs up has sent, before its end (B-UV-026)', function* () {
      const near = new Recorder();
      near.on.connectionMade = () => near.transport.pauseReading();
      const { far, transport, finish } = yield* openPair(kind, near);
      const sent = pattern(100_000);
      far.transport.write(sent);
      far.transport.close();
      yield* far.waitLost();
      transport.resumeReading();
      yield* near.waitLost();
      assert.ok(Buffer.from(near.data).equals(sent));
      assert.deepEqual(near.calls, ['connectionMade', 'dataReceived', 'eofReceived', 'connectionLost']);
      yield* finish();
    });

    test('gives bytes that stay as they are, and are plain arrays on both sides', function* () {
      const { near, far, transport, finish } = yield* openPair(kind);
      const sent = pattern(300_000);
      for (const [from, to] of [
        [transport, far],
        [far.transport, near],
      ] as const) {
        from.write(sent.subarray(0, 1000));
        yield* to.received(1000);
        from.write(sent.subarray(1000));
        yield* to.received(sent.length);
        assert.ok(Buffer.from(to.data).equals(sent));
        for (const chunk of to.chunks) {
          assert.ok(chunk.length > 0);
          assert.equal(Object.getPrototypeOf(chunk), Uint8Array.prototype);
        }
      }
      yield* finish();
    });

    test('stops when the transport closes (B-SEL-009)', function* () {
      const near = new Recorder();
      near.on.dataReceived = () => near.transport.close();
      const { far, finish } = yield* openPair(kind, near);
      far.transport.write(pattern(mebibyte));
      yield* near.waitLost();
      assert.equal(near.chunks.length, 1);
      yield* finish();
    });
  });

  describe('a buffered protocol', () => {
    /** Reads into a buffer of its own, and pauses after every so many parts. */
    class Buffered extends Watched implements BufferedProtocol {
      readonly parts: Uint8Array[] = [];
      byteCount = 0;
      lost = false;
      readonly #buffer = new Uint8Array(1000);
      #transport: Transport | null = null;

      connectionMade(transport: Transport): void {
        this.#transport = transport;
      }

      getBuffer(): Uint8Array {
        assert.equal(this.#transport?.isReading(), true);
        return this.#buffer;
      }

      bufferUpdated(byteCount: number): void {
        this.parts.push(this.#buffer.slice(0, byteCount));
        this.byteCount += byteCount;
        if (this.parts.length % 10 === 0) {
          this.#transport?.pauseReading();
          getRunningLoop().callSoon(() => this.#transport?.resumeReading());
        }
        this.noted();
      }

      connectionLost(): void {
        this.lost = true;
        this.noted();
      }
    }

    test('gets everything through its own buffer, on either side (B-SEL-026, B-PR-002)', function* () {
      const { near, far, transport, serving, reports } = yield* openPair(
        kind,
        new Buffered(),
        new Buffered(),
      );
      const sent = pattern(mebibyte);
      transport.write(sent);
      yield* far.until(() => far.byteCount === sent.length);
      assert.ok(Buffer.concat(far.parts).equals(sent));
      serving.server.closeClients();
      yield* near.until(() => near.lost);
      serving.server.close();
      yield* serving.server.waitClosed();
      assert.deepEqual(reports, []);
    });

    test('can take over on a live connection, and give back (B-SEL-026)', function* () {
      const { near, far, transport, finish } = yield* openPair(kind);
      far.transport.write(bytes('one'));
      yield* near.received(3);
      const buffered = new Buffered();
      buffered.connectionMade(transport);
      transport.setProtocol(buffered);
      far.transport.write(bytes('two'));
      yield* buffered.until(() => buffered.byteCount === 3);
      transport.setProtocol(near);
      far.transport.write(bytes('three'));
      yield* near.received(8);
      assert.deepEqual([near.text, buffered.parts.map(text)], ['onethree', ['two']]);
      yield* finish();
    });
  });

  describe('writing', () => {
    test('10 MiB in one call arrives whole (B-SEL-016)', function* () {
      const { far, near, transport, finish } = yield* openPair(kind);
      const sent = pattern(10 * mebibyte);
      transport.write(sent);
      yield* far.received(sent.length);
      assert.ok(Buffer.from(far.data).equals(sent));
      yield* near.until(() => transport.getWriteBufferSize() === 0);
      yield* finish();
    });

    test('10 000 times in one turn arrives whole and in order (B-UV-021)', function* () {
      const { far, transport, finish } = yield* openPair(kind);
      const lines = Array.from({ length: 10_000 }, (_, i) => `line ${i}\n`);
      for (const line of lines) transport.write(bytes(line));
      const sent = lines.join('');
      yield* far.received(sent.length);
      assert.equal(far.text, sent);
      yield* finish();
    });

    test('more chunks than a call has room for arguments', function* () {
      const far = new Recorder();
      far.on.connectionMade = () => far.transport.pauseReading();
      const { transport, finish } = yield* openPair(kind, new Recorder(), far);
      const first = pattern(tooMuchBytes);
      transport.write(first);
      const chunk = bytes('0123456789');
      for (let i = 0; i < 200_000; i++) transport.write(chunk);
      far.transport.resumeReading();
      yield* far.received(first.length + 2_000_000);
      assert.ok(Buffer.from(far.data).subarray(0, first.length).equals(first));
      assert.equal(
        far.data.subarray(first.length).every((byte, at) => byte === 48 + (at % 10)),
        true,
      );
      yield* finish();
    });

    test('in both directions at once goes on in both', function* () {
      const { near, far, transport, finish } = yield* openPair(kind);
      const sent = pattern(8 * mebibyte);
      transport.write(sent);
      far.transport.write(sent);
      yield* near.received(sent.length);
      yield* far.received(sent.length);
      assert.ok(Buffer.from(near.data).equals(sent) && Buffer.from(far.data).equals(sent));
      yield* finish();
    });

    test('as the protocol is asked to never costs more than the water marks and one piece', function* () {
      const near = new Recorder();
      const pieceBytes = 10_000;
      const sent = pattern(8 * mebibyte);
      let at = 0;
      let paused = false;
      let most = 0;
      const go = () => {
        paused = false;
        while (!paused && at < sent.length) {
          near.transport.write(sent.subarray(at, at + pieceBytes));
          at += pieceBytes;
          most = Math.max(most, near.transport.getWriteBufferSize());
        }
      };
      near.on.pauseWriting = () => {
        paused = true;
      };
      near.on.resumeWriting = go;
      const far = new Recorder();
      far.on.dataReceived = () => {
        far.transport.pauseReading();
        getRunningLoop().callSoon(() => far.transport.resumeReading());
      };
      const { finish } = yield* openPair(kind, near, far);
      go();
      yield* far.received(sent.length);
      assert.ok(Buffer.from(far.data).equals(sent));
      assert.ok(near.calls.includes('pauseWriting'));
      assert.ok(most <= highWater + pieceBytes, `${most} bytes`);
      yield* finish();
    });

    test('from inside resumeWriting, to this transport and another, does no harm (B-UV-019)', function* () {
      const one = yield* openPair(kind);
      const other = yield* openPair(kind);
      const sent = pattern(mebibyte);
      one.transport.setWriteBufferLimits({ high: 1000 });
      one.near.on.resumeWriting = () => {
        one.near.on = {};
        one.transport.write(sent);
        other.transport.write(sent);
      };
      one.far.transport.pauseReading();
      one.transport.write(pattern(tooMuchBytes));
      one.far.transport.resumeReading();
      yield* other.far.received(sent.length);
      yield* one.far.received(tooMuchBytes + sent.length);
      assert.ok(Buffer.from(other.far.data).equals(sent));
      assert.ok(Buffer.from(one.far.data.subarray(tooMuchBytes)).equals(sent));
      yield* one.finish();
      yield* other.finish();
    });

    test('after the end is dropped, with a warning from the fifth time on (B-SEL-017)', function* (context) {
      const { near, transport, finish } = yield* openPair(kind);
      const warnings: unknown[] = [];
      context.mock.method(process, 'emitWarning', (_message: string, name: string) => warnings.push(name));
      transport.close();
      transport.write(bytes('x'));
      yield* near.waitLost();
      for (let i = 2; i <= 4; i++) transport.write(bytes('x'));
      assert.deepEqual(warnings, []);
      transport.write(bytes('x'));
      assert.deepEqual(warnings, ['WriteAfterEndWarning']);
      yield* finish();
    });
  });

  describe('half of a connection', () => {
    test('may end while the other goes on (B-SEL-012, B-SEL-024)', function* () {
      const far = new Recorder();
      const answer = pattern(mebibyte);
      far.on.eofReceived = () => {
        far.transport.write(answer);
        far.transport.close();
        return true;
      };
      const { near, transport, finish } = yield* openPair(kind, new Recorder(), far);
      transport.write(bytes('question'));
      transport.writeEof();
      transport.writeEof();
      assert.throws(() => transport.write(bytes('more')), { code: 'ERR_WRITE_AFTER_EOF' });
      yield* near.waitLost();
      assert.equal(far.text, 'question');
      assert.ok(Buffer.from(near.data).equals(answer));
      yield* finish();
    });

    test('ends only when all is sent (B-SEL-024)', function* () {
      const far = new Recorder({ eofReceived: () => true });
      const { near, transport, finish } = yield* openPair(kind, new Recorder(), far);
      const sent = pattern(10 * mebibyte);
      transport.write(sent);
      transport.writeEof();
      yield* far.until(() => far.calls.includes('eofReceived'));
      assert.ok(Buffer.from(far.data).equals(sent));
      assert.deepEqual([near.lost, transport.isClosing()], [false, false]);
      far.transport.write(bytes('thanks'));
      yield* near.received(6);
      yield* finish();
    });

    test('both ended, the transport still waits to be closed, if that was asked for', function* () {
      const near = new Recorder({ eofReceived: () => true });
      const far = new Recorder({ eofReceived: () => true });
      const { transport, finish } = yield* openPair(kind, near, far);
      transport.writeEof();
      far.transport.writeEof();
      yield* near.until(() => near.calls.includes('eofReceived'));
      yield* far.until(() => far.calls.includes('eofReceived'));
      yield* letTheKernelWork(kind);
      assert.deepEqual([near.lost, far.lost, transport.isClosing()], [false, false, false]);
      transport.close();
      far.transport.close();
      assert.equal(yield* near.waitLost(), null);
      assert.equal(yield* far.waitLost(), null);
      yield* finish();
    });
  });

  describe('the end', () => {
    test('by close comes when everything is sent (B-SEL-019)', function* () {
      const { near, far, transport, finish } = yield* openPair(kind);
      const sent = pattern(10 * mebibyte);
      transport.write(sent);
      transport.close();
      assert.equal(near.lost, false);
      yield* far.waitLost();
      assert.ok(Buffer.from(far.data).equals(sent));
      assert.equal(yield* near.waitLost(), null);
      yield* finish();
    });

    test('by abort comes at once, and what is buffered is gone (B-SEL-022)', function* () {
      const far = new Recorder();
      far.on.connectionMade = () => far.transport.pauseReading();
      const { near, transport, finish } = yield* openPair(kind, new Recorder(), far);
      transport.write(pattern(tooMuchBytes));
      assert.ok(transport.getWriteBufferSize() > 0);
      transport.abort();
      assert.deepEqual([near.lost, transport.getWriteBufferSize()], [false, 0]);
      assert.equal(yield* near.waitLost(), null);
      far.transport.resumeReading();
      yield* far.waitLost();
      assert.ok(far.byteCount < tooMuchBytes);
      yield* finish();
    });

    test('by close and then abort comes once, and drops what is buffered (B-SEL-021)', function* () {
      const far = new Recorder();
      far.on.connectionMade = () => far.transport.pauseReading();
      const { near, transport, finish } = yield* openPair(kind, new Recorder(), far);
      transport.write(pattern(tooMuchBytes));
      transport.close();
      transport.close();
      yield;
      assert.equal(near.lost, false);
      transport.abort();
      transport.abort();
      assert.equal(yield* near.waitLost(), null);
      yield* finish();
      assert.equal(near.loss, null);
    });

    test('of both sides in one turn comes once on each (B-SEL-021)', function* () {
      for (const ends of [
        ['close', 'close'],
        ['close', 'abort'],
        ['abort', 'abort'],
      ] as const) {
        const { near, far, transport, finish } = yield* openPair(kind);
        transport[ends[0]]();
        far.transport[ends[1]]();
        assert.deepEqual([near.lost, far.lost], [false, false]);
        assert.equal(yield* near.waitLost(), null);
        assert.equal(yield* far.waitLost(), null);
        yield* letTheKernelWork(kind, 2);
        assert.deepEqual([near.loss, far.loss], [null, null]);
        yield* finish();
      }
    });

    test('of others may be brought about by a callback, and they hear no more', function* () {
      const pairs = [yield* openPair(kind), yield* openPair(kind), yield* openPair(kind)];
      let first: Recorder | null = null;
      for (const { near } of pairs) {
        near.on.dataReceived = () => {
          assert.equal(first, null, 'the others are closed');
          first = near;
          for (const pair of pairs) if (pair.near !== near) pair.transport.abort();
        };
      }
      for (const { far } of pairs) far.transport.write(bytes('now'));
      for (const { near } of pairs) yield* near.until(() => near === first || near.lost);
      for (const { near } of pairs) {
        assert.deepEqual(near.calls, ['connectionMade', near === first ? 'dataReceived' : 'connectionLost']);
      }
      for (const { finish } of pairs) yield* finish();
    });
  });

  describe('a protocol that throws', () => {
    test('in dataReceived or eofReceived loses its connection, and nobody else does', function* () {
      for (const name of ['dataReceived', 'eofReceived'] as const) {
        const failure = new Error(name);
        const near = new Recorder({
          [name]: () => {
            throw failure;
          },
        });
        const { far, reports, finish } = yield* openPair(kind, near);
        far.transport.write(bytes('x'));
        far.transport.writeEof();
        assert.equal(yield* near.waitLost(), failure);
        assert.deepEqual(
          reports.splice(0).map(({ exception, protocol }) => [exception, protocol]),
          [[failure, near]],
        );
        yield* letTheKernelWork(kind, 1);
        yield* finish();
      }
    });

    test('in pauseWriting, resumeWriting or connectionLost is reported, and that is all (B-TR-006, B-SEL-023)', function* () {
      const failure = new Error('no');
      const fail = () => {
        throw failure;
      };
      const near = new Recorder({ pauseWriting: fail, resumeWriting: fail, connectionLost: fail });
      const { far, transport, reports, finish } = yield* openPair(kind, near);
      far.transport.pauseReading();
      const sent = pattern(tooMuchBytes);
      transport.write(sent);
      far.transport.resumeReading();
      yield* far.received(sent.length);
      yield* near.until(() => near.calls.includes('resumeWriting'));
      transport.close();
      yield* near.waitLost();
      yield* far.waitLost();
      assert.deepEqual(
        reports.splice(0).map(({ message, exception }) => [message, exception]),
        ['pauseWriting', 'resumeWriting', 'connectionLost'].map((name) => [
          `protocol.${name}() failed`,
          failure,
        ]),
      );
      yield* finish();
    });

    test('from its factory fails the connection, and a server reports it and goes on', function* () {
      const failure = new Error('no');
      let failing = true;
      const far = new Recorder();
      const { serving, reports, finish } = yield* openPair(kind, new Recorder(), far);
      const { server, connect } = yield* serve(kind, () => {
        if (failing) throw failure;
        return new Echo();
      });
      const near = new Recorder();
      yield* connect(() => near);
      assert.equal(yield* near.waitLost(), null);
      assert.deepEqual(
        reports.splice(0).map(({ exception, server: where }) => [exception, where]),
        [[failure, server]],
      );
      failing = false;
      const second = new Recorder();
      const [transport] = yield* connect(() => second);
      transport.write(bytes('x'));
      yield* second.received(1);
      transport.close();
      try {
        yield* serving.connect(() => {
          throw failure;
        });
        assert.fail('the factory threw');
      } catch (error) {
        assert.equal(error, failure);
      }
      server.close();
      yield* server.waitClosed();
      yield* finish();
    });
  });

  describe('the calls of a protocol', () => {
    test('run in the context of whoever made the endpoint, on both sides (B-UV-034)', function* () {
      const variable = new ContextVar<string>('who', { default: 'nobody' });
      const seen = new Set<string>();
      const see = (side: string) => (name: string) => void seen.add(`${side} ${name}: ${variable.get()}`);
      class Seeing extends Recorder {
        constructor(side: string) {
          super();
          const note = see(side);
          const names = ['connectionMade', 'dataReceived', 'pauseWriting', 'resumeWriting', 'connectionLost'];
          for (const name of names) this.on = { ...this.on, [name]: () => note(name) };
          this.on.eofReceived = () => {
            note('eofReceived');
            return true;
          };
        }
      }
      variable.set('the server’s');
      const far = new Seeing('server');
      const { server, connect } = yield* serve(kind, () => {
        see('server')('factory');
        return far;
      });
      variable.set('the client’s');
      const near = new Seeing('client');
      const [transport] = yield* connect(() => near);
      variable.set('somebody else’s');
      yield* far.until(() => far.connected);
      const sent = pattern(tooMuchBytes);
      copyContext().run(() => {
        for (const [from, to] of [
          [near, far],
          [far, near],
        ] as const) {
          to.transport.pauseReading();
          from.transport.write(sent);
          from.transport.writeEof();
        }
        near.transport.resumeReading();
        far.transport.resumeReading();
      });
      for (const side of [near, far]) {
        yield* side.until(() => side.calls.includes('eofReceived') && side.calls.includes('resumeWriting'));
        side.transport.close();
      }
      yield* near.waitLost();
      yield* far.waitLost();
      const names = [
        'connectionMade',
        'dataReceived',
        'pauseWriting',
        'resumeWriting',
        'eofReceived',
        'connectionLost',
      ];
      assert.deepEqual(
        [...seen].sort(),
        [
          ...['factory', ...names].map((name) => `server ${name}: the server’s`),
          ...names.map((name) => `client ${name}: the client’s`),
        ].sort(),
      );
      assert.equal(transport.isClosing(), true);
      server.close();
      yield* server.waitClosed();
    });
  });

  describe('traffic of random sizes, with pauses and half-closes', () => {
    for (const seed of [1, 2, 3]) {
      test(`arrives byte by byte as it was sent (seed ${seed})`, () => runTraffic(kind, seed));
    }
  });
}
