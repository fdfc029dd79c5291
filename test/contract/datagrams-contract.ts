import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { describe } from 'node:test';
import { wrapFuture } from '../../src/coroutines/index.ts';
import {
  type DatagramOptions,
  type DatagramProtocol,
  type DatagramTransport,
  type InternetAddress,
  NotSupportedError,
  type SocketAddress,
  StateError,
  SystemError,
} from '../../src/interface/index.ts';
import { ContextVar, copyContext, getRunningLoop } from '../../src/loop/index.ts';
import {
  type Datagram,
  type DatagramEndpoint,
  type DatagramEndpointOptions,
  openDatagram,
} from '../../src/streams/index.ts';
import { createSocket } from '../../src/syscalls/index.ts';
import {
  bytes,
  collectReports,
  rejection,
  type Steps,
  socketPath,
  systemError,
  testOn,
  text,
  Watched,
} from './endpoints.ts';
import { type LoopKind, notOfThisWorld } from './kinds.ts';

/** The largest datagram of UDP: what IPv4 leaves of 65 535 bytes. */
const udpBytesMax = 65_507;

const families = {
  'UDP over IPv4': { host: '127.0.0.1' },
  'UDP over IPv6': { host: '::1' },
  'Unix datagrams': null,
} as const;
type Family = keyof typeof families;

/** A protocol that notes how it is called. */
class Recorder extends Watched implements DatagramProtocol {
  readonly calls: string[] = [];
  readonly received: { data: Uint8Array; from: SocketAddress }[] = [];
  readonly errors: Error[] = [];
  readonly losses: (Error | null)[] = [];
  on: { [Name in keyof DatagramProtocol]?: () => void } = {};
  transport: DatagramTransport | null = null;

  get texts(): string[] {
    return this.received.map(({ data }) => text(data));
  }

  connectionMade(transport: DatagramTransport): void {
    this.transport = transport;
    this.#note('connectionMade');
  }

  datagramReceived(data: Uint8Array, from: SocketAddress): void {
    this.received.push({ data, from });
    this.#note('datagramReceived');
  }

  errorReceived(error: Error): void {
    this.errors.push(error);
    this.#note('errorReceived');
  }

  pauseWriting(): void {
    this.#note('pauseWriting');
  }

  resumeWriting(): void {
    this.#note('resumeWriting');
  }

  connectionLost(error: Error | null): void {
    this.losses.push(error);
    this.#note('connectionLost');
  }

  *count(datagrams: number): Steps {
    yield* this.until(() => this.received.length >= datagrams);
  }

  *lost(): Steps<Error | null> {
    yield* this.until(() => this.losses.length > 0);
    assert.equal(this.losses.length, 1, 'connectionLost is called once');
    return this.losses[0] ?? null;
  }

  #note(name: keyof DatagramProtocol): void {
    this.calls.push(name);
    this.noted();
    this.on[name]?.();
  }
}

interface Endpoint {
  readonly transport: DatagramTransport;
  readonly protocol: Recorder;
  readonly address: SocketAddress;
}

function* open(options: DatagramOptions, protocol = new Recorder()): Steps<Endpoint> {
  const [transport] = yield* getRunningLoop().createDatagramEndpoint(() => protocol, options);
  return { transport, protocol, address: transport.getExtraInfo('sockname') as SocketAddress };
}

function freeAddress(family: Family): { host: string; port: number } | { path: string } {
  const wanted = families[family];
  return wanted === null ? { path: socketPath() } : { host: wanted.host, port: 0 };
}

/** A bound endpoint, and one that is connected to it. */
function* openPair(family: Family): Steps<{ server: Endpoint; client: Endpoint }> {
  const server = yield* open({ localAddress: freeAddress(family) });
  const client = yield* open({
    remoteAddress: server.address,
    localAddress: 'path' in server.address ? freeAddress(family) : undefined,
  });
  return { server, client };
}

function* close(...endpoints: readonly Endpoint[]): Steps {
  for (const { transport } of endpoints) transport.abort();
  for (const { protocol } of endpoints) assert.equal(yield* protocol.lost(), null);
}

/**
 * What datagram endpoints promise, on whatever driver.
 *
 * @param kind the driver, and who turns it
 */
