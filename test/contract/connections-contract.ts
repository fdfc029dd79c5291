import assert from 'node:assert/strict';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import * as net from 'node:net';
import { describe, it } from 'node:test';
import { createTask, wrapFuture } from '../../src/coroutines/index.ts';
import {
  GroupError,
  type InternetAddress,
  type SocketAddress,
  SystemError,
  type Transport,
} from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { newEventLoop, run } from '../../src/runtime/index.ts';
import {
  bytes,
  collectReports,
  Echo,
  kinds,
  letTheKernelWork,
  pattern,
  Recorder,
  rejection,
  type Serving,
  type Steps,
  serve,
  socketPath,
  systemError,
  testOn,
} from './endpoints.ts';

const local = '127.0.0.1';

/** A peer that is not ours, for what ours would not do. */
interface RawServer {
  address: { host: string; port: number };
  /** The next client that comes. */
  accept(): Steps<net.Socket>;
  /** Takes no more clients. */
  stop(): void;
  close(): Steps;
}

function* openRawServer(): Steps<RawServer> {
  const sockets: net.Socket[] = [];
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    sockets.push(socket);
  });
  server.listen(0, local);
  yield* wrapFuture(once(server, 'listening'));
  const { port } = server.address() as net.AddressInfo;
  return {
    address: { host: local, port },
    *accept() {
      while (sockets.length === 0) yield* wrapFuture(once(server, 'connection'));
      return sockets.shift() as net.Socket;
    },
    stop: () => void server.close(),
    *close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      yield* wrapFuture(once(server, 'close'));
    },
  };
}

/** A port that nobody listens on. */
function* freePort(): Steps<number> {
  const server = yield* getRunningLoop().createServer(() => ({}), { host: local });
  const { port } = server.sockets[0] as InternetAddress;
  server.close();
  yield* server.waitClosed();
  return port;
}

function isReset(error: Error | null): boolean {
  return error instanceof SystemError && /^(ECONNRESET|EPIPE)$/.test(error.code);
}

/**
 * What connecting promises, and what a connection promises whose peer is hostile, on whatever driver.
 *
 * @param driver the name by which `run` knows it
 */
