import assert from 'node:assert/strict';
import dns, { lookup as importedLookup } from 'node:dns';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo, connect as imported } from 'node:net';
import { describe, it } from 'node:test';
import tls from 'node:tls';
import { type EventLoop, Future, getRunningLoop, newEventLoop, run, StateError, wrapFuture } from 'tulipa';
import { installNet, installTimers, StreamSocket } from 'tulipa/adapters/node';
import { simulate } from 'tulipa/testing';
import { type Steps, testOn } from '../../contract/endpoints.ts';
import { loopKinds } from '../../contract/kinds.ts';
import { selfSigned } from '../../support/self-signed.ts';
import { closed, eventsOf, local, next, portOf, readAll } from './on-loop.ts';

/** As packages do that take apart what they require. */
const { connect: kept, Socket: KeptSocket } = net;

class Extended extends net.Socket {
  readonly isMine = true;
}

const places: readonly [object, string][] = [
  [net, 'connect'],
  [net, 'createConnection'],
  [net, 'Socket'],
  [net, 'Stream'],
  [net.Socket.prototype, 'connect'],
  [net.Server.prototype, 'listen'],
  [tls, 'connect'],
  [dns, 'lookup'],
  [dns.promises, 'lookup'],
  [http.Agent.prototype, 'addRequest'],
  [http.Agent.prototype, 'createConnection'],
  [globalThis, 'fetch'],
];
const placesNow = () => places.map(([object, key]) => Object.getOwnPropertyDescriptor(object, key));

/** What answers with what it is told, and ends when its client does. */
function* echo(): Steps<net.Server> {
  const server = net.createServer((socket) => socket.pipe(socket));
  const listening = next(server, 'listening');
  server.listen(0, local);
  yield* listening;
  return server;
}

function get(options: http.RequestOptions, from: typeof http | typeof https = http): Promise<string> {
  return new Promise((resolve, reject) => {
    from
      .get(options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        response.on('end', () => resolve(text));
      })
      .on('error', reject);
  });
}