export function testDatagrams(kind: LoopKind): void {
  const unix = kind.driver !== 'node';
  for (const family of Object.keys(families) as Family[]) {
    if (family === 'Unix datagrams' && !unix) continue;
    describe(`${family} on the ${kind} loop`, () => testFamily(kind, family));
  }
  describe(`datagram endpoints on the ${kind} loop`, () => testOptions(kind));
  describe(`openDatagram on the ${kind} loop`, () => testEndpoints(kind));
  if (unix) describe(`a full datagram socket on the ${kind} loop`, () => testFlowControl(kind));
  if (unix) describe(`what the kernel says of datagrams on the ${kind} loop`, () => testKernelErrors(kind));
}

function testFamily(kind: LoopKind, family: Family): void {
  const test = testOn(kind);
  const isUnix = family === 'Unix datagrams';

  test('arrive whole, with their sender, who can be answered (B-SEL-027)', function* () {
    const { server, client } = yield* openPair(family);
    client.transport.sendto(bytes('one'));
    client.transport.sendto(bytes('two'));
    yield* server.protocol.count(2);
    assert.deepEqual(server.protocol.texts, ['one', 'two']);
    const { from } = server.protocol.received[0] as { from: SocketAddress };
    assert.deepEqual(from, client.address);
    server.transport.sendto(bytes('answer'), from);
    yield* client.protocol.count(1);
    assert.deepEqual(client.protocol.texts, ['answer']);
    assert.deepEqual(client.protocol.received[0]?.from, server.address);
    assert.deepEqual(client.transport.getExtraInfo('peername'), server.address);
    assert.equal(server.transport.getExtraInfo('peername'), null);
    yield* close(server, client);
    assert.deepEqual(client.protocol.calls, ['connectionMade', 'datagramReceived', 'connectionLost']);
  });

  test('may be empty (B-SEL-028)', function* () {
    const { server, client } = yield* openPair(family);
    client.transport.sendto(new Uint8Array(0));
    client.transport.sendto(bytes('after it'));
    yield* server.protocol.count(2);
    assert.deepEqual(server.protocol.texts, ['', 'after it']);
    yield* close(server, client);
  });

  test('arrive whole up to the largest that there can be, and are the receiver’s to keep', function* () {
    const { server, client } = yield* openPair(family);
    const largest = new Uint8Array(isUnix ? 150_000 : udpBytesMax).map((_, index) => index % 251);
    client.transport.sendto(largest);
    client.transport.sendto(bytes('small'));
    yield* server.protocol.count(2);
    assert.deepEqual(server.protocol.received[0]?.data, largest);
    assert.equal(text(server.protocol.received[1]?.data as Uint8Array), 'small');
    yield* close(server, client);
  });

  test('come in the order in which one sender has sent them, many at a time', function* () {
    const { server, client } = yield* openPair(family);
    const sent = Array.from({ length: 150 }, (_, index) => `datagram ${index}`);
    for (const one of sent) client.transport.sendto(bytes(one));
    yield* server.protocol.count(sent.length);
    assert.deepEqual(server.protocol.texts, sent);
    yield* close(server, client);
  });

  test('may be changed by the sender at once', function* () {
    const { server, client } = yield* openPair(family);
    const reused = new Uint8Array(100);
    for (let value = 1; value <= 20; value++) client.transport.sendto(reused.fill(value));
    yield* server.protocol.count(20);
    assert.deepEqual(
      server.protocol.received.map(({ data }) => data[99]),
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
    yield* close(server, client);
  });

  test('that are too long are an error received, and the endpoint goes on (B-SEL-027)', function* () {
    const { server, client } = yield* openPair(family);
    client.transport.sendto(new Uint8Array(isUnix ? 8_000_000 : 65_536));
    client.transport.sendto(bytes('short'));
    yield* server.protocol.count(1);
    yield* client.protocol.until(() => client.protocol.errors.length > 0);
    assert.deepEqual(server.protocol.texts, ['short']);
    const error = client.protocol.errors[0];
    assert.ok(error instanceof SystemError);
    assert.equal(error.code, 'EMSGSIZE');
    assert.match(error.message, /^Cannot send a datagram to /);
    assert.equal(client.transport.isClosing(), false);
    yield* close(server, client);
  });

  test('to whom nobody receives them are an error received by a connected endpoint, which stays (B-SEL-027)', function* () {
    const { server, client } = yield* openPair(family);
    yield* close(server);
    client.transport.sendto(bytes('is there anybody?'));
    yield* client.protocol.until(() => client.protocol.errors.length > 0);
    assert.equal((client.protocol.errors[0] as SystemError).code, 'ECONNREFUSED');
    assert.equal(client.transport.isClosing(), false);
    yield* close(client);
  });

  test('go from a connected endpoint to its peer alone, and nowhere after the end (B-SEL-029)', function* (context) {
    const { server, client } = yield* openPair(family);
    const other = yield* open({ localAddress: freeAddress(family) });
    assert.throws(() => client.transport.sendto(bytes('x'), other.address), RangeError);
    client.transport.sendto(bytes('x'), { ...server.address });
    yield* server.protocol.count(1);
    yield* close(client);
    const warnings: string[] = [];
    context.mock.method(process, 'emitWarning', (_message: string, name: string) => warnings.push(name));
    for (let sends = 0; sends < 4; sends++) client.transport.sendto(bytes('late'));
    assert.deepEqual(warnings, []);
    client.transport.sendto(bytes('late'));
    assert.deepEqual(warnings, ['WriteAfterEndWarning']);
    server.transport.sendto(bytes('x'), other.address);
    yield* other.protocol.count(1);
    assert.equal(server.protocol.received.length, 1);
    yield* close(server, other);
  });

  test('of others do not reach a connected endpoint', function* () {
    const { server, client } = yield* openPair(family);
    const other = yield* open({ localAddress: freeAddress(family) });
    if (isUnix) {
      // The kernel refuses the sender there.
      other.transport.sendto(bytes('from another'), client.address);
      yield* other.protocol.until(() => other.protocol.errors.length > 0);
    } else {
      other.transport.sendto(bytes('from another'), client.address);
    }
    server.transport.sendto(bytes('from the peer'), client.address);
    yield* client.protocol.count(1);
    assert.deepEqual(client.protocol.texts, ['from the peer']);
    yield* close(server, client, other);
  });

  test('cannot be sent without an address, to no address, or to one of another family', function* () {
    const { transport, protocol, address } = yield* open({ localAddress: freeAddress(family) });
    const elsewhere: SocketAddress = isUnix
      ? { host: '127.0.0.1', port: 9, family: 4 }
      : { path: '/nowhere' };
    assert.throws(() => transport.sendto(bytes('x')), RangeError);
    assert.throws(() => transport.sendto(bytes('x'), elsewhere), RangeError);
    assert.throws(() => transport.sendto('x' as never, address), TypeError);
    assert.throws(() => transport.sendto(bytes('x'), {} as never), TypeError);
    if (!isUnix) {
      const named = { ...(address as InternetAddress), host: 'localhost' };
      assert.throws(() => transport.sendto(bytes('x'), named), RangeError);
    }
    yield* close({ transport, protocol, address });
  });

  test('that a protocol cannot take are reported, and the next one comes', function* () {
    const reports = collectReports();
    const { server, client } = yield* openPair(family);
    const failure = new Error('thrown by the protocol');
    server.protocol.on.datagramReceived = () => {
      if (server.protocol.received.length === 1) throw failure;
    };
    client.transport.sendto(bytes('one'));
    client.transport.sendto(bytes('two'));
    yield* server.protocol.count(2);
    assert.deepEqual(
      reports.map(({ exception, protocol, transport }) => [exception, protocol, transport]),
      [[failure, server.protocol, server.transport]],
    );
    yield* close(server, client);
  });

  test('are taken in the context of who made the endpoint (B-UV-034)', function* () {
    const variable = new ContextVar<string>('who');
    const seen: (string | undefined)[] = [];
    const note = () => void seen.push(variable.get('nobody'));
    const server = new Recorder();
    server.on = { connectionMade: note, datagramReceived: note, connectionLost: note };
    const making = copyContext();
    const task = making.run(() => {
      variable.set('the maker');
      return getRunningLoop().createTask(open({ localAddress: freeAddress(family) }, server));
    });
    const { transport, address } = yield* task;
    const client = yield* open({ remoteAddress: address });
    client.transport.sendto(bytes('x'));
    yield* server.count(1);
    transport.close();
    yield* server.lost();
    assert.deepEqual(seen, ['the maker', 'the maker', 'the maker']);
    yield* close(client);
  });

  test('end with the endpoint, which is lost once and closes its socket', function* () {
    const { transport, protocol, address } = yield* open({ localAddress: freeAddress(family) });
    transport.close();
    assert.equal(transport.isClosing(), true);
    assert.deepEqual(protocol.losses, [], 'connectionLost is not called from inside close');
    transport.close();
    transport.abort();
    assert.equal(yield* protocol.lost(), null);
    // The address is free again.
    const again = yield* open({ localAddress: { ...address } });
    assert.deepEqual(again.address, address);
    yield* close(again);
    assert.equal(protocol.losses.length, 1);
  });

  test('cannot have an address that somebody has, which the error names', function* () {
    const first = yield* open({ localAddress: freeAddress(family) });
    const options: DatagramOptions = { localAddress: first.address };
    const name = kind.simulated ? `\0${socketPath()}` : socketPath();
    let other: Endpoint | null = null;
    if ('path' in first.address) {
      // Of Unix sockets that have a file, the later one takes it over.
      if (kind.simulated) other = yield* open({ localAddress: { path: name } });
      else writeFileSync(name, 'no socket');
      options.localAddress = { path: name };
    }
    const error = yield* systemError(getRunningLoop().createDatagramEndpoint(() => ({}), options));
    assert.equal(error.code, 'EADDRINUSE');
    assert.match(error.message, /^Cannot open a datagram endpoint on /);
    assert.equal(
      error.address,
      'path' in first.address ? (options.localAddress as { path: string }).path : first.address.host,
    );
    yield* close(first, ...(other === null ? [] : [other]));
  });

  test('keep nothing open if the opening is cancelled', function* () {
    const bound = yield* open({ localAddress: freeAddress(family) });
    const { address } = bound;
    yield* close(bound);
    const opening = getRunningLoop().createTask(open({ localAddress: address }));
    yield; // it has begun
    opening.cancel();
    yield* rejection(opening);
    const again = yield* open({ localAddress: address });
    yield* close(again);
  });
}

function testOptions(kind: LoopKind): void {
  const test = testOn(kind);
  const none = () => assert.fail('a protocol was made') as unknown as DatagramProtocol;

  test('need an address or a family, in the shape they have (B-DG-001)', function* () {
    const loop = getRunningLoop();
    const at = (options: unknown) => () => loop.createDatagramEndpoint(none, options as DatagramOptions);
    assert.throws(at({}), RangeError);
    assert.throws(at({ allowBroadcast: true }), RangeError);
    assert.throws(at({ family: 5 }), RangeError);
    assert.throws(at({ localAddress: '127.0.0.1' }), TypeError);
    assert.throws(at({ localAddress: {} }), TypeError);
    assert.throws(at({ localAddress: { host: 5, port: 1 } }), TypeError);
    assert.throws(at({ remoteAddress: { host: '127.0.0.1', port: '9' } }), TypeError);
    assert.throws(at({ remoteAddress: { host: '127.0.0.1', port: 65_536 } }), RangeError);
    assert.throws(at({ family: 'unix', localAddress: { host: '127.0.0.1' } }), TypeError);
    assert.throws(at({ family: 4, localAddress: { path: '/nowhere' } }), TypeError);
    assert.throws(at({ localAddress: { path: '' } }), RangeError);
    assert.throws(
      at({ localAddress: { path: '/nowhere' }, remoteAddress: { host: '127.0.0.1', port: 9 } }),
      RangeError,
    );
    assert.throws(() => loop.createDatagramEndpoint(null as never, { family: 4 }), TypeError);
    yield;
  });

  test('cannot have addresses of different families (B-DG-001)', function* () {
    const error = yield* rejection(
      getRunningLoop().createDatagramEndpoint(none, {
        localAddress: { host: '127.0.0.1' },
        remoteAddress: { host: '::1', port: 9 },
      }),
    );
    assert.ok(error instanceof RangeError);
    assert.match(error.message, /different families/);
  });

  test('take no options beside a socket, and none that is for streams (B-DG-002)', function* () {
    const loop = getRunningLoop();
    const socket = { fd: -1, family: 4, type: 'datagram', close() {} } as const;
    assert.throws(
      () => loop.createDatagramEndpoint(none, { socket, family: 4, reusePort: true, allowBroadcast: false }),
      (error) => error instanceof RangeError && /\(family, reusePort\)/.test(error.message),
    );
    assert.throws(
      () => loop.createDatagramEndpoint(none, { socket: { ...socket, type: 'stream' } }),
      RangeError,
    );
    yield;
  });

  test('may have a family alone, and send from wherever the kernel likes', function* () {
    const server = yield* open({ localAddress: { host: '127.0.0.1' } });
    const client = yield* open({ family: 4 });
    client.transport.sendto(bytes('hello'), server.address);
    yield* server.protocol.count(1);
    server.transport.sendto(bytes('hello to you'), server.protocol.received[0]?.from as SocketAddress);
    yield* client.protocol.count(1);
    assert.deepEqual(client.protocol.texts, ['hello to you']);
    yield* close(server, client);
  });

  test('that may broadcast are not connected: they send to their remote address, and receive from all (B-DG-003)', function* () {
    const server = yield* open({ localAddress: { host: '127.0.0.1' } });
    const other = yield* open({ localAddress: { host: '127.0.0.1' } });
    const { transport, protocol, address } = yield* open({
      localAddress: { host: '127.0.0.1' },
      remoteAddress: server.address as InternetAddress,
      allowBroadcast: true,
    });
    assert.equal(transport.getExtraInfo('peername'), null);
    transport.sendto(bytes('to the remote address'));
    yield* server.protocol.count(1);
    assert.throws(() => transport.sendto(bytes('x'), other.address), RangeError);
    other.transport.sendto(bytes('from another'), address);
    yield* protocol.count(1);
    assert.deepEqual(protocol.texts, ['from another']);
    yield* close(server, other, { transport, protocol, address });
  });

  test('may broadcast only if they say so', function* () {
    const quiet = yield* open({ localAddress: { host: '0.0.0.0' } });
    quiet.transport.sendto(bytes('x'), { host: '255.255.255.255', port: 9, family: 4 });
    yield* quiet.protocol.until(() => quiet.protocol.errors.length > 0);
    assert.equal((quiet.protocol.errors[0] as SystemError).code, 'EACCES');
    yield* close(quiet);
  });

  test('share a port if both say so, and not otherwise', function* () {
    let first: Endpoint;
    try {
      first = yield* open({ localAddress: { host: '127.0.0.1' }, reusePort: true });
    } catch (error) {
      // A Node without it says so.
      assert.ok(error instanceof NotSupportedError, String(error));
      return;
    }
    const second = yield* open({ localAddress: first.address as InternetAddress, reusePort: true });
    assert.deepEqual(second.address, first.address);
    const error = yield* systemError(
      getRunningLoop().createDatagramEndpoint(none, { localAddress: first.address as InternetAddress }),
    );
    assert.equal(error.code, 'EADDRINUSE');
    yield* close(first, second);
  });

  test('resolve names, and bind to all interfaces where no host is named', function* () {
    const server = yield* open({ localAddress: { host: '' }, family: 4 });
    assert.equal((server.address as InternetAddress).host, '0.0.0.0');
    const { port } = server.address as InternetAddress;
    const client = yield* open({ remoteAddress: { host: 'localhost', port }, family: 4 });
    client.transport.sendto(bytes('found'));
    yield* server.protocol.count(1);
    assert.deepEqual(client.transport.getExtraInfo('peername'), { host: '127.0.0.1', port, family: 4 });
    yield* close(server, client);
  });

  test('that a factory makes no protocol for are closed', function* () {
    const loop = getRunningLoop();
    const bound = yield* open({ localAddress: { host: '127.0.0.1' } });
    yield* close(bound);
    const failure = new Error('no protocol');
    const localAddress = bound.address as InternetAddress;
    const opening = loop.createDatagramEndpoint(
      (): DatagramProtocol => {
        throw failure;
      },
      { localAddress },
    );
    assert.equal(yield* rejection(opening), failure);
    yield* close(yield* open({ localAddress }));
  });

  test('are closed by the run that leaves them open, and lost', function* () {
    // The run of this test does it; that the process ends at all shows that nothing is left.
    const { protocol } = yield* open({ localAddress: { host: '127.0.0.1' } });
    assert.deepEqual(protocol.calls, ['connectionMade']);
  });

  if (kind.driver === 'node') return;
  const realOnly = { skip: kind.simulated && notOfThisWorld };

  test('of Unix may have abstract names, or none', function* () {
    const path = `\0${socketPath()}`;
    const server = yield* open({ localAddress: { path } });
    const client = yield* open({ remoteAddress: { path } });
    client.transport.sendto(bytes('anonymous'));
    yield* server.protocol.count(1);
    assert.deepEqual(server.protocol.received[0]?.from, { path: '' });
    assert.deepEqual(client.transport.getExtraInfo('peername'), { path });
    yield* close(server, client);
  });

  test(
    'are made of a socket, too, which is theirs from then on',
    function* () {
      const server = yield* open({ localAddress: { host: '127.0.0.1' } });
      const socket = createSocket({ type: 'datagram' });
      socket.bind({ host: '127.0.0.1', port: 0, family: 4 });
      const { localAddress } = socket;
      const client = yield* open({ socket });
      assert.equal(socket.fd, -1);
      assert.deepEqual(client.address, localAddress);
      client.transport.sendto(bytes('x'), server.address);
      yield* server.protocol.count(1);
      yield* close(server, client);
      assert.ok(
        (yield* rejection(getRunningLoop().createDatagramEndpoint(none, { socket }))) instanceof StateError,
      );
    },
    realOnly,
  );

  test('replace a socket file that was left behind, and remove their own (B-DG-004)', function* () {
    const path = socketPath();
    using left = kind.outside.openDatagrams();
    left.bind(path);
    left.close();
    assert.notEqual(kind.outside.socketAt(path), null);
    const endpoint = yield* open({ localAddress: { path } });
    assert.deepEqual(endpoint.address, { path });
    yield* close(endpoint);
    yield; // closed after connectionLost
    assert.equal(kind.outside.socketAt(path), null);
  });
}

function testEndpoints(kind: LoopKind): void {
  const test = testOn(kind);
  const localAddress = { host: '127.0.0.1' };

  function* openBoth(options: DatagramEndpointOptions = {}) {
    const server = yield* openDatagram({ localAddress, ...options });
    const client = yield* openDatagram({ remoteAddress: server.getExtraInfo('sockname') as InternetAddress });
    return { server, client };
  }

  function* closeAll(...endpoints: readonly DatagramEndpoint[]): Steps {
    for (const endpoint of endpoints) endpoint.close();
    for (const endpoint of endpoints) yield* endpoint.waitClosed();
  }

  test('sends and receives, in both directions', function* () {
    const { server, client } = yield* openBoth();
    const receiving = getRunningLoop().createTask(server.receive());
    yield;
    assert.equal(receiving.done(), false);
    yield* client.send('question');
    const { data, address } = yield* receiving;
    assert.equal(text(data), 'question');
    yield* server.send(bytes('answer'), address);
    assert.equal(text((yield* client.receive()).data), 'answer');
    assert.match(String(server), /^<DatagramEndpoint open waiting=0/);
    yield* closeAll(server, client);
  });

  test('is iterated until it is closed', function* () {
    const { server, client } = yield* openBoth();
    const seen: string[] = [];
    const all = wrapFuture(
      (async () => {
        for await (const { data } of server) {
          seen.push(text(data));
          if (seen.length === 3) server.close();
        }
        return seen.length;
      })(),
    );
    for (const one of ['one', '', 'three']) client.send(one);
    assert.equal(yield* all, 3);
    assert.deepEqual(seen, ['one', '', 'three']);
    yield* closeAll(server, client);
  });

  test('gives what has arrived before it says that it is closed', function* () {
    const { server, client } = yield* openBoth();
    client.send('one');
    client.send('two');
    assert.equal(text((yield* server.receive()).data), 'one');
    while (!String(server).includes('waiting=1')) yield;
    yield* closeAll(server, client);
    assert.equal(text((yield* server.receive()).data), 'two');
    const error = (yield* rejection(server.receive())) as StateError;
    assert.equal(error.code, 'ERR_ENDPOINT_CLOSED');
    assert.equal(((yield* rejection(client.send('late'))) as StateError).code, 'ERR_ENDPOINT_CLOSED');
  });

  test('ends a receive that waits when it is closed', function* () {
    const { server, client } = yield* openBoth();
    const receiving = getRunningLoop().createTask(server.receive());
    yield;
    assert.equal(((yield* rejection(server.receive())) as StateError).code, 'ERR_READ_IN_PROGRESS');
    server.close();
    assert.equal(((yield* rejection(receiving)) as StateError).code, 'ERR_ENDPOINT_CLOSED');
    yield* closeAll(server, client);
  });

  test('has taken nothing if a receive is cancelled', function* () {
    const { server, client } = yield* openBoth();
    const receiving = getRunningLoop().createTask(server.receive());
    yield;
    client.send('kept');
    while (!String(server).includes('waiting=1')) yield;
    receiving.cancel();
    // A result that is on its way is delivered; else it waits for the next receive.
    let first: Datagram;
    try {
      first = yield* receiving;
    } catch {
      first = yield* server.receive();
    }
    assert.equal(text(first.data), 'kept');
    yield* closeAll(server, client);
  });

  test('throws once what went wrong, and goes on', function* () {
    const { server, client } = yield* openBoth();
    yield* closeAll(server);
    client.send('to nobody');
    assert.equal((yield* systemError(client.receive())).code, 'ECONNREFUSED');
    const receiving = getRunningLoop().createTask(client.receive());
    for (let turns = 0; turns < 10; turns++) yield;
    assert.equal(receiving.done(), false);
    receiving.cancel();
    yield* rejection(receiving);
    yield* closeAll(client);
  });

  test('tells onError instead, where there is one', function* () {
    const errors: Error[] = [];
    const told = new Watched();
    const onError = (error: Error) => {
      errors.push(error);
      told.noted();
    };
    const server = yield* openDatagram({ localAddress, onError });
    server.send(new Uint8Array(65_536), server.getExtraInfo('sockname') as InternetAddress);
    yield* told.until(() => errors.length > 0);
    server.send('short', server.getExtraInfo('sockname') as InternetAddress);
    assert.equal(text((yield* server.receive()).data), 'short');
    yield* closeAll(server);
  });

  test('drops what nobody receives, and counts it', function* () {
    const { server, client } = yield* openBoth({ receiveBufferBytesMax: 3 * (100 + 8) });
    for (let sends = 0; sends < 5; sends++) client.send(new Uint8Array(100).fill(sends));
    while (server.dropped < 2) yield;
    for (let receives = 0; receives < 3; receives++) {
      assert.equal((yield* server.receive()).data[0], receives);
    }
    client.send('room again');
    assert.equal(text((yield* server.receive()).data), 'room again');
    assert.equal(server.dropped, 2);
    const error = yield* rejection(openDatagram({ localAddress, receiveBufferBytesMax: 0 }));
    assert.ok(error instanceof RangeError);
    yield* closeAll(server, client);
  });

  test('is closed by `await using`', function* () {
    const used = wrapFuture(
      (async () => {
        await using endpoint = await openDatagram({ localAddress });
        return endpoint;
      })(),
    );
    assert.equal((yield* used).isClosing(), true);
  });
}

/** With Unix sockets, which refuse what their receiver has no room for; UDP drops it. */
function testFlowControl(kind: LoopKind): void {
  const test = testOn(kind);

  /** An endpoint whose peer reads when the test says so. */
  function* openFull(options: { connected: boolean }) {
    const peer = kind.outside.openDatagrams();
    const path = socketPath();
    peer.bind(path);
    const sender = yield* open(options.connected ? { remoteAddress: { path } } : { family: 'unix' });
    const to = options.connected ? null : { path };
    return { peer, sender, to };
  }

  for (const connected of [true, false]) {
    const which = connected ? 'connected' : 'unconnected';

    test(`queues what the kernel has no room for, and sends all of it in order (${which}, B-SEL-028)`, function* () {
      const { peer, sender, to } = yield* openFull({ connected });
      using _ = peer;
      const sent = Array.from({ length: 100 }, (_, index) => `datagram ${index}`);
      for (const one of sent) sender.transport.sendto(bytes(one), to);
      assert.ok(sender.transport.getWriteBufferSize() > 0);
      const received: string[] = [];
      while (received.length < sent.length) {
        for (let data = peer.receive(); data !== null; data = peer.receive()) received.push(text(data));
        yield;
      }
      assert.deepEqual(received, sent);
      assert.equal(sender.transport.getWriteBufferSize(), 0);
      assert.deepEqual(sender.protocol.errors, []);
      yield* close(sender);
    });

    test(`sends what was queued, whatever becomes of the sender’s memory (${which})`, function* () {
      const { peer, sender, to } = yield* openFull({ connected });
      using _ = peer;
      const reused = Buffer.alloc(1);
      for (let value = 0; value < 50; value++) {
        reused[0] = value;
        sender.transport.sendto(reused, to);
      }
      const received: number[] = [];
      while (received.length < 50) {
        for (let data = peer.receive(); data !== null; data = peer.receive())
          received.push(data[0] as number);
        yield;
      }
      assert.deepEqual(
        received,
        Array.from({ length: 50 }, (_, index) => index),
      );
      yield* close(sender);
    });

    test(`sends what is queued before it closes (${which})`, function* () {
      const { peer, sender, to } = yield* openFull({ connected });
      using _ = peer;
      for (let sends = 0; sends < 50; sends++) sender.transport.sendto(bytes('x'), to);
      sender.transport.close();
      yield;
      assert.deepEqual(sender.protocol.losses, []);
      let received = 0;
      while (received < 50) {
        while (peer.receive() !== null) received++;
        yield;
      }
      assert.equal(yield* sender.protocol.lost(), null);
    });
  }

  test('counts each queued datagram with 8 bytes more, and pauses the protocol (B-SEL-031)', function* () {
    const { peer, sender } = yield* openFull({ connected: true });
    using _ = peer;
    const { transport, protocol } = sender;
    assert.deepEqual(transport.getWriteBufferLimits(), { low: 16 * 1024, high: 64 * 1024 });
    while (transport.getWriteBufferSize() === 0) transport.sendto(bytes('fill'));
    assert.equal(transport.getWriteBufferSize(), 4 + 8);
    transport.sendto(new Uint8Array(0));
    transport.sendto(new Uint8Array(100));
    assert.equal(transport.getWriteBufferSize(), 4 + 8 + 8 + 108);
    transport.setWriteBufferLimits({ high: 200, low: 20 });
    assert.deepEqual(protocol.calls, ['connectionMade']);
    transport.sendto(new Uint8Array(64));
    assert.deepEqual(protocol.calls, ['connectionMade']);
    transport.sendto(new Uint8Array(0));
    assert.deepEqual(protocol.calls, ['connectionMade', 'pauseWriting'], 'paused above 200 bytes');
    while (!protocol.calls.includes('resumeWriting')) {
      peer.receive();
      yield;
    }
    assert.ok(transport.getWriteBufferSize() <= 20);
    assert.deepEqual(protocol.calls, ['connectionMade', 'pauseWriting', 'resumeWriting']);
    yield* close(sender);
  });

  test('drops what is queued when it is aborted', function* () {
    const { peer, sender } = yield* openFull({ connected: true });
    using _ = peer;
    while (sender.transport.getWriteBufferSize() < 1000) sender.transport.sendto(bytes('x'));
    sender.transport.abort();
    assert.equal(sender.transport.getWriteBufferSize(), 0);
    assert.equal(yield* sender.protocol.lost(), null);
    sender.transport.setWriteBufferLimits({ high: 0 });
    assert.deepEqual(sender.protocol.calls, ['connectionMade', 'connectionLost']);
  });

  test('refuses limits that mean nothing (B-TR-004)', function* () {
    const { peer, sender } = yield* openFull({ connected: true });
    using _ = peer;
    assert.throws(() => sender.transport.setWriteBufferLimits({ high: 1, low: 2 }), RangeError);
    sender.transport.setWriteBufferLimits({ low: 10 });
    assert.deepEqual(sender.transport.getWriteBufferLimits(), { low: 10, high: 40 });
    yield* close(sender);
  });
}

function testKernelErrors(kind: LoopKind): void {
  const test = testOn(kind);
  // There, nobody can send more than what others receive.
  const realOnly = { skip: kind.simulated && notOfThisWorld };

  test(
    'one that is longer than what is received is an error received, and never a part of it',
    function* () {
      const path = socketPath();
      const receiver = yield* open({ localAddress: { path } });
      using sender = kind.outside.openDatagrams();
      sender.connect(path);
      sender.send(new Uint8Array(300_000));
      sender.send(bytes('short'));
      yield* receiver.protocol.count(1);
      yield* receiver.protocol.until(() => receiver.protocol.errors.length > 0);
      assert.deepEqual(receiver.protocol.texts, ['short']);
      const [error] = receiver.protocol.errors as [SystemError];
      assert.equal(error.code, 'EMSGSIZE');
      assert.match(error.message, /300000 bytes/);
      yield* close(receiver);
    },
    realOnly,
  );

  test('what came back of one datagram takes no other along', function* () {
    const { server, client } = yield* openPair('UDP over IPv4');
    yield* close(server);
    yield; // closed after connectionLost
    client.transport.sendto(bytes('to nobody'));
    // Somebody binds the address before the endpoint has heard of it.
    using late = kind.outside.openDatagrams('UDP');
    late.bindPort((server.address as InternetAddress).port);
    client.transport.sendto(bytes('to somebody'));
    let received: Uint8Array | null = null;
    while (received === null) {
      received = late.receive();
      yield;
    }
    assert.equal(text(received), 'to somebody');
    yield* client.protocol.until(() => client.protocol.errors.length > 0);
    assert.match((client.protocol.errors[0] as SystemError).message, /^Cannot reach 127\.0\.0\.1/);
    yield* close(client);
  });
}
