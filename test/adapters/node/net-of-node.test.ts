// What Node's own tests of node:net, and those of the libraries on it, have found to be different.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { StreamSocket } from '../../../src/adapters/node/index.ts';
import net from '../../../src/adapters/node/net.ts';
import { Future } from '../../../src/coroutines/index.ts';
import { socketPath, testOn } from '../../contract/endpoints.ts';
import { loopKinds } from '../../contract/kinds.ts';
import { programCommand } from '../../support/run-program.ts';
import { closed, connectTo, local, next, portOf } from './on-loop.ts';

describe('the arguments of a socket', () => {
  const throwsCode = (code: string, connect: () => unknown) => assert.throws(connect, { code });

  it('are refused as node:net does', () => {
    throwsCode('ERR_SOCKET_BAD_PORT', () => net.connect(' '));
    throwsCode('ERR_INVALID_ARG_VALUE', () => net.connect({ port: 1, hints: 42 << 8 }));
    throwsCode('ERR_INVALID_ARG_TYPE', () => net.connect({ port: 1, autoSelectFamily: 'yes' as never }));
    for (const autoSelectFamilyAttemptTimeout of [0, -10, 2 ** 31]) {
      throwsCode('ERR_OUT_OF_RANGE', () => net.connect({ port: 1, autoSelectFamilyAttemptTimeout }));
    }
    for (const option of ['objectMode', 'readableObjectMode', 'writableObjectMode']) {
      throwsCode('ERR_INVALID_ARG_VALUE', () => net.connect({ port: 1, [option]: true }));
    }
    // An array is what Node's modules pass on, which have marked it.
    throwsCode('ERR_MISSING_ARGS', () => new net.Socket().connect([{ port: 1 }, () => {}]));
  });

  it('are not asked of the prototype', () => {
    assert.equal(StreamSocket.prototype.bytesWritten, undefined);
  });
});

describe('a process with sockets', () => {
  for (const driver of ['node', 'epoll']) {
    for (const scene of ['server', 'paused', 'unread']) {
      const skip = driver === 'epoll' && process.platform !== 'linux';
      it(`ends where nothing reads or sends, on ${driver}: ${scene}`, { skip }, () => {
        const { command, args } = programCommand('test/support/programs/idle-sockets.ts', driver, scene);
        const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: 20_000 });
        assert.equal(stdout, 'ERR_DEADLOCK\n', stderr);
      });
    }
  }
});

