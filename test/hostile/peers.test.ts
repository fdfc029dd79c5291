import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, describe } from 'node:test';
import { createTask, gather } from '../../src/coroutines/index.ts';
import { type InternetAddress, type StreamProtocol, SystemError } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { createSocket } from '../../src/syscalls/index.ts';
import {
  bytes,
  collectReports,
  kinds,
  letTheKernelWork,
  openPair,
  pattern,
  Recorder,
  type Steps,
  serve,
  testOn,
} from '../contract/endpoints.ts';
import { realKinds } from '../contract/kinds.ts';
import { RealPeers } from '../contract/raw-peers.ts';

const local = '127.0.0.1';

function openCount(): number {
  return readdirSync('/proc/self/fd').length;
}

/** A port where nothing is ever accepted, and the queue is full: whoever connects waits for ever. */
function* deafPort(): Steps<{ port: number; close(): void }> {
  const loop = getRunningLoop();
  const listener = createSocket().bind({ host: local, port: 0, family: 4 }).listen(0);
  const { port } = listener.localAddress as InternetAddress;
  const fillers = [createSocket(), createSocket()];
  for (const filler of fillers) {
    const connecting = createTask(() => loop.sockConnect(filler, { host: local, port, family: 4 }));
    yield* letTheKernelWork('TCP', 2);
    connecting.cancel();
  }
  return {
    port,
    close() {
      for (const socket of [listener, ...fillers]) socket.close();
    },
  };
}

