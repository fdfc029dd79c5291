import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

import { basename, dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { createTask, gather } from '../../src/coroutines/index.ts';
import {
  type InternetAddress,
  type Server,
  type StreamProtocol,
  SystemError,
} from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { run } from '../../src/runtime/index.ts';
import {
  bytes,
  collectReports,
  Echo,
  kinds,
  letTheKernelWork,
  openPair,
  Recorder,
  rejection,
  type Steps,
  serve,
  socketPath,
  systemError,
  testOn,
} from './endpoints.ts';
import { type LoopKind, notOfThisWorld } from './kinds.ts';

const local = '127.0.0.1';

function portOf(server: Server): number {
  return (server.sockets[0] as InternetAddress).port;
}

/** Connects and gets an echo, or the error of whoever answers. */
function* isEchoedAt(where: { host: string; port: number } | { path: string }): Steps {
  const loop = getRunningLoop();
  const near = new Recorder();
  const factory = () => near as StreamProtocol;
  const [transport] = yield* 'path' in where
    ? loop.createUnixConnection(factory, where)
    : loop.createConnection(factory, where);
  transport.write(bytes('hello'));
  yield* near.received(5);
  assert.equal(near.text, 'hello');
  transport.close();
  yield* near.waitLost();
}

function hasIPv6(): boolean {
  return existsSync('/proc/net/if_inet6') && readFileSync('/proc/net/if_inet6', 'utf8').includes(' lo\n');
}

/**
 * What servers promise, on whatever driver.
 *
 * @param kind the driver, and who turns it
 */
export function testServers(kind: LoopKind): void {
  const test = testOn(kind);

  describe(`servers on the ${kind} loop`, () => {
    test('tell the free port that they got, given 0 or none (B-UV-016)', function* () {
      const loop = getRunningLoop();
      for (const options of [{ host: local, port: 0 }, { host: local }]) {
        const server = yield* loop.createServer(() => new Echo(), options);
        assert.deepEqual(server.sockets, [{ host: local, port: portOf(server), family: 4 }]);
        assert.ok(portOf(server) > 0);
        yield* isEchoedAt({ host: local, port: portOf(server) });
        server.close();
      }
    });

    test('name the address that is in use, and leave none of theirs open (B-SRV-002)', function* () {
      const loop = getRunningLoop();
      const taken = yield* loop.createServer(() => new Echo(), { host: local });
      const port = portOf(taken);
      const error = yield* systemError(loop.createServer(() => ({}), { host: ['127.0.0.2', local], port }));
      assert.deepEqual(
        [error.code, error.syscall, error.address, error.port],
        // Node tells of bind(2) under the name of its own call.
        ['EADDRINUSE', kind.driver === 'node' ? 'listen' : 'bind', local, port],
      );
      assert.match(error.message, new RegExp(`^Cannot listen on 127\\.0\\.0\\.1:${port}: .*EADDRINUSE`));
      // The first of the two was bound and is free again.
      const again = yield* loop.createServer(() => ({}), { host: '127.0.0.2', port });
      again.close();
      yield* isEchoedAt({ host: local, port });
      taken.close();
    });

    test('skip an address that this machine does not have, if another works (B-SRV-002)', function* () {
      const loop = getRunningLoop();
      const server = yield* loop.createServer(() => new Echo(), { host: ['192.0.2.77', local] });
      assert.equal(server.sockets.length, 1);
      yield* isEchoedAt({ host: local, port: portOf(server) });
      server.close();
      const error = yield* systemError(loop.createServer(() => ({}), { host: '192.0.2.77' }));
      assert.equal(error.code, 'EADDRNOTAVAIL');
    });

    test('bind several hosts once each (B-SRV-001)', function* () {
      const loop = getRunningLoop();
      const server = yield* loop.createServer(() => new Echo(), { host: [local, '127.0.0.2', local] });
      assert.deepEqual(
        server.sockets.map((socket) => [(socket as InternetAddress).host, (socket as InternetAddress).port]),
        [
          [local, portOf(server)],
          ['127.0.0.2', portOf(server)],
        ],
      );
      for (const host of [local, '127.0.0.2']) yield* isEchoedAt({ host, port: portOf(server) });
      server.close();
    });

    test(
      'on no particular host take clients of both IP versions, on one port (B-EV-013, B-SRV-001)',
      function* () {
        const loop = getRunningLoop();
        for (const host of [undefined, '', null]) {
          const server = yield* loop.createServer(() => new Echo(), { host });
          assert.deepEqual(
            server.sockets.map((socket) => (socket as InternetAddress).port),
            [portOf(server), portOf(server)],
          );
          for (const one of [local, '::1']) yield* isEchoedAt({ host: one, port: portOf(server) });
          server.close();
        }
      },
      { skip: hasIPv6() ? false : 'this machine has no IPv6' },
    );

    test('share a port if they are told to, and only then (B-SRV-003)', function* () {
      const loop = getRunningLoop();
      const options = { host: local, reusePort: true };
      let first: Server;
      try {
        first = yield* loop.createServer(() => new Echo(), options);
      } catch (error) {
        // A platform without it says so.
        assert.equal((error as Error).name, 'NotSupportedError');
        return;
      }
      const port = portOf(first);
      const second = yield* loop.createServer(() => new Echo(), { ...options, port });
      assert.equal(
        (yield* systemError(loop.createServer(() => new Echo(), { host: local, port }))).code,
        'EADDRINUSE',
      );
      first.close();
      second.close();
    });

    test('may listen only later (B-SERV-001)', function* () {
      const loop = getRunningLoop();
      const server = yield* loop.createServer(() => new Echo(), { host: local, startServing: false });
      assert.deepEqual([server.isServing(), server.sockets], [false, []]);
      yield* server.startServing();
      yield* server.startServing();
      assert.equal(server.isServing(), true);
      yield* isEchoedAt({ host: local, port: portOf(server) });
      server.close();
      assert.equal(server.isServing(), false);
      assert.equal(((yield* rejection(server.startServing())) as Error).name, 'StateError');
    });

    for (const kind of kinds) {
      test(`refuse new clients once closed, while the old ones go on, over ${kind} (B-EV-014)`, function* () {
        const { near, far, serving, transport, finish } = yield* openPair(kind);
        serving.server.close();
        const refused = yield* systemError(serving.connect(() => ({})));
        assert.match(refused.code, /^(ECONNREFUSED|ENOENT)$/);
        transport.write(bytes('still'));
        yield* far.received(5);
        far.transport.write(bytes('here'));
        yield* near.received(4);
        yield* finish();
      });

      test(`wait for their last connection, over ${kind} (B-SERV-003, B-SERV-004)`, function* () {
        const { far, serving, transport, finish } = yield* openPair(kind);
        const { server } = serving;
        const waits = [0, 1].map(() =>
          createTask(function* () {
            yield* server.waitClosed();
          }),
        );
        server.close();
        yield* letTheKernelWork(kind, 3);
        assert.deepEqual(
          waits.map((wait) => wait.done()),
          [false, false],
        );
        far.transport.close();
        server.close();
        for (const wait of waits) yield* wait;
        yield* server.waitClosed();
        transport.close();
        yield* finish();
      });

      test(`cancelled in serveForever close and wait, over ${kind} (B-SERV-002)`, function* () {
        const { far, serving, finish } = yield* openPair(kind);
        const { server } = serving;
        const forever = createTask(function* () {
          yield* server.serveForever();
        });
        yield;
        assert.throws(() => server.serveForever(), { code: 'ERR_SERVER_STATE' });
        forever.cancel();
        yield* letTheKernelWork(kind, 3);
        assert.deepEqual([server.isServing(), forever.done()], [false, false]);
        far.transport.close();
        yield* rejection(forever);
        assert.equal(forever.cancelled(), true);
        assert.throws(() => server.serveForever(), { code: 'ERR_SERVER_STATE' });
        yield* finish();
      });

      test(`close clients beyond the most they want, and take others later, over ${kind}`, function* () {
        const reports = collectReports();
        const { server, connect } = yield* serve(kind, () => new Echo(), { maxConnections: 2 });
        const clients = [new Recorder(), new Recorder(), new Recorder()];
        for (const client of clients) yield* connect(() => client);
        const [first, second, third] = clients as [Recorder, Recorder, Recorder];
        yield* third.waitLost();
        assert.deepEqual([first.lost, second.lost], [false, false]);
        first.transport.close();
        yield* first.waitLost();
        yield* letTheKernelWork(kind);
        const fourth = new Recorder();
        yield* connect(() => fourth);
        fourth.transport.write(bytes('x'));
        yield* fourth.received(1);
        server.abortClients();
        server.close();
        yield* server.waitClosed();
        assert.deepEqual(reports, []);
      });

      test(`take 300 clients at once, if the backlog allows it, over ${kind}`, function* () {
        const reports = collectReports();
        const { server, connect } = yield* serve(kind, () => new Echo(), { backlog: 300 });
        const clients = Array.from({ length: 300 }, () => new Recorder());
        const connected = clients.map((client) =>
          createTask(function* () {
            yield* connect(() => client);
          }),
        );
        for (const task of connected) yield* task;
        for (const client of clients) client.transport.write(bytes('hello'));
        for (const client of clients) yield* client.received(5);
        server.closeClients();
        server.close();
        yield* server.waitClosed();
        for (const client of clients) yield* client.waitLost();
        assert.deepEqual(reports, []);
      });

      test(`that close while clients are on their way lose none of them, over ${kind}`, function* () {
        const reports = collectReports();
        let made = 0;
        const { server, connect } = yield* serve(kind, () => {
          if (++made === 3) server.close();
          return new Echo();
        });
        const clients = Array.from({ length: 10 }, () => new Recorder());
        const outcomes = yield* gather(
          clients.map((client) =>
            createTask(function* () {
              yield* connect(() => client);
              client.transport.write(bytes('x'));
              yield* client.until(() => client.lost || client.byteCount === 1);
              return client.byteCount === 1;
            }),
          ),
          { returnExceptions: true },
        );
        // Where the listener was gone when it knocked, that is what the client was told.
        for (const outcome of outcomes)
          assert.ok(typeof outcome === 'boolean' || outcome instanceof SystemError);
        assert.equal(outcomes.filter((outcome) => outcome === true).length, made);
        assert.equal(made, 3);
        server.abortClients();
        yield* server.waitClosed();
        assert.deepEqual(reports, []);
      });

      test(`stop in one call: some grace, then the end, over ${kind}`, function* () {
        const { near, serving, finish } = yield* openPair(kind);
        // A client that stays as long as it may.
        yield* serving.server.stop({ grace: 1 });
        yield* near.waitLost();
        yield* finish();
      });
    }

    it('close and wait when an `await using` block ends', { timeout: 20_000 }, () =>
      run(async () => {
        const near = new Recorder();
        let server: Server;
        {
          await using scoped = await getRunningLoop().createServer(() => new Echo(), { host: local });
          server = scoped;
          const [transport] = await getRunningLoop().createConnection(() => near as StreamProtocol, {
            host: local,
            port: portOf(scoped),
          });
          transport.close();
        }
        assert.deepEqual([server.isServing(), server.sockets], [false, []]);
      }, kind.options),
    );

    test('may close from inside any of their connections’ callbacks', function* () {
      for (const name of ['connectionMade', 'dataReceived', 'eofReceived', 'connectionLost'] as const) {
        const far = new Recorder();
        const { serving, transport, finish } = yield* openPair('TCP', new Recorder(), far);
        far.on[name] = () => serving.server.close();
        transport.write(bytes('x'));
        transport.close();
        yield* far.waitLost();
        serving.server.close();
        yield* serving.server.waitClosed();
        yield* finish();
      }
    });

    it('and open connections are closed by the end of the run, and protocols are told', {
      timeout: 20_000,
    }, async () => {
      const near = new Recorder();
      const far = new Recorder();
      await run(() => openPair('TCP', near, far), kind.options);
      assert.deepEqual([near.loss, far.loss], [null, null]);
      assert.deepEqual([near.calls.at(-1), far.calls.at(-1)], ['connectionLost', 'connectionLost']);
    });
  });

  describe(`Unix servers on the ${kind} loop`, () => {
    const { socketAt } = kind.outside;
    const isSocket = (path: string) => ![null, 'no socket'].includes(socketAt(path) as string | null);
    const realFiles = { skip: kind.simulated && notOfThisWorld };

    function* listen(path: string, options: { cleanupSocket?: boolean } = {}): Steps<Server> {
      return yield* getRunningLoop().createUnixServer(() => new Echo(), { path, ...options });
    }

    test('remove their file when they close (B-SERV-006)', function* () {
      const path = socketPath();
      const server = yield* listen(path);
      assert.deepEqual(server.sockets, [{ path }]);
      assert.ok(isSocket(path));
      yield* isEchoedAt({ path });
      server.close();
      assert.equal(socketAt(path), null);
    });

    test('leave it if they are told to (B-SERV-006)', function* () {
      const path = socketPath();
      const server = yield* listen(path, { cleanupSocket: false });
      server.close();
      yield* server.waitClosed();
      yield* letTheKernelWork('Unix', 3);
      assert.ok(isSocket(path));
      assert.deepEqual(leftovers(path), []);
    });

    test(
      'do not mind if it is gone already (B-SERV-006)',
      function* () {
        const path = socketPath();
        const server = yield* listen(path);
        rmSync(path);
        server.close();
        yield* server.waitClosed();
        assert.equal(existsSync(path), false);
      },
      realFiles,
    );

    test('leave the file of another server that has taken the name since (B-SERV-006)', function* () {
      const path = socketPath();
      const first = yield* listen(path);
      const second = yield* listen(path);
      const socket = socketAt(path);
      first.close();
      yield* first.waitClosed();
      yield* letTheKernelWork('Unix', 3);
      assert.equal(socketAt(path), socket);
      assert.deepEqual(leftovers(path), []);
      yield* isEchoedAt({ path });
      second.close();
      assert.equal(socketAt(path), null);
    });

    test(
      'leave another file that has taken the name since (B-SERV-006)',
      function* () {
        const path = socketPath();
        const server = yield* listen(path);
        rmSync(path);
        writeFileSync(path, 'precious');
        server.close();
        yield* server.waitClosed();
        assert.equal(readFileSync(path, 'utf8'), 'precious');
        assert.deepEqual(leftovers(path), []);
      },
      realFiles,
    );

    test('replace a socket that nobody listens on any more (B-UNIX-004)', function* () {
      const path = socketPath();
      const dead = yield* listen(path, { cleanupSocket: false });
      dead.close();
      yield* dead.waitClosed();
      assert.ok(isSocket(path));
      const server = yield* listen(path);
      yield* isEchoedAt({ path });
      server.close();
    });

    test(
      'refuse a name that something else than a socket has, as in use (B-UNIX-004)',
      function* () {
        const file = socketPath();
        writeFileSync(file, 'precious');
        const folder = socketPath();
        mkdirSync(folder);
        for (const path of [file, folder]) {
          const error = yield* systemError(getRunningLoop().createUnixServer(() => ({}), { path }));
          assert.deepEqual([error.code, error.address], ['EADDRINUSE', path]);
          assert.ok(error.message.startsWith(`Cannot listen on ${path}: `));
        }
        assert.equal(readFileSync(file, 'utf8'), 'precious');
      },
      realFiles,
    );

    test(
      'say that there is no such folder',
      function* () {
        const nowhere = join(socketPath(), 'socket');
        const missing = yield* systemError(getRunningLoop().createUnixServer(() => ({}), { path: nowhere }));
        assert.equal(missing.code, 'ENOENT');
      },
      realFiles,
    );

    test('say what is wrong with a path that cannot be bound', function* () {
      const loop = getRunningLoop();
      const long = yield* rejection(
        loop.createUnixServer(() => ({}), { path: socketPath().padEnd(300, 'x') }),
      );
      assert.ok(long instanceof SystemError, String(long));
    });

    test(
      'listen on abstract names, which have no file (Linux)',
      function* () {
        const path = `\0tulipa test ${process.pid}`;
        const server = yield* listen(path);
        assert.deepEqual(server.sockets, [{ path }]);
        yield* isEchoedAt({ path });
        const taken = yield* systemError(getRunningLoop().createUnixServer(() => ({}), { path }));
        assert.equal(taken.code, 'EADDRINUSE');
        assert.ok(taken.message.startsWith('Cannot listen on @tulipa test'), taken.message);
        server.close();
        yield* server.waitClosed();
        const again = yield* listen(path);
        again.close();
      },
      { skip: process.platform === 'linux' ? false : 'abstract names are Linux’s own' },
    );
  });
}

/** Files beside a socket that were made for it and forgotten. */
function leftovers(path: string): string[] {
  return readdirSync(dirname(path)).filter(
    (name) => name !== basename(path) && name.startsWith(`${basename(path)}.`),
  );
}