for (const kind of loopKinds) {
  const test = testOn(kind);
  const real = kind.simulated ? 'files and resets of a real machine' : false;

  describe(`what node:net does, on the ${kind} loop`, () => {
    test('a signal that was aborted before destroys a socket, and it is not connected', function* () {
      const socket = net.connect({ port: 1, host: local, signal: AbortSignal.abort() });
      const [error] = yield* next<[Error]>(socket, 'error');
      assert.equal(error.name, 'AbortError');
      if (!socket.closed) yield* next(socket, 'close');
    });

    test('a socket that connects again counts bytes from the beginning', function* () {
      const server = net.createServer((peer) => peer.resume());
      server.listen(0, local);
      yield* next(server, 'listening');
      const socket = new net.Socket();
      for (let i = 0; i < 2; i++) {
        socket.connect(portOf(server), local);
        assert.equal(socket.bufferSize, 0);
        socket.end('six by');
        yield* next(socket, 'close');
        assert.equal(socket.bytesWritten, 6);
      }
      yield* closed(server);
    });

    test('onread is called with the socket as this', function* () {
      const done = new Future<unknown>();
      const server = net.createServer((peer) => peer.end('data'));
      server.listen(0, local);
      yield* next(server, 'listening');
      const socket = net.connect({
        port: portOf(server),
        host: local,
        onread: {
          buffer: Buffer.alloc(16),
          callback(this: unknown) {
            done.setResult(this);
            return true;
          },
        },
      });
      assert.equal(yield* done, socket);
      if (!socket.closed) yield* next(socket, 'close');
      yield* closed(server);
    });

    test('addresses that a lookup has found are tried in turns of their families', function* () {
      const server = net.createServer((peer) => peer.end());
      server.listen(0, local);
      yield* next(server, 'listening');
      const port = portOf(server);
      const socket = net.connect({
        port,
        host: 'somewhere.example',
        lookup: (_name, _options, callback) => {
          const addresses = ['::1', '::1', local].map((address) => ({ address, family: net.isIP(address) }));
          callback(null, addresses);
        },
        autoSelectFamily: true,
      });
      yield* next(socket, 'connect');
      assert.deepEqual(socket.autoSelectFamilyAttemptedAddresses, [`::1:${port}`, `${local}:${port}`]);
      yield* next(socket.resume(), 'close');
      yield* closed(server);
    });

    test('an address of no family that there is is refused', function* () {
      const lookup = (_name: string, _options: unknown, callback: (...args: never[]) => void) =>
        (callback as (...args: unknown[]) => void)(null, local, 100);
      const socket = net.connect({ port: 80, host: 'somewhere.example', family: 4, lookup });
      const [error] = yield* next<[NodeJS.ErrnoException]>(socket, 'error');
      assert.equal(error.code, 'ERR_INVALID_ADDRESS_FAMILY');
      assert.equal(error.message, 'Invalid address family: 100 somewhere.example:80');
    });

    test('a failure to connect says where from', function* () {
      const server = net.createServer().listen(0, local);
      yield* next(server, 'listening');
      const port = portOf(server);
      yield* closed(server);
      const socket = net.connect({ port, host: local, localAddress: local });
      const [error] = yield* next<[Error & { localAddress?: string }]>(socket, 'error');
      assert.equal(error.localAddress, local);
      assert.match(error.message, /^connect ECONNREFUSED .* - Local \(127\.0\.0\.1:undefined\)$/);
    });

    test(
      'a path that is taken, or too long, cannot be listened on',
      function* () {
        const path = socketPath();
        writeFileSync(path, '');
        for (const [taken, code, words] of [
          [path, 'EADDRINUSE', 'address already in use'],
          [`/tmp/${'x'.repeat(5_000)}`, 'EINVAL', 'invalid argument'],
        ] as const) {
          const server = net.createServer();
          server.listen(taken);
          const [error] = yield* next<[NodeJS.ErrnoException & { address?: string }]>(server, 'error');
          assert.equal(error.code, code);
          assert.equal(error.address, taken);
          assert.equal(error.message, `listen ${code}: ${words} ${taken}`);
        }
      },
      { skip: real },
    );

    test(
      'a server has its address as soon as listen returns',
      function* () {
        for (const host of [undefined, local]) {
          const server = net.createServer((peer) => peer.end());
          server.listen(0, host);
          const socket = net.connect(portOf(server), local);
          yield* next(socket, 'connect');
          assert.equal(portOf(server), socket.remotePort);
          yield* next(socket.resume(), 'close');
          // It is taken: that is told later, by an event.
          const second = net.createServer();
          second.listen(portOf(server), host);
          const [error] = yield* next<[NodeJS.ErrnoException]>(second, 'error');
          assert.equal(error.code, 'EADDRINUSE');
          yield* closed(server);
        }
      },
      { skip: kind.driver !== 'epoll' && 'its driver cannot listen at once' },
    );

    test(
      'resetAndDestroy has the peer read a reset, before and after it is connected',
      function* () {
        for (const early of [true, false]) {
          const broken = new Future<string | undefined>();
          const server = net.createServer((peer) => {
            peer.on('error', (error: NodeJS.ErrnoException) => broken.setResult(error.code));
          });
          server.listen(0, local);
          yield* next(server, 'listening');
          const socket = net.connect(portOf(server), local);
          if (early) socket.resetAndDestroy();
          else socket.once('connect', () => socket.resetAndDestroy());
          yield* next(socket, 'close');
          assert.equal(yield* broken, 'ECONNRESET');
          yield* closed(server);
        }
      },
      { skip: real },
    );

    test('a socket that is not connected has no handle, and can be reset no more', function* () {
      const { socket, finish } = yield* connectTo();
      yield* finish();
      assert.equal(socket._handle, null);
      socket.resetAndDestroy();
      assert.equal(socket.destroyed, true);
    });
  });
}