export function testConnections(driver: string): void {
  const test = testOn(driver);

  describe(`connecting on the ${driver} driver`, () => {
    test('to a port that nobody listens on is refused, with the address in the error (B-CONN-004)', function* () {
      const port = yield* freePort();
      const error = yield* systemError(getRunningLoop().createConnection(() => ({}), { host: local, port }));
      assert.deepEqual(
        [error.code, error.syscall, error.address, error.port],
        ['ECONNREFUSED', 'connect', local, port],
      );
      assert.match(error.message, new RegExp(`^Cannot connect to 127\\.0\\.0\\.1:${port}: .*ECONNREFUSED`));
    });

    test('to a host that does not exist fails as the resolver does', function* () {
      const loop = getRunningLoop();
      const error = yield* systemError(
        loop.createConnection(() => ({}), { host: 'does-not-exist.invalid', port: 80 }),
      );
      assert.match(error.code, /^(ENOTFOUND|EAI_.*)$/);
      assert.match(error.message, /^Cannot resolve does-not-exist\.invalid: /);
    });

    test('to a Unix socket that is not there, or is no socket, fails with its path', function* () {
      const path = socketPath();
      const loop = getRunningLoop();
      const error = yield* systemError(loop.createUnixConnection(() => ({}), { path }));
      assert.equal(error.code, 'ENOENT');
      assert.ok(error.message.startsWith(`Cannot connect to ${path}: `));
      const long = yield* systemError(loop.createUnixConnection(() => ({}), { path: path.padEnd(200, 'x') }));
      assert.ok(long.message.includes('xxx'));
    });

    test('to a name tries its addresses until one takes the connection (B-CONN-003)', function* () {
      const loop = getRunningLoop();
      const server = yield* loop.createServer(() => new Echo(), { host: local });
      const { port } = server.sockets[0] as InternetAddress;
      // Where localhost has an IPv6 address too, nobody listens there.
      const [transport] = yield* loop.createConnection(() => ({}), { host: 'localhost', port });
      assert.deepEqual(transport.getExtraInfo('peername'), { host: local, port, family: 4 });
      transport.close();
      server.close();
      yield* server.waitClosed();
    });

    test('to a name none of whose addresses answers fails with all errors, if asked to (B-CONN-004)', function* () {
      const loop = getRunningLoop();
      const port = yield* freePort();
      const options = { host: 'localhost', port };
      const error = yield* systemError(loop.createConnection(() => ({}), options));
      assert.equal(error.code, 'ECONNREFUSED');
      try {
        yield* loop.createConnection(() => ({}), { ...options, allErrors: true });
        assert.fail('nobody listens');
      } catch (group) {
        assert.ok(group instanceof GroupError);
        assert.ok(group.errors.length > 0);
      }
    });

    test('from an address binds to it (B-CONN-006)', function* () {
      const loop = getRunningLoop();
      const far = new Recorder();
      const server = yield* loop.createServer(() => far, { host: local });
      const { port } = server.sockets[0] as InternetAddress;
      const localPort = yield* freePort();
      for (const localAddress of [{ host: local, port: localPort }, { host: local }]) {
        const [transport] = yield* loop.createConnection(() => ({}), { host: local, port, localAddress });
        const { host, port: bound } = transport.getExtraInfo('sockname') as InternetAddress;
        assert.equal(host, local);
        if (localAddress.port !== undefined) assert.equal(bound, localPort);
        transport.abort();
      }
      server.close();
      yield* server.waitClosed();
    });

    test('from an address that is in use, or not there, fails with that address (B-CONN-006)', function* () {
      const loop = getRunningLoop();
      const server = yield* loop.createServer(() => ({}), { host: local });
      const { port } = server.sockets[0] as InternetAddress;
      const taken = yield* loop.createServer(() => ({}), { host: local });
      const { port: takenPort } = taken.sockets[0] as InternetAddress;
      const inUse = yield* systemError(
        loop.createConnection(() => ({}), {
          host: local,
          port,
          localAddress: { host: local, port: takenPort },
        }),
      );
      assert.equal(inUse.code, 'EADDRINUSE');
      assert.ok(inUse.message.includes(`from ${local}:${takenPort}`), inUse.message);
      const notThere = yield* systemError(
        loop.createConnection(() => ({}), { host: local, port, localAddress: { host: '192.0.2.77' } }),
      );
      assert.ok(notThere.message.includes('192.0.2.77'), notThere.message);
      server.close();
      taken.close();
    });

    for (const kind of kinds) {
      test(`that is cancelled leaves nothing open, over ${kind}`, function* () {
        const reports = collectReports();
        const far: Recorder[] = [];
        const { server, connect } = yield* serve(kind, () => {
          far.push(new Recorder());
          return far.at(-1) as Recorder;
        });
        const before = openSockets();
        // Cancelled at once, after one turn, two, and so on: before, while and after the socket connects.
        const tasks = Array.from({ length: 20 }, () => createTask(() => opening(connect)));
        for (const task of tasks) {
          task.cancel();
          yield;
        }
        for (const task of tasks) {
          try {
            (yield* task).abort();
          } catch {
            assert.equal(task.cancelled(), true);
          }
        }
        assert.ok(tasks.filter((task) => task.cancelled()).length > 0);
        yield* letTheKernelWork(kind);
        for (const recorder of far) yield* recorder.waitLost();
        yield* letTheKernelWork(kind);
        assert.equal(openSockets(), before);
        server.close();
        yield* server.waitClosed();
        assert.deepEqual(reports, []);
      });
    }

    test('asks for either host and port or a socket, and for nothing else (B-CONN-001, B-CONN-009)', function* () {
      const loop = getRunningLoop();
      assert.throws(() => loop.createConnection(() => ({}), {}), RangeError);
      assert.throws(
        () => loop.createConnection(() => ({}), { host: local, port: 80, serverHostname: 'x' }),
        RangeError,
      );
      assert.throws(() => loop.createUnixConnection(() => ({}), {}), RangeError);
      yield;
    });
  });

  describe(`the end of a run on the ${driver} driver`, () => {
    it('gives connections that are closing the time to send the rest', { timeout: 20_000 }, async () => {
      const sent = pattern(32 * 1024 * 1024);
      let received: Promise<Buffer[]> | null = null;
      await run(
        function* () {
          const raw = yield* openRawServer();
          const [transport] = yield* getRunningLoop().createConnection(() => ({}), raw.address);
          received = (yield* raw.accept()).toArray();
          raw.stop();
          transport.write(sent);
          transport.close();
          assert.ok(transport.getWriteBufferSize() > 0);
        },
        { driver },
      );
      assert.ok(Buffer.concat((await received) ?? []).equals(sent));
    });
  });

  describe(`a hostile peer on the ${driver} driver`, () => {
    test('that resets while the connection is idle loses it with ECONNRESET', function* () {
      const reports = collectReports();
      const raw = yield* openRawServer();
      const near = new Recorder();
      yield* getRunningLoop().createConnection(() => near, raw.address);
      (yield* raw.accept()).resetAndDestroy();
      assert.ok(isReset(yield* near.waitLost()));
      assert.deepEqual(near.calls, ['connectionMade', 'connectionLost']);
      yield* raw.close();
      assert.deepEqual(reports, []);
    });

    test('that resets in the middle of our write loses it, and what is buffered (B-SEL-018)', function* () {
      const reports = collectReports();
      const raw = yield* openRawServer();
      const near = new Recorder();
      const [transport] = yield* getRunningLoop().createConnection(() => near, raw.address);
      const peer = yield* raw.accept();
      peer.pause();
      transport.write(pattern(32 * 1024 * 1024));
      assert.ok(transport.getWriteBufferSize() > 0);
      yield* letTheKernelWork('TCP');
      peer.resetAndDestroy();
      assert.ok(isReset(yield* near.waitLost()));
      assert.deepEqual([transport.getWriteBufferSize(), transport.isClosing()], [0, true]);
      yield* raw.close();
      assert.deepEqual(reports, []);
    });

    test('that resets while we close with data buffered still gives one loss, with the error', function* () {
      const raw = yield* openRawServer();
      const near = new Recorder();
      const [transport] = yield* getRunningLoop().createConnection(() => near, raw.address);
      const peer = yield* raw.accept();
      peer.pause();
      transport.write(pattern(32 * 1024 * 1024));
      transport.close();
      yield* letTheKernelWork('TCP', 3);
      assert.equal(near.lost, false);
      peer.resetAndDestroy();
      assert.ok(isReset(yield* near.waitLost()));
      yield* raw.close();
    });

    test('that resets in the middle of its own sending has what came before delivered at most once', function* () {
      const raw = yield* openRawServer();
      const near = new Recorder();
      yield* getRunningLoop().createConnection(() => near, raw.address);
      const peer = yield* raw.accept();
      const sent = pattern(8 * 1024 * 1024);
      near.on.dataReceived = () => {
        near.on = {};
        peer.resetAndDestroy();
      };
      peer.write(sent);
      assert.ok(isReset(yield* near.waitLost()));
      assert.ok(near.byteCount > 0 && near.byteCount < sent.length);
      assert.ok(Buffer.from(near.data).equals(sent.subarray(0, near.byteCount)));
      yield* raw.close();
    });

    test('that resets before connectionMade has run is noticed after it, on the server’s side too', function* () {
      const reports = collectReports();
      const loop = getRunningLoop();
      const far = new Recorder();
      const server = yield* loop.createServer(() => far, { host: local });
      const { port } = server.sockets[0] as InternetAddress;
      const peer = net.connect(port, local, () => peer.resetAndDestroy());
      peer.on('error', () => {});
      yield* far.until(() => far.connected);
      far.transport.write(bytes('anybody?'));
      assert.ok(isReset(yield* far.waitLost()));
      assert.equal(far.calls[0], 'connectionMade');
      server.close();
      yield* server.waitClosed();
      assert.deepEqual(reports, []);
    });

    test('that resets is noticed by a write and a close in one turn', function* () {
      const raw = yield* openRawServer();
      const near = new Recorder();
      const [transport] = yield* getRunningLoop().createConnection(() => near, raw.address);
      // Not reading, so that nothing but the write can notice.
      transport.pauseReading();
      (yield* raw.accept()).resetAndDestroy();
      yield* letTheKernelWork('TCP', 3);
      transport.write(bytes('x'));
      transport.close();
      assert.ok(isReset(yield* near.waitLost()));
      yield* raw.close();
    });

    test('that ends its direction and stays gets our answer, however late (B-SEL-012)', function* () {
      const raw = yield* openRawServer();
      const near = new Recorder({ eofReceived: () => true });
      const [transport] = yield* getRunningLoop().createConnection(() => near, raw.address);
      const peer = yield* raw.accept();
      peer.end('request');
      yield* near.until(() => near.calls.includes('eofReceived'));
      yield* letTheKernelWork('TCP');
      assert.equal(near.lost, false);
      const ended = wrapFuture(once(peer, 'end'));
      const chunks: Uint8Array[] = [];
      peer.on('data', (chunk: Uint8Array) => chunks.push(chunk));
      transport.write(bytes('answer'));
      transport.close();
      yield* ended;
      assert.equal(Buffer.concat(chunks).toString(), 'answer');
      assert.equal(yield* near.waitLost(), null);
      yield* raw.close();
    });

    test('that ends its direction and never closes is closed by us, if we do not care', function* () {
      const raw = yield* openRawServer();
      const near = new Recorder();
      yield* getRunningLoop().createConnection(() => near, raw.address);
      const peer = yield* raw.accept();
      peer.end('bye');
      assert.equal(yield* near.waitLost(), null);
      assert.deepEqual(near.calls, ['connectionMade', 'dataReceived', 'eofReceived', 'connectionLost']);
      peer.destroy();
      yield* raw.close();
    });

    test('that sends without end is not read once we close', function* () {
      const raw = yield* openRawServer();
      const near = new Recorder();
      const [transport] = yield* getRunningLoop().createConnection(() => near, raw.address);
      const peer = yield* raw.accept();
      const flood = () => {
        while (!peer.destroyed && peer.write(pattern(64 * 1024)));
      };
      peer.on('drain', flood);
      flood();
      yield* near.until(() => near.byteCount > 1024 * 1024);
      transport.close();
      const { byteCount } = near;
      assert.equal(yield* near.waitLost(), null);
      assert.equal(near.byteCount, byteCount);
      peer.destroy();
      yield* raw.close();
    });
  });

  describe(`names on the ${driver} driver`, () => {
    test('are not looked up for literal addresses (B-LOOP-027)', function* () {
      const loop = getRunningLoop();
      assert.deepEqual(yield* loop.getaddrinfo('127.0.0.1', '80'), [
        { host: '127.0.0.1', port: 80, family: 4, type: 'stream' },
      ]);
      assert.deepEqual(yield* loop.getaddrinfo('::1', null, { type: 'datagram' }), [
        { host: '::1', port: 0, family: 6, type: 'datagram' },
      ]);
    });

    test('are the machine’s own where no host is given, and all of its addresses to listen on', function* () {
      const loop = getRunningLoop();
      const hosts = function* (flags?: number): Steps<string[]> {
        return (yield* loop.getaddrinfo(null, 80, { flags })).map(({ host }) => host);
      };
      assert.deepEqual((yield* hosts()).sort(), ['127.0.0.1', '::1']);
      assert.deepEqual((yield* hosts(1)).sort(), ['0.0.0.0', '::']);
    });

    test('are looked up by the platform, one family if asked for', function* () {
      const found = yield* getRunningLoop().getaddrinfo('localhost', 80, { family: 4 });
      assert.deepEqual(
        found.map(({ host, port, family }) => [host, port, family]),
        [['127.0.0.1', 80, 4]],
      );
    });

    test('are answered as the platform answers them (B-UV-013)', function* () {
      const loop = getRunningLoop();
      for (const host of ['localhost', '127.0.0.1', '::1']) {
        const expected = (yield* wrapFuture(lookup(host, { all: true, verbatim: true }))).map((answer) => ({
          host: answer.address,
          family: answer.family,
          port: 80,
          type: 'stream',
        }));
        for (const port of [80, '80']) assert.deepEqual(yield* loop.getaddrinfo(host, port), expected);
      }
      for (const host of ['does-not-exist.invalid', 'not a name']) {
        const expected = (yield* rejection(wrapFuture(lookup(host)))) as NodeJS.ErrnoException;
        assert.equal((yield* systemError(loop.getaddrinfo(host, 80))).code, expected.code);
      }
      assert.throws(() => loop.getaddrinfo(new Uint8Array(1) as never, 80), TypeError);
    });

    test('of addresses are looked up too', function* () {
      const loop = getRunningLoop();
      const [host, service] = yield* loop.getnameinfo({ host: '127.0.0.1', port: 80, family: 4 });
      assert.ok(host.length > 0 && service.length > 0);
      const nonsense = { host: 'localhost', port: 80, family: 4 } as SocketAddress;
      assert.equal((yield* systemError(loop.getnameinfo(nonsense))).syscall, 'getnameinfo');
      assert.throws(() => loop.getnameinfo({ path: '/x' }), RangeError);
    });

    test('can be given up on while they are looked up', function* () {
      const loop = getRunningLoop();
      const task = createTask(function* () {
        return yield* loop.getaddrinfo('localhost', 80);
      });
      yield;
      task.cancel();
      yield* letTheKernelWork('TCP');
      assert.equal(task.cancelled(), true);
    });

    it('that are being looked up when the loop is closed are forgotten (B-UV-014)', async () => {
      const loop = newEventLoop({ driver });
      let failure: unknown = null;
      loop.setExceptionHandler((_loop, { exception }) => {
        failure = exception;
      });
      const task = loop.createTask(function* () {
        return yield* loop.getaddrinfo('localhost', 80);
      });
      loop.runOnce(0);
      loop.close();
      await new Promise((resolve) =>
        net
          .connect(9, local)
          .on('close', resolve)
          .on('error', () => {}),
      );
      assert.deepEqual([task.done(), failure], [false, null]);
    });
  });
}

function* opening(connect: Serving['connect']): Steps<Transport> {
  return (yield* connect(() => new Recorder()))[0];
}

/** Sockets of this process, as the runtime counts them. */
function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => /^(TCPSocket|Pipe)Wrap$/.test(name)).length;
}
