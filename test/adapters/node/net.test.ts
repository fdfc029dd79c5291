import assert from 'node:assert/strict';
import nodeNet from 'node:net';
import { describe, it } from 'node:test';
import nodeTls from 'node:tls';
import { StreamSocket } from '../../../src/adapters/node/index.ts';
import { type LookupAddress, lookup } from '../../../src/adapters/node/lookup.ts';
import net, * as netModule from '../../../src/adapters/node/net.ts';
import tls, * as tlsModule from '../../../src/adapters/node/tls.ts';
import { Future } from '../../../src/coroutines/index.ts';
import { StateError } from '../../../src/interface/index.ts';
import { getRunningLoop } from '../../../src/loop/index.ts';
import { testOn } from '../../contract/endpoints.ts';
import { loopKinds } from '../../contract/kinds.ts';
import { selfSigned } from '../../support/self-signed.ts';
import { closed, local, next, portOf, readAll } from './on-loop.ts';

describe('tulipa/adapters/node/net', () => {
  it('has all that node:net has, by name and as its default', () => {
    for (const name of Object.keys(nodeNet)) {
      if (name.startsWith('_')) continue;
      assert.ok(name in net, name);
      assert.ok(name in netModule, name);
    }
    assert.equal(net.isIP, nodeNet.isIP);
    assert.equal(net.Socket, netModule.Stream);
  });

  it('is what the package offers under this name', async () => {
    const offered: unknown = await import('tulipa/adapters/node/net');
    assert.equal(offered, netModule);
  });

  it('makes sockets and servers with and without new', () => {
    const socket = net.Socket();
    assert.ok(socket instanceof net.Socket);
    assert.ok(socket instanceof StreamSocket);
    const server = net.Server();
    assert.ok(server instanceof nodeNet.Server);
    assert.ok(net.createServer() instanceof net.Server);
    class Mine extends net.Socket {}
    assert.ok(new Mine() instanceof StreamSocket);
  });

  it('needs a loop that runs', () => {
    assert.throws(() => net.connect(1, local), StateError);
    assert.throws(() => net.createServer().listen(0), StateError);
  });
});

describe('tulipa/adapters/node/tls', () => {
  it('has all that node:tls has, and is what the package offers under this name', async () => {
    for (const name of Object.keys(nodeTls)) {
      if (name.startsWith('_')) continue;
      assert.ok(name in tls, name);
    }
    const offered: unknown = await import('tulipa/adapters/node/tls');
    assert.equal(offered, tlsModule);
  });
});

for (const kind of loopKinds) {
  const test = testOn(kind);

  describe(`programs written for node:net on the ${kind} loop`, () => {
    test('serve and connect, in each way to say where', function* () {
      const server = net.createServer((socket) => {
        assert.ok(socket instanceof net.Socket);
        socket.pipe(socket);
      });
      const listening = next(server, 'listening');
      assert.equal(server.listen(0, local), server);
      yield* listening;
      const port = portOf(server);
      for (const make of [
        () => net.connect(port, local),
        () => net.connect({ port, host: local }),
        () => net.createConnection(String(port), local),
        () => new net.Socket().connect({ port, host: local }),
      ]) {
        const socket = make();
        socket.end('echo');
        assert.equal(yield* readAll(socket), 'echo');
      }
      yield* closed(server);
    });

    test('listen on all interfaces unless told otherwise', function* () {
      const server = net.createServer((socket) => socket.end());
      const listening = next(server, 'listening');
      server.listen();
      yield* listening;
      const { address, family, port } = server.address() as nodeNet.AddressInfo;
      assert.match(`${address} ${family}`, /^(:: IPv6|0\.0\.0\.0 IPv4)$/);
      const socket = net.connect(port, local);
      yield* next(socket, 'connect');
      socket.destroy();
      yield* closed(server);
    });

    test('connect with a timeout from the start', function* () {
      const server = net.createServer(() => {});
      const listening = next(server, 'listening');
      server.listen(0, local);
      yield* listening;
      const socket = net.connect({ port: portOf(server), host: local, timeout: 20 });
      yield* next(socket, 'timeout');
      socket.destroy();
      yield* closed(server);
    });

    test('close a server by a signal', function* () {
      const controller = new AbortController();
      const server = net.createServer();
      const listening = next(server, 'listening');
      server.listen({ port: 0, host: local, signal: controller.signal });
      yield* listening;
      const gone = next(server, 'close');
      controller.abort();
      yield* gone;
      assert.equal(server.listening, false);
    });

    test('speak TLS by a server and a client of the drop-in', function* () {
      const pem = selfSigned();
      const server = tls.createServer(pem, (socket) => socket.end(`hello ${socket.remoteAddress}`));
      const listening = next(server, 'listening');
      server.listen(0, local);
      yield* listening;
      const connected = new Future<void>();
      const socket = tls.connect(portOf(server), local, { ca: pem.cert }, () => connected.setResult());
      assert.equal(socket.connecting, true);
      const text = readAll(socket);
      yield* connected;
      assert.equal(socket.authorized, true);
      assert.equal(yield* text, `hello ${local}`);
      yield* closed(server);
    });

    test('look names up by the loop, as dns.lookup', function* () {
      const loop = getRunningLoop();
      const one = new Future<[string, number]>();
      lookup('localhost', 4, (error, address, family) => {
        assert.equal(error, null);
        one.setResult([address, family]);
      });
      assert.deepEqual(yield* one, [local, 4]);
      const all = new Future<LookupAddress[]>();
      lookup('localhost', { all: true, loop }, (_error, addresses) => all.setResult(addresses));
      assert.ok((yield* all).some(({ address }) => address === local));
      const literal = new Future<unknown[]>();
      lookup('::1', (...results) => literal.setResult(results));
      assert.deepEqual(yield* literal, [null, '::1', 6]);
      const failed = new Future<NodeJS.ErrnoException & { hostname?: string }>();
      lookup('nowhere.invalid', {}, (error) => failed.setResult(error as NodeJS.ErrnoException));
      const { code, syscall, hostname, message } = yield* failed;
      assert.deepEqual(
        { code, syscall, hostname, message },
        {
          code: 'ENOTFOUND',
          syscall: 'getaddrinfo',
          hostname: 'nowhere.invalid',
          message: 'getaddrinfo ENOTFOUND nowhere.invalid',
        },
      );
      assert.throws(() => lookup('x', undefined as never), { code: 'ERR_INVALID_ARG_TYPE' });
    });
  });
}