for (const kind of realKinds) {
  const test = testOn(kind);

  describe(`a peer on the ${kind} loop`, () => {
    let raw: RealPeers;
    before(async () => {
      raw = await RealPeers.start();
    });
    after(() => raw.stop());

    for (const family of kinds) {
      test(`that sends one byte at a time is heard byte by byte, over ${family}`, function* () {
        const pair = yield* openPair(family);
        const sent = pattern(3_000);
        for (let i = 0; i < sent.length; i++) {
          pair.far.transport.write(sent.subarray(i, i + 1));
          yield* pair.near.received(i + 1);
        }
        assert.deepEqual(pair.near.data, sent);
        yield* pair.finish();
      });

      test(`gets 10 000 tiny writes, of one turn and of many, whole and in order, over ${family}`, function* () {
        const pair = yield* openPair(family);
        const sent = pattern(70_000);
        for (let i = 0; i < 10_000; i++) {
          pair.transport.write(sent.subarray(7 * i, 7 * i + 7));
          if (i > 5_000 && i % 3 === 0) yield;
        }
        yield* pair.far.received(sent.length);
        assert.deepEqual(pair.far.data, sent);
        yield* pair.finish();
      });

      test(`gets 64 MiB of one write, while it sends as much itself, over ${family}`, function* () {
        const pair = yield* openPair(family);
        const sent = pattern(64 * 1024 * 1024);
        pair.transport.write(sent);
        pair.far.transport.write(sent);
        yield* pair.far.received(sent.length);
        yield* pair.near.received(sent.length);
        assert.ok(Buffer.from(sent.buffer).equals(Buffer.concat(pair.far.chunks)));
        assert.ok(Buffer.from(sent.buffer).equals(Buffer.concat(pair.near.chunks)));
        yield* pair.finish();
      });

      test(`that never reads costs nothing but the buffer, which abort gives back, over ${family}`, function* () {
        const pair = yield* openPair(family);
        pair.far.transport.pauseReading();
        for (let i = 0; i < 100; i++) pair.transport.write(new Uint8Array(100_000));
        yield* letTheKernelWork(family);
        const buffered = pair.transport.getWriteBufferSize();
        assert.ok(buffered > 0);
        yield* letTheKernelWork(family);
        assert.equal(pair.transport.getWriteBufferSize(), buffered);
        pair.transport.abort();
        assert.equal(pair.transport.getWriteBufferSize(), 0);
        assert.equal(yield* pair.near.waitLost(), null);
        assert.deepEqual(pair.near.calls, ['connectionMade', 'pauseWriting', 'connectionLost']);
        yield* pair.finish();
      });
    }

    test(
      'that was gone before it was accepted is served all the same: it has sent, and ended',
      function* () {
        const reports = collectReports();
        const server = createSocket().bind({ host: local, port: 0, family: 4 }).listen();
        const { port } = server.localAddress as InternetAddress;
        const client = new Recorder();
        const [transport] = yield* getRunningLoop().createConnection(() => client, { host: local, port });
        transport.write(bytes('my will'));
        transport.close();
        yield* client.waitLost();
        const heir = new Recorder();
        const serving = yield* getRunningLoop().createServer(() => heir, { socket: server });
        yield* heir.waitLost();
        assert.equal(heir.text, 'my will');
        assert.deepEqual(heir.calls, ['connectionMade', 'dataReceived', 'eofReceived', 'connectionLost']);
        serving.close();
        yield* serving.waitClosed();
        assert.deepEqual(reports, []);
      },
      { skip: kind.driver === 'node' && 'it takes no sockets' },
    );

    test('that resets before it is accepted is no trouble to the others', function* () {
      const reports = collectReports();
      const lost: Recorder[] = [];
      const { server, connect } = yield* serve('TCP', () => {
        const one = new Recorder();
        lost.push(one);
        return one;
      });
      const { port } = server.sockets[0] as InternetAddress;
      const control = yield* raw.open();
      for (let i = 0; i < 20; i++) yield* control.connectAndReset(port);
      const [transport] = yield* connect(() => new Recorder());
      transport.write(bytes('I stay'));
      const stays = () => lost.find((one) => one.byteCount > 0);
      while (stays() === undefined) yield* letTheKernelWork('TCP', 1);
      for (const one of lost) if (one !== stays()) yield* one.waitLost();
      transport.abort();
      server.close();
      yield* server.waitClosed();
      yield* control.close();
      assert.deepEqual(reports, []);
    });

    test('that is only half there goes on to read what we write, to the last byte', function* () {
      const pair = yield* openPair('TCP', new Recorder({ eofReceived: () => true }));
      pair.far.transport.writeEof();
      yield* pair.near.until(() => pair.near.calls.includes('eofReceived'));
      const sent = pattern(5_000_000);
      for (let i = 0; i < sent.length; i += 500_000) {
        pair.transport.write(sent.subarray(i, i + 500_000));
        yield* letTheKernelWork('TCP', 1);
      }
      pair.transport.close();
      assert.equal(yield* pair.near.waitLost(), null);
      yield* pair.far.waitLost();
      assert.equal(pair.far.byteCount, sent.length);
      assert.ok(Buffer.from(sent).equals(Buffer.concat(pair.far.chunks)));
      yield* pair.finish();
    });

    test('that has hung up gives EPIPE or ECONNRESET to who goes on writing, once', function* () {
      const pair = yield* openPair('TCP', new Recorder({ eofReceived: () => true }));
      pair.far.transport.close();
      yield* pair.far.waitLost();
      yield* pair.near.until(() => pair.near.calls.includes('eofReceived'));
      while (!pair.near.lost) {
        pair.transport.write(bytes('anybody there?'));
        yield* letTheKernelWork('TCP', 1);
      }
      assert.match(String((pair.near.loss as NodeJS.ErrnoException).code), /^(EPIPE|ECONNRESET)$/);
      yield* pair.finish();
    });

    test(
      'that does not answer is given up by cancelling, and leaves no descriptor',
      function* () {
        const deaf = yield* deafPort();
        const before = openCount();
        const made: StreamProtocol[] = [];
        const connecting = Array.from({ length: 10 }, () =>
          createTask(() =>
            getRunningLoop().createConnection(
              () => {
                made.push({});
                return {};
              },
              { host: local, port: deaf.port },
            ),
          ),
        );
        yield* letTheKernelWork('TCP', 3);
        assert.equal(openCount(), before + connecting.length, 'they wait, each with its socket');
        for (const one of connecting) one.cancel();
        yield* gather(connecting, { returnExceptions: true });
        assert.ok(connecting.every((one) => one.cancelled()));
        assert.equal(openCount(), before);
        assert.equal(made.length, 0);
        deaf.close();
      },
      { skip: kind.driver === 'node' && 'it has no sockets of the program’s own' },
    );

    test(
      'gets no data that was taken away meanwhile: the connection is lost, and says why',
      function* () {
        const pair = yield* openPair('TCP');
        pair.far.transport.pauseReading();
        const sent = new Uint8Array(20_000_000);
        pair.transport.write(sent);
        structuredClone(sent, { transfer: [sent.buffer] });
        pair.far.transport.resumeReading();
        const error = yield* pair.near.waitLost();
        assert.ok(error instanceof SystemError);
        assert.equal(error.code, 'EFAULT');
        assert.ok((yield* pair.far.waitLost()) === null && pair.far.byteCount < 20_000_000);
        yield* pair.finish();
      },
      { skip: kind.driver === 'node' && 'Node keeps what it was given' },
    );
  });
}