/** On Node 20 the first one compiles WebAssembly in a thread, for which no simulation waits. */
async function realFetch(): Promise<void> {
  const server = http.createServer((_request, response) => {
    response.setHeader('connection', 'close');
    response.end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  await (await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)).text();
  server.close();
}

describe('installNet', () => {
  const isRefused = (error: unknown) => error instanceof StateError && error.code === 'ERR_GLOBALS_REPLACED';

  it('puts all back as it was, to the last attribute, and may be told so twice', () => {
    const before = placesNow();
    const loop = newEventLoop({ driver: 'simulation' });
    const uninstall = installNet(loop);
    placesNow().forEach((now, i) => {
      assert.notEqual(now?.value, before[i]?.value, String(places[i]?.[1]));
    });
    assert.equal(imported, net.connect);
    uninstall();
    assert.deepEqual(placesNow(), before);
    assert.equal(imported, kept);
    uninstall();
    assert.deepEqual(placesNow(), before);
    {
      using _ = installNet(loop);
      assert.notDeepEqual(placesNow(), before);
    }
    assert.deepEqual(placesNow(), before);
    loop.close();
  });

  it('refuses to be installed twice, and can be again then; what removes the first does not remove the second', () => {
    const loop = newEventLoop({ driver: 'simulation' });
    const first = installNet(loop);
    assert.throws(() => installNet(), isRefused);
    first();
    const second = installNet(loop);
    const replaced = net.connect;
    first();
    assert.equal(net.connect, replaced);
    second();
    assert.equal(net.connect, kept);
    loop.close();
  });

  it('is removed in any order with the timers, and with what others have put on top', () => {
    const loop = newEventLoop({ driver: 'simulation' });
    const { setTimeout } = globalThis;
    for (const inOrder of [true, false]) {
      const removals = [installNet(loop), installTimers(loop)];
      for (const remove of inOrder ? removals : removals.reverse()) remove();
      assert.deepEqual([net.connect, globalThis.setTimeout], [kept, setTimeout]);
    }
    const uninstall = installNet(loop);
    const below = net.connect;
    const calls: unknown[] = [];
    const theirs = ((...args: [number, string]) => {
      calls.push(args);
      return below(...args);
    }) as unknown as typeof net.connect;
    net.connect = theirs;
    uninstall();
    // It is not taken from them; and when they put ours back, that is Node's.
    assert.equal(net.connect, theirs);
    const socket = net.connect(1, local).on('error', () => {});
    assert.ok(!(socket instanceof StreamSocket));
    socket.destroy();
    assert.equal(calls.length, 1);
    net.connect = kept;
    loop.close();
  });

  it('is Node’s own network where no loop runs, unless one was given', async () => {
    using _ = installNet();
    const server = net.createServer((socket) => socket.end('plain')).listen(0, local);
    await new Promise((resolve) => server.once('listening', resolve));
    const socket = net.connect(portOf(server), local);
    assert.ok(!(socket instanceof StreamSocket));
    const words = await new Promise((resolve) => socket.setEncoding('utf8').once('data', resolve));
    assert.equal(words, 'plain');
    socket.destroy();
    server.close();
    assert.equal(net.connect.length, 0);
  });

  it('has a server that is closed listen on Node’s own network once it is removed', async () => {
    const server = net.createServer((socket) => socket.end('served'));
    await run(async () => {
      const uninstall = installNet();
      server.listen(0, local);
      await new Promise((resolve) => server.once('listening', resolve));
      assert.ok(Object.hasOwn(server, 'listen'));
      uninstall();
      const socket = StreamSocket.connect(portOf(server), local);
      assert.equal(String(await new Promise((resolve) => socket.once('data', resolve))), 'served');
      await new Promise((resolve) => socket.once('close', resolve));
      await new Promise((resolve) => server.close(resolve));
    });
    assert.ok(!Object.hasOwn(server, 'listen'));
    server.listen(0, local);
    await new Promise((resolve) => server.once('listening', resolve));
    await new Promise((resolve) => server.close(resolve));
  });

  it('refuses the network when its loop is closed, and what is no loop', async () => {
    const loop = newEventLoop({ driver: 'simulation' });
    const uninstall = installNet(loop);
    loop.close();
    try {
      const isClosed = { name: 'StateError', code: 'ERR_LOOP_CLOSED' };
      assert.throws(() => net.connect(1, local), isClosed);
      assert.throws(() => kept(1, local), isClosed);
      assert.throws(() => net.createServer().listen(0), isClosed);
      assert.throws(() => dns.lookup('localhost', () => {}), isClosed);
      assert.throws(() => tls.connect(1, local), isClosed);
    } finally {
      uninstall();
    }
    for (const wrong of [{}, null, 'loop']) assert.throws(() => installNet(wrong as EventLoop), TypeError);
    assert.equal(net.connect, kept);
  });

  it('puts each host of a simulation onto its own loop, and fetch with them, and leaves nothing behind', async () => {
    await realFetch();
    const before = placesNow();
    const uninstall = installNet();
    const seen = await simulate(
      async (sim) => {
        const listening: string[] = [];
        for (const name of ['one', 'other']) {
          sim.host(name, async () => {
            const server = http.createServer((_request, response) => void response.end(name));
            server.listen(80, () => listening.push(name));
            await new Future<never>();
          });
        }
        await sim.eventually(() => listening.length === 2);
        const texts = ['one', 'other'].map(async (name) => await (await fetch(`http://${name}/`)).text());
        return [...(await Promise.all(texts)), await get({ host: 'one' }), await get({ host: 'other' })];
      },
      { globals: true },
    );
    uninstall();
    assert.deepEqual(seen, ['one', 'other', 'one', 'other']);
    assert.deepEqual(placesNow(), before);
    // In the other order.
    let remove = () => {};
    await simulate(async () => {
      remove = installNet();
    });
    remove();
    assert.deepEqual(placesNow(), before);
  });
});

// Behind those: what fetch keeps of real time for itself would be refused in a simulation.
for (const kind of loopKinds) {
  const test = testOn(kind);

  describe(`installNet on the ${kind} loop`, () => {
    test('takes servers, and connections however they are opened', function* () {
      using _ = installNet(getRunningLoop());
      const server = yield* echo();
      const port = portOf(server);
      const ways: [string, () => net.Socket][] = [
        ['connect', () => net.connect(port, local)],
        ['createConnection', () => net.createConnection({ port, host: local })],
        ['the named import', () => imported(port, local)],
        ['Socket', () => new net.Socket().connect(port, local)],
        ['connect, kept since before', () => kept({ port, host: local })],
        ['Socket, kept since before', () => new KeptSocket().connect(port, local)],
        ['a class that extends it', () => new Extended().connect({ port, host: local })],
      ];
      for (const [way, open] of ways) {
        const socket = open();
        assert.equal((socket as unknown as { _handle?: unknown })._handle ?? null, null, way);
        const seen = eventsOf(socket, 'connect', 'ready', 'end', 'finish', 'close');
        assert.deepEqual([socket.connecting, socket.pending], [true, true], way);
        socket.setNoDelay(true).setKeepAlive(true).ref();
        socket.write('hello ');
        socket.end('there');
        const closing = next(socket, 'close');
        assert.equal(yield* readAll(socket), 'hello there', way);
        yield* closing;
        assert.deepEqual(seen.slice(0, 2), ['connect', 'ready'], way);
        assert.deepEqual(seen.slice(2).sort(), ['close', 'end', 'finish'], way);
        assert.deepEqual([socket.bytesRead, socket.bytesWritten], [11, 11], way);
      }
      assert.ok(new Extended().connect(port, local).destroy() instanceof Extended);
      assert.ok(net.connect(port, local).destroy() instanceof StreamSocket);
      yield* closed(server);
    });

    test('takes look-ups, in all their spellings', function* () {
      using _ = installNet(getRunningLoop());
      for (const look of [dns.lookup, importedLookup]) {
        const address = yield* wrapFuture(
          new Promise((resolve) => look('localhost', { family: 4 }, (...answer) => resolve(answer))),
        );
        assert.deepEqual(address, [null, local, 4]);
      }
      assert.deepEqual(yield* wrapFuture(dns.promises.lookup('localhost', 4)), { address: local, family: 4 });
      const all = yield* wrapFuture(dns.promises.lookup('localhost', { family: 4, all: true }));
      assert.deepEqual(all[0], { address: local, family: 4 });
      const missing = dns.promises.lookup('there-is-no-such-host.invalid');
      yield* wrapFuture(assert.rejects(missing, { code: /^(ENOTFOUND|EAI_AGAIN)$/, syscall: 'getaddrinfo' }));
    });

    test('tells of what fails as Node does', function* () {
      using _ = installNet(getRunningLoop());
      const server = yield* echo();
      const port = portOf(server);
      yield* closed(server);
      for (const open of [() => net.connect(port, local), () => kept(port, local)]) {
        const socket = open();
        const seen = eventsOf(socket, 'error', 'close');
        const [{ code, syscall, message }] = yield* next<[NodeJS.ErrnoException]>(socket, 'error');
        assert.deepEqual([code, syscall], ['ECONNREFUSED', 'connect']);
        assert.equal(message, `connect ECONNREFUSED ${local}:${port}`);
        if (seen.length < 2) yield* next(socket, 'close');
        assert.deepEqual(seen, ['error', 'close']);
      }
      assert.throws(() => kept({} as net.NetConnectOpts), { code: 'ERR_MISSING_ARGS' });
      assert.throws(() => kept(70_000, local), { code: 'ERR_SOCKET_BAD_PORT' });
    });

    test('keeps to Node’s rules for sockets of its own class: ends, silence, a second connection', function* () {
      const loop = getRunningLoop();
      using _ = installNet(loop);
      const server = yield* echo();
      const port = portOf(server);
      const socket = new Extended({ allowHalfOpen: true });
      const start = loop.time();
      socket.setTimeout(30).connect(port, local);
      yield* next(socket, 'connect');
      assert.deepEqual([socket.remoteAddress, socket.remotePort], [local, port]);
      assert.equal(socket.readyState, 'open');
      yield* next(socket, 'timeout');
      assert.ok(loop.time() - start >= 30);
      socket.setTimeout(0);
      // More than all buffers hold, and nobody reads for a while.
      const large = 'x'.repeat(4_000_000);
      socket.write(large.slice(0, 1_000_000));
      socket.write(large.slice(1_000_000));
      assert.ok(socket.writableNeedDrain);
      socket.end();
      assert.equal((yield* readAll(socket)).length, large.length);
      if (!socket.closed) yield* next(socket, 'close');
      socket.connect(port, local);
      yield* next(socket, 'connect');
      const told = next<[Buffer]>(socket, 'data');
      socket.write('again');
      assert.equal(String((yield* told)[0]), 'again');
      const closing = next(socket, 'close');
      socket.destroy();
      yield* closing;
      yield* closed(server);
    });

    test('is not disturbed by who destroys a socket in the middle of a write, writes after its end, or never reads', function* () {
      using _ = installNet(getRunningLoop());
      const accepted: net.Socket[] = [];
      const server = net.createServer((socket) => void accepted.push(socket.on('error', () => {})));
      const listening = next(server, 'listening');
      server.listen(0, local);
      yield* listening;
      for (const open of [net.connect, kept]) {
        const rude = open(portOf(server), local);
        rude.on('error', () => {});
        yield* next(rude, 'connect');
        // The far end never reads: what the kernels do not take stays with the writer.
        let dropped: unknown = null;
        rude.write(Buffer.alloc(16_000_000));
        const isEnough = !rude.write('more', (error) => {
          dropped = error;
        });
        assert.ok(isEnough);
        const closing = next(rude, 'close');
        rude.destroy();
        yield* closing;
        assert.equal(rude.destroyed, true);
        assert.equal((dropped as NodeJS.ErrnoException).code, 'ERR_STREAM_DESTROYED');

        const late = open(portOf(server), local);
        yield* next(late, 'connect');
        late.end('the end');
        const failed = next<[NodeJS.ErrnoException]>(late, 'error');
        late.write('after it');
        assert.equal((yield* failed)[0].code, 'ERR_STREAM_WRITE_AFTER_END');
      }
      for (const socket of accepted) socket.destroy();
      yield* closed(server);
    });

    test('carries http by the global agent and fetch, without one loop’s connections for another', function* () {
      using _ = installNet();
      const agent = new http.Agent({ keepAlive: true });
      const ports = new Set<number | undefined>();
      const server = http.createServer((request, response) => {
        ports.add(request.socket.remotePort);
        assert.ok(request.socket instanceof StreamSocket);
        response.end(`${request.url}`);
      });
      const listening = next(server, 'listening');
      server.listen(0, local);
      yield* listening;
      const at = { host: local, port: portOf(server), agent };
      assert.equal(yield* wrapFuture(get({ ...at, path: '/one' })), '/one');
      assert.equal(yield* wrapFuture(get({ ...at, path: '/two' })), '/two');
      assert.equal(ports.size, 1);
      const fetched = fetch(`http://${local}:${at.port}/three`).then((response) => response.text());
      assert.equal(yield* wrapFuture(fetched), '/three');
      agent.destroy();
      const closing = next(server, 'close');
      server.close();
      server.closeAllConnections();
      yield* closing;
    });

    test('carries TLS', function* () {
      using _ = installNet();
      const identity = selfSigned();
      const server = https.createServer(identity, (request, response) => {
        assert.equal(request.socket.remoteAddress, local);
        response.end('secret');
      });
      const listening = next(server, 'listening');
      server.listen(0, local);
      yield* listening;
      const agent = new https.Agent({ ca: identity.cert });
      const options = { host: local, port: portOf(server), servername: 'localhost', agent };
      assert.equal(yield* wrapFuture(get(options, https)), 'secret');
      agent.destroy();
      const closing = next(server, 'close');
      server.close();
      server.closeAllConnections();
      yield* closing;
    });

    test('lets go on what is open when it is removed', function* () {
      const uninstall = installNet(getRunningLoop());
      const server = yield* echo();
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      const web = http.createServer((_request, response) => void response.end('answer'));
      const listening = next(web, 'listening');
      web.listen(0, local);
      yield* listening;
      const at = { host: local, port: portOf(web), agent };
      const sockets = [net.connect(portOf(server), local), kept(portOf(server), local)];
      const asked = [get(at), get(at), get(at)];
      uninstall();
      // All three over one connection: the agent knows it by the same name as before.
      if (!kind.blocks) {
        for (const answer of asked) assert.equal(yield* wrapFuture(answer), 'answer');
        assert.equal(Object.values(agent.sockets).flat().length, 0);
      } else {
        assert.equal(yield* wrapFuture(asked[0] as Promise<string>), 'answer');
      }
      for (const socket of sockets) {
        socket.end('still');
        const closing = next(socket, 'close');
        assert.equal(yield* readAll(socket), 'still');
        yield* closing;
      }
      agent.destroy();
      const closing = next(web, 'close');
      web.close();
      web.closeAllConnections();
      yield* closing;
      yield* closed(server);
    });
  });
}
