import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import * as net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { createTask } from '../../src/coroutines/index.ts';
import {
  GroupError,
  type InternetAddress,
  type SocketAddress,
  SystemError,
  type Transport,
} from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { run } from '../../src/runtime/index.ts';
import {
  bytes,
  collectReports,
  Echo,
  kinds,
  letTheKernelWork,
  pattern,
  Recorder,
  type Serving,
  type Steps,
  serve,
  socketPath,
  systemError,
  testOn,
} from './endpoints.ts';
import { type LoopKind, notOfThisWorld } from './kinds.ts';
import type { RawPeers } from './outside.ts';

const local = '127.0.0.1';

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
 * @param kind the driver, and who turns it
 */
export function testConnections(kind: LoopKind): void {
  const test = testOn(kind);
  const { outside } = kind;
  let peers: RawPeers;

  before(async () => {
    peers = await outside.startPeers();
  });
  after(() => peers.stop());

  describe(`connecting on the ${kind} loop`, () => {
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
        const before = outside.openSockets();
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
        assert.equal(outside.openSockets(), before);
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

  describe(`the end of a run on the ${kind} loop`, () => {
    it('gives connections that are closing the time to send the rest', { timeout: 20_000 }, async () => {
      const sent = pattern(32 * 1024 * 1024);
      const reported = peers.reported();
      await run(function* () {
        const raw = yield* peers.open();
        const [transport] = yield* getRunningLoop().createConnection(() => ({}), raw.address);
        yield* (yield* raw.accept()).report();
        yield* raw.stop();
        transport.write(sent);
        transport.close();
        assert.ok(transport.getWriteBufferSize() > 0);
      }, kind.options);
      assert.deepEqual(await reported, readingOf(sent));
    });
  });

  describe(`a hostile peer on the ${kind} loop`, () => {
    test('that resets while the connection is idle loses it with ECONNRESET', function* () {
      const reports = collectReports();
      const raw = yield* peers.open();
      const near = new Recorder();
      yield* getRunningLoop().createConnection(() => near, raw.address);
      yield* (yield* raw.accept()).reset();
      assert.ok(isReset(yield* near.waitLost()));
      assert.deepEqual(near.calls, ['connectionMade', 'connectionLost']);
      yield* raw.close();
      assert.deepEqual(reports, []);
    });

    test('that resets in the middle of our write loses it, and what is buffered (B-SEL-018)', function* () {
      const reports = collectReports();
      const raw = yield* peers.open();
      const near = new Recorder();
      const [transport] = yield* getRunningLoop().createConnection(() => near, raw.address);
      const peer = yield* raw.accept();
      transport.write(pattern(32 * 1024 * 1024));
      assert.ok(transport.getWriteBufferSize() > 0);
      yield* letTheKernelWork('TCP');
      yield* peer.reset();
      assert.ok(isReset(yield* near.waitLost()));
      assert.deepEqual([transport.getWriteBufferSize(), transport.isClosing()], [0, true]);
      yield* raw.close();
      assert.deepEqual(reports, []);
    });

    test('that resets while we close with data buffered still gives one loss, with the error', function* () {
      const raw = yield* peers.open();
      const near = new Recorder();
      const [transport] = yield* getRunningLoop().createConnection(() => near, raw.address);
      const peer = yield* raw.accept();
      transport.write(pattern(32 * 1024 * 1024));
      transport.close();
      yield* letTheKernelWork('TCP', 3);
      assert.equal(near.lost, false);
      yield* peer.reset();
      assert.ok(isReset(yield* near.waitLost()));
      yield* raw.close();
    });

    test('that resets in the middle of its own sending has what came before delivered at most once', function* () {
      const raw = yield* peers.open();
      const near = new Recorder();
      yield* getRunningLoop().createConnection(() => near, raw.address);
      const peer = yield* raw.accept();
      const sentBytes = 32 * 1024 * 1024;
      // The rest is still to come when it is reset: not all of it goes through the kernel while nobody reads.
      near.on.dataReceived = () => {
        near.on = {};
        near.transport.pauseReading();
      };
      yield* peer.write(sentBytes);
      yield* near.until(() => near.byteCount > 0);
      yield* peer.reset();
      near.transport.resumeReading();
      const lost = yield* near.waitLost();
      // Node 20 tells of a reset that came while its socket was paused as of an end.
      const toldAsEnd = kind.driver === 'node' && near.calls.includes('eofReceived');
      assert.ok(toldAsEnd ? lost === null : isReset(lost));
      assert.ok(near.byteCount > 0 && near.byteCount < sentBytes);
      assert.ok(near.data.every((byte) => byte === 7));
      yield* raw.close();
    });

    test('that resets before connectionMade has run is noticed after it, on the server’s side too', function* () {
      const reports = collectReports();
      const loop = getRunningLoop();
      const far = new Recorder();
      const server = yield* loop.createServer(() => far, { host: local });
      const { port } = server.sockets[0] as InternetAddress;
      const raw = yield* peers.open();
      yield* raw.connectAndReset(port);
      yield* far.until(() => far.connected);
      far.transport.write(bytes('anybody?'));
      assert.ok(isReset(yield* far.waitLost()));
      assert.equal(far.calls[0], 'connectionMade');
      yield* raw.close();
      server.close();
      yield* server.waitClosed();
      assert.deepEqual(reports, []);
    });

    test('that resets is noticed by a write and a close in one turn', function* () {
      const raw = yield* peers.open();
      const near = new Recorder();
      const [transport] = yield* getRunningLoop().createConnection(() => near, raw.address);
      // Not reading, so that nothing but the write can notice.
      transport.pauseReading();
      yield* (yield* raw.accept()).reset();
      yield* letTheKernelWork('TCP', 3);
      transport.write(bytes('x'));
      transport.close();
      assert.ok(isReset(yield* near.waitLost()));
      yield* raw.close();
    });

    test('that ends its direction and stays gets our answer, however late (B-SEL-012)', function* () {
      const raw = yield* peers.open();
      const near = new Recorder({ eofReceived: () => true });
      const [transport] = yield* getRunningLoop().createConnection(() => near, raw.address);
      const peer = yield* raw.accept();
      yield* peer.end('request');
      yield* near.until(() => near.calls.includes('eofReceived'));
      yield* letTheKernelWork('TCP');
      assert.equal(near.lost, false);
      transport.write(bytes('answer'));
      transport.close();
      assert.deepEqual(yield* peer.readToEnd(), readingOf(bytes('answer')));
      assert.equal(yield* near.waitLost(), null);
      yield* raw.close();
    });

    test('that ends its direction and never closes is closed by us, if we do not care', function* () {
      const raw = yield* peers.open();
      const near = new Recorder();
      yield* getRunningLoop().createConnection(() => near, raw.address);
      const peer = yield* raw.accept();
      yield* peer.end('bye');
      assert.equal(yield* near.waitLost(), null);
      assert.deepEqual(near.calls, ['connectionMade', 'dataReceived', 'eofReceived', 'connectionLost']);
      yield* peer.destroy();
      yield* raw.close();
    });

    test('that sends without end is not read once we close', function* () {
      const raw = yield* peers.open();
      const near = new Recorder();
      const [transport] = yield* getRunningLoop().createConnection(() => near, raw.address);
      const peer = yield* raw.accept();
      yield* peer.flood();
      yield* near.until(() => near.byteCount > 1024 * 1024);
      transport.close();
      const { byteCount } = near;
      assert.equal(yield* near.waitLost(), null);
      assert.equal(near.byteCount, byteCount);
      yield* peer.destroy();
      yield* raw.close();
    });
  });

  describe(`names on the ${kind} loop`, () => {
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

    it('are answered as the platform answers them (B-UV-013)', {
      skip: kind.simulated && notOfThisWorld,
    }, async () => {
      const found = new Map<string, object[]>();
      for (const host of ['localhost', '127.0.0.1', '::1']) {
        const answers = await lookup(host, { all: true, verbatim: true });
        found.set(
          host,
          answers.map(({ address, family }) => ({ host: address, family, port: 80, type: 'stream' })),
        );
      }
      const failed = new Map<string, string>();
      for (const host of ['does-not-exist.invalid', 'not a name'])
        failed.set(host, await lookup(host).catch((error) => error.code));
      await run(function* () {
        const loop = getRunningLoop();
        for (const [host, expected] of found)
          for (const port of [80, '80']) assert.deepEqual(yield* loop.getaddrinfo(host, port), expected);
        for (const [host, code] of failed)
          assert.equal((yield* systemError(loop.getaddrinfo(host, 80))).code, code);
        assert.throws(() => loop.getaddrinfo(new Uint8Array(1) as never, 80), TypeError);
      }, kind.options);
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
      const loop = kind.makeLoop();
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

function readingOf(data: Uint8Array): object {
  return { byteCount: data.length, sha256: createHash('sha256').update(data).digest('hex') };
}
