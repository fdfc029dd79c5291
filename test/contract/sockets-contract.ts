import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync, readFileSync, readSync, unlinkSync, writeFileSync } from 'node:fs';
import { describe } from 'node:test';
import { createTask } from '../../src/coroutines/index.ts';
import {
  CancelledError,
  type InternetAddress,
  NotSupportedError,
  type Protocol,
  type SocketAddress,
  StateError,
  SystemError,
  type Transport,
} from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import {
  createSocket,
  isNonBlocking,
  libc,
  type NativeSocket,
  socketFromDescriptor,
  socketPair,
} from '../../src/syscalls/index.ts';
import {
  bytes,
  Echo,
  letTheKernelWork,
  openPair,
  pattern,
  Recorder,
  rejection,
  type Steps,
  socketPath,
  systemError,
  testOn,
  text,
} from './endpoints.ts';
import type { LoopKind } from './kinds.ts';

const local: InternetAddress = { host: '127.0.0.1', port: 0, family: 4 };
const socketFamilies = ['TCP', 'Unix'] as const;
type Family = (typeof socketFamilies)[number];

const hasCode = (code: string) => (error: unknown) =>
  (error instanceof StateError || error instanceof SystemError) && error.code === code;
const closed = hasCode('ERR_SOCKET_CLOSED');
const inUse = hasCode('ERR_DESCRIPTOR_IN_USE');

function open(family: Family): NativeSocket {
  return createSocket({ family: family === 'TCP' ? 4 : 'unix' });
}

function listening(family: Family): { listener: NativeSocket; address: SocketAddress } {
  const listener = open(family)
    .bind(family === 'TCP' ? local : { path: socketPath() })
    .listen();
  return { listener, address: listener.localAddress as SocketAddress };
}

interface Ends {
  near: NativeSocket;
  far: NativeSocket;
  close(): void;
}

/** Two sockets that are connected with each other. */
function* connected(family: Family): Steps<Ends> {
  const loop = getRunningLoop();
  const { listener, address } = listening(family);
  const near = open(family);
  const accepting = loop.sockAccept(listener);
  yield* loop.sockConnect(near, address);
  const [accepted] = yield* accepting;
  const far = accepted as NativeSocket;
  return {
    near,
    far,
    close() {
      for (const socket of [listener, near, far]) socket.close();
    },
  };
}

function* receive(socket: NativeSocket, byteCount: number): Steps<Uint8Array> {
  const loop = getRunningLoop();
  const all = new Uint8Array(byteCount);
  for (let count = 0; count < byteCount; ) {
    const part = yield* loop.sockRecv(socket, Math.min(64 * 1024, byteCount - count));
    assert.ok(part.length > 0, 'the stream has ended');
    all.set(part, count);
    count += part.length;
  }
  return all;
}

/** An open file with that content; nobody has its name. */
class TestFile implements Disposable {
  readonly content: Uint8Array;
  readonly fd: number;

  constructor(byteCount: number) {
    const path = socketPath();
    this.content = pattern(byteCount);
    writeFileSync(path, this.content);
    this.fd = openSync(path, 'r');
    unlinkSync(path);
  }

  /** What is read next. */
  get position(): number {
    return Number(libc().lseek(this.fd, 0, 1));
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}

/** A file that is regular, and that the kernel does not send by itself. */
const unsendable = '/proc/self/cmdline';
const noUnsendable = existsSync(unsendable) ? false : 'the kernel sends every file here';

/**
 * What the operations on the program's own sockets promise, and transports and servers that are made of such.
 *
 * @param kind the driver, and who turns it
 */
export function testSockets(kind: LoopKind): void {
  const test = testOn(kind);

  describe(`sockets on the ${kind} loop`, () => {
    for (const family of socketFamilies) {
      test(`${family}: connect, accept, send and receive (B-SOCK-001)`, function* () {
        const loop = getRunningLoop();
        const { near, far, close } = yield* connected(family);
        yield* loop.sockSendall(near, bytes('hello'));
        assert.equal(text(yield* loop.sockRecv(far, 3)), 'hel');
        assert.equal(text(yield* loop.sockRecv(far, 1024)), 'lo');
        const buffer = new Uint8Array(10).fill(9);
        const waiting = loop.sockRecvInto(near, buffer.subarray(2));
        assert.equal(waiting.done(), false);
        yield* loop.sockSendall(far, bytes('world'));
        assert.equal(yield* waiting, 5);
        assert.deepEqual(buffer, Uint8Array.of(9, 9, ...bytes('world'), 9, 9, 9));
        near.shutdown('write');
        assert.equal((yield* loop.sockRecv(far, 10)).length, 0);
        assert.equal(yield* loop.sockRecvInto(far, buffer), 0);
        close();
      });

      test(`${family}: megabytes arrive whole while they are received (B-SOCK-002)`, function* () {
        const loop = getRunningLoop();
        const { near, far, close } = yield* connected(family);
        const data = pattern(5_000_000);
        const sending = loop.sockSendall(near, data);
        assert.equal(sending.done(), false);
        assert.deepEqual(yield* receive(far, data.length), data);
        yield* sending;
        close();
      });

      test(`${family}: an accepted socket does not block, and comes with its peer’s address (B-SOCK-007)`, function* () {
        const loop = getRunningLoop();
        const { listener, address } = listening(family);
        const near = open(family);
        yield* loop.sockConnect(near, address);
        const [far, peer] = yield* loop.sockAccept(listener);
        assert.equal(isNonBlocking(far.fd), true);
        assert.deepEqual(peer, near.localAddress);
        assert.deepEqual([far.family, far.type], [near.family, 'stream']);
        for (const socket of [listener, near, far]) socket.close();
      });

      test(`${family}: a cancelled accept leaves the listener as it was (B-SOCK-007)`, function* () {
        const loop = getRunningLoop();
        const { listener, address } = listening(family);
        const given = loop.sockAccept(listener);
        assert.equal(given.cancel(), true);
        assert.ok((yield* rejection(given)) instanceof CancelledError);
        const near = open(family);
        yield* loop.sockConnect(near, address);
        const [far] = yield* loop.sockAccept(listener);
        far.close();
        near.close();
        loop.sockAccept(listener).cancel();
        listener.close();
      });

      test(`${family}: a connected socket becomes a transport, which has it from then on (B-SOCK-009)`, function* () {
        const loop = getRunningLoop();
        const { near, far } = yield* connected(family);
        const fd = near.fd;
        const client = new Recorder();
        const [transport] = yield* loop.createConnection(() => client, { socket: near });
        assert.equal(near.fd, -1);
        assert.equal(transport.getExtraInfo('fd'), fd);
        near.close();
        assert.throws(() => loop.sockRecv(near, 1), closed);
        assert.throws(() => loop.sockRecv({ fd, family: 4, type: 'stream', close() {} }, 1), inUse);
        const [served] = yield* loop.connectAcceptedSocket(() => new Echo(), far);
        assert.notEqual(served.getExtraInfo('sockname'), null);
        transport.write(bytes('hello'));
        yield* client.received(5);
        assert.equal(client.text, 'hello');
        transport.close();
        yield* client.waitLost();
      });

      test(`${family}: a bound socket becomes a server, which closes it (B-EV-011)`, function* () {
        const loop = getRunningLoop();
        const socket = open(family).bind(family === 'TCP' ? local : { path: socketPath() });
        const address = socket.localAddress as SocketAddress;
        const server = yield* family === 'TCP'
          ? loop.createServer(() => new Echo(), { socket })
          : loop.createUnixServer(() => new Echo(), { socket });
        assert.equal(socket.fd, -1);
        assert.deepEqual(server.sockets, [address]);
        const client = open(family);
        yield* loop.sockConnect(client, address);
        yield* loop.sockSendall(client, bytes('hello'));
        assert.equal(text(yield* receive(client, 5)), 'hello');
        client.close();
        server.close();
        yield* server.waitClosed();
        if ('path' in address) assert.equal(existsSync(address.path), false);
        const late = open(family);
        yield* systemError(loop.sockConnect(late, address));
        late.close();
      });

      test(`${family}: what is sent after the peer is gone is an error, and no signal`, function* () {
        const loop = getRunningLoop();
        const { near, far, close } = yield* connected(family);
        far.close();
        const endless = new Uint8Array(1_000_000);
        const error = yield* systemError(
          createTask(function* () {
            for (;;) yield* loop.sockSendall(near, endless);
          }),
        );
        assert.ok(['EPIPE', 'ECONNRESET'].includes(error.code), error.code);
        close();
      });
    }

    test('try at once, and wait only if they must (B-SOCK-003)', function* () {
      const loop = getRunningLoop();
      const { listener, address } = listening('Unix');
      const near = open('Unix');
      const connecting = loop.sockConnect(near, address);
      assert.equal(connecting.done(), true);
      const accepting = loop.sockAccept(listener);
      assert.equal(accepting.done(), true);
      const [far] = accepting.result();
      const sending = loop.sockSendall(near, bytes('x'));
      assert.equal(sending.done(), true);
      const receiving = loop.sockRecv(far, 1);
      assert.equal(receiving.done(), true);
      assert.deepEqual(receiving.result(), bytes('x'));
      assert.equal(loop.sockRecv(far, 1).cancel(), true);
      for (const socket of [listener, near, far]) socket.close();
      yield;
    });

    test('that are cancelled leave at once, and whoever comes meanwhile is served (B-SOCK-004, B-UV-033, B-EV-017)', function* () {
      const loop = getRunningLoop();
      const [near, far] = socketPair();
      const given = loop.sockRecv(near, 10);
      yield* loop.sockSendall(far, bytes('first'));
      // The kernel has reported it, perhaps; nobody has taken it out.
      assert.equal(given.cancel(), true);
      const next = loop.sockRecv(near, 10);
      assert.equal(text(yield* next), 'first');
      const later = loop.sockRecv(near, 10);
      const last = loop.sockRecv(near, 10);
      later.cancel();
      yield* loop.sockSendall(far, bytes('second'));
      assert.equal(text(yield* last), 'second');
      // Sending, the same.
      const data = pattern(2_000_000);
      const stuck = loop.sockSendall(near, data);
      const behind = loop.sockSendall(near, bytes('behind'));
      assert.equal(stuck.done(), false);
      stuck.cancel();
      const receiving = createTask(function* () {
        let all = '';
        while (!all.endsWith('behind')) all = all.slice(-6) + text(yield* loop.sockRecv(far, 64 * 1024));
      });
      yield* behind;
      yield* receiving;
      near.close();
      far.close();
    });

    test('lose nothing that was received to a cancel that comes after it (B-UV-033)', function* () {
      const loop = getRunningLoop();
      const [near, far] = socketPair();
      const receiving = loop.sockRecv(near, 10);
      yield* loop.sockSendall(far, bytes('kept'));
      let missed = '';
      const task = createTask(function* () {
        missed = text(yield* receiving);
        yield;
      });
      while (!receiving.done()) yield;
      task.cancel();
      yield* rejection(task);
      assert.equal(missed, 'kept');
      near.close();
      far.close();
    });

    test('wait in a line: bytes are received, and sent, in the order of the calls', function* () {
      const loop = getRunningLoop();
      const [near, far] = socketPair();
      const first = loop.sockRecv(near, 2);
      const second = loop.sockRecv(near, 2);
      yield* loop.sockSendall(far, bytes('abcd'));
      assert.deepEqual([text(yield* first), text(yield* second)], ['ab', 'cd']);
      const parts = [1, 2, 3].map((value) => new Uint8Array(1_000_000).fill(value));
      const sending = parts.map((part) => loop.sockSendall(near, part));
      const all = yield* receive(far, 3_000_000);
      for (const one of sending) yield* one;
      assert.deepEqual(all, new Uint8Array(Buffer.concat(parts)));
      near.close();
      far.close();
    });

    test('fail if the connection is refused, and name the address (B-SOCK-006)', function* () {
      const loop = getRunningLoop();
      const { listener, address } = listening('TCP');
      const { host, port } = address as InternetAddress;
      listener.close();
      const socket = open('TCP');
      const error = yield* systemError(loop.sockConnect(socket, address));
      assert.deepEqual(
        [error.code, error.syscall, error.address, error.port],
        ['ECONNREFUSED', 'connect', host, port],
      );
      assert.match(error.message, /^Cannot connect to 127\.0\.0\.1:\d+: connection refused/);
      socket.close();
      const unix = open('Unix');
      const path = socketPath();
      const missing = yield* systemError(loop.sockConnect(unix, { path }));
      assert.deepEqual([missing.code, missing.address], ['ENOENT', path]);
      unix.close();
    });

    test('connect to a host that is named', function* () {
      const loop = getRunningLoop();
      const { listener, address } = listening('TCP');
      const near = open('TCP');
      const { port } = address as InternetAddress;
      yield* loop.sockConnect(near, { host: 'localhost', port, family: 4 });
      const [far] = yield* loop.sockAccept(listener);
      for (const socket of [listener, near, far]) socket.close();
    });

    test('send and receive datagrams, with addresses (B-SOCK-001, B-SOCK-008)', function* () {
      const loop = getRunningLoop();
      const [near, far] = [1, 2].map(() => createSocket({ type: 'datagram' }).bind(local)) as [
        NativeSocket,
        NativeSocket,
      ];
      const to = far.localAddress as SocketAddress;
      assert.equal(yield* loop.sockSendto(near, bytes('one'), to), 3);
      assert.deepEqual(yield* loop.sockRecvfrom(far, 100), [bytes('one'), near.localAddress]);
      const buffer = new Uint8Array(4);
      const waiting = loop.sockRecvfromInto(far, buffer);
      assert.equal(yield* loop.sockSendto(near, bytes('two'), to), 3);
      assert.deepEqual(yield* waiting, [3, near.localAddress]);
      assert.equal(text(buffer.subarray(0, 3)), 'two');
      assert.equal(yield* loop.sockSendto(near, new Uint8Array(0), to), 0);
      assert.equal((yield* loop.sockRecvfrom(far, 100))[0].length, 0);
      yield* loop.sockConnect(near, to);
      yield* loop.sockSendall(near, bytes('three'));
      assert.equal(text(yield* loop.sockRecv(far, 100)), 'three');
      near.close();
      far.close();
    });

    test('fail when their socket is closed meanwhile, and leave who gets its number alone (B-UV-032)', function* () {
      const loop = getRunningLoop();
      const [near, far] = socketPair();
      const receiving = [loop.sockRecv(near, 1), loop.sockRecvInto(near, new Uint8Array(1))];
      const sending = loop.sockSendall(near, new Uint8Array(2_000_000));
      const { fd } = near;
      near.close();
      for (const wait of [...receiving, sending]) assert.ok(closed(yield* rejection(wait)));
      const [next, other] = socketPair();
      assert.equal(next.fd, fd);
      const fresh = loop.sockRecv(next, 10);
      yield* loop.sockSendall(other, bytes('new'));
      assert.equal(text(yield* fresh), 'new');
      for (const socket of [far, next, other]) socket.close();
    });

    test('fail cleanly when the descriptor is closed without a word (B-UV-032)', function* () {
      const loop = getRunningLoop();
      for (const elsewhere of [false, true]) {
        const [near, far] = socketPair();
        const copy = elsewhere ? libc().dup(near.fd) : -1;
        const foreign = { fd: near.detach(), family: 'unix', type: 'stream', close() {} } as const;
        const receiving = loop.sockRecv(foreign, 10);
        closeSync(foreign.fd);
        if (elsewhere) {
          yield* loop.sockSendall(far, bytes('x'));
          assert.equal((yield* systemError(receiving)).code, 'EBADF');
          closeSync(copy);
        } else if (kind.driver === 'epoll') {
          // The kernel has forgotten it: nobody will ever know. A new one of that number is not disturbed.
          receiving.cancel();
        } else {
          // Found out at the next wait, for which nothing wakes a guest.
          yield* letTheKernelWork('Unix');
          assert.equal((yield* systemError(receiving)).code, 'EBADF');
        }
        const [next, other] = socketPair();
        const fresh = loop.sockRecv(next, 10);
        yield* loop.sockSendall(other, bytes('new'));
        assert.equal(text(yield* fresh), 'new');
        yield* letTheKernelWork('Unix');
        for (const socket of [far, next, other]) socket.close();
      }
    });

    test('are closed twice without harm, and refuse all use after it', function* () {
      const loop = getRunningLoop();
      const [near, far] = socketPair();
      near.close();
      near.close();
      assert.equal(near.fd, -1);
      for (const use of [
        () => loop.sockRecv(near, 1),
        () => loop.sockSendall(near, bytes('x')),
        () => loop.sockAccept(near),
        () => loop.sockConnect(near, local),
        () => near.bind(local),
        () => near.listen(),
        () => near.localAddress,
        () => near.detach(),
      ]) {
        assert.throws(use, closed);
      }
      assert.ok(closed(yield* rejection(loop.createUnixConnection(() => new Recorder(), { socket: near }))));
      far.close();
    });

    test('are refused at the call with what has no meaning', function* () {
      const loop = getRunningLoop();
      const [near, far] = socketPair();
      for (const none of [null, undefined, 3, {}])
        assert.throws(() => loop.sockRecv(none as never, 1), TypeError);
      assert.throws(() => loop.sockRecv(near, '1' as never), TypeError);
      for (const count of [-1, 1.5, NaN]) assert.throws(() => loop.sockRecv(near, count), RangeError);
      assert.throws(() => loop.sockRecvInto(near, [] as never), TypeError);
      assert.throws(() => loop.sockSendall(near, 'text' as never), TypeError);
      assert.throws(() => loop.sockSendto(near, bytes('x'), null as never), TypeError);
      assert.throws(() => loop.sockSendto(near, bytes('x'), { ...local, host: 'localhost' }), RangeError);
      assert.throws(() => loop.sockConnect(near, { ...local, port: 65_536 }), RangeError);
      near.close();
      far.close();
      yield;
    });

    test('that block are refused in debug mode (B-SOCK-001)', function* () {
      const loop = getRunningLoop();
      const [near, far] = socketPair();
      const blocking = {
        fd: openSync('/dev/null', 'r'),
        family: 'unix',
        type: 'stream',
        close() {},
      } as const;
      loop.setDebug(true);
      try {
        assert.throws(() => loop.sockRecv(blocking, 1), RangeError);
        loop.sockRecv(near, 1).cancel();
      } finally {
        loop.setDebug(false);
        closeSync(blocking.fd);
      }
      near.close();
      far.close();
      yield;
    });

    test('are made of a descriptor, and become non-blocking', function* () {
      const loop = getRunningLoop();
      const [near, far] = socketPair();
      const again = socketFromDescriptor(near.detach());
      assert.deepEqual([again.family, again.type, isNonBlocking(again.fd)], ['unix', 'stream', true]);
      yield* loop.sockSendall(again, bytes('x'));
      assert.equal(text(yield* loop.sockRecv(far, 1)), 'x');
      const { fd } = again;
      again.close();
      far.close();
      assert.throws(() => socketFromDescriptor(fd), hasCode('EBADF'));
      assert.throws(() => socketFromDescriptor('1' as never), TypeError);
      using file = new TestFile(1);
      assert.throws(() => socketFromDescriptor(file.fd), hasCode('ENOTSOCK'));
    });

    test('make no transport and no server if they cannot (B-CONN-001, B-SRV-001)', function* () {
      const loop = getRunningLoop();
      const make = () => new Recorder();
      const datagram = createSocket({ type: 'datagram' });
      const internet = createSocket();
      for (const wrong of [
        () => loop.createConnection(make, { socket: datagram }),
        () => loop.createServer(make, { socket: datagram }),
        () => loop.connectAcceptedSocket(make, datagram),
        () => loop.createConnection(make, { socket: internet, host: '127.0.0.1', port: 1 }),
        () => loop.createServer(make, { socket: internet, port: 1 }),
        () => loop.createUnixConnection(make, { socket: internet }),
        () => loop.createUnixServer(make, { socket: internet }),
      ]) {
        assert.throws(wrong, RangeError);
      }
      const error = yield* systemError(loop.createConnection(make, { socket: internet }));
      assert.equal(error.code, 'ENOTCONN');
      assert.ok(internet.fd > 0, 'it is still its owner’s');
      const [near, far] = socketPair();
      const waiting = loop.sockRecv(near, 1);
      assert.ok(inUse(yield* rejection(loop.createConnection(make, { socket: near }))));
      waiting.cancel();
      for (const socket of [datagram, internet, near, far]) socket.close();
    });
  });

  describe(`sending files on the ${kind} loop`, () => {
    /** Sends by a socket or by a transport; whoever receives is `far`. */
    function* sender(by: 'socket' | 'transport'): Steps<{
      send(fd: number, options?: object): Steps<number>;
      far: NativeSocket;
      transport: Transport | null;
      close(): void;
    }> {
      const loop = getRunningLoop();
      const [near, far] = socketPair();
      if (by === 'socket') {
        return {
          send: (fd, options) => waitFor(loop.sockSendfile(near, { fd }, options)),
          far,
          transport: null,
          close() {
            near.close();
            far.close();
          },
        };
      }
      const [transport] = yield* loop.createUnixConnection(() => new Recorder(), { socket: near });
      return {
        send: (fd, options) => waitFor(loop.sendfile(transport, { fd }, options)),
        far,
        transport,
        close() {
          transport.abort();
          far.close();
        },
      };
    }

    function* waitFor(sending: ReturnType<ReturnType<typeof getRunningLoop>['sendfile']>): Steps<number> {
      return yield* sending;
    }

    for (const by of ['socket', 'transport'] as const) {
      test(`by a ${by}: whole, or a part, and the position is behind it (B-SF-001, B-SF-002)`, function* () {
        using file = new TestFile(3_000_000);
        const { send, far, close } = yield* sender(by);
        const { content } = file;
        for (const [options, expected] of [
          [{}, content],
          [{ offset: 1_000 }, content.subarray(1_000)],
          [{ offset: 10, count: 20 }, content.subarray(10, 30)],
          [{ count: 2_500_000 }, content.subarray(0, 2_500_000)],
          [{ offset: 2_999_990, count: 100 }, content.subarray(2_999_990)],
          [{ offset: 3_000_000 }, new Uint8Array(0)],
        ] as const) {
          const sending = createTask(() => send(file.fd, options));
          const received = yield* receive(far, expected.length);
          assert.equal(yield* sending, expected.length);
          assert.ok(Buffer.from(received).equals(expected), JSON.stringify(options));
          assert.equal(file.position, ('offset' in options ? options.offset : 0) + expected.length);
        }
        close();
      });

      test(`by a ${by}: nothing of an empty file (B-SF-002)`, function* () {
        using file = new TestFile(0);
        const { send, close } = yield* sender(by);
        assert.equal(yield* send(file.fd), 0);
        close();
      });

      test(`by a ${by}: cancelled, it says by the position how much went (B-SF-001)`, function* () {
        using file = new TestFile(3_000_000);
        const { send, far, close } = yield* sender(by);
        const sending = createTask(() => send(file.fd, { offset: 100 }));
        yield* receive(far, 1_000);
        sending.cancel();
        assert.ok((yield* rejection(sending)) instanceof CancelledError);
        const sent = file.position - 100;
        assert.ok(sent >= 1_000 && sent < 2_999_900, `${sent}`);
        yield* receive(far, sent - 1_000);
        const rest = getRunningLoop().sockRecv(far, 1);
        assert.equal(rest.done(), false);
        rest.cancel();
        close();
      });

      test(`by a ${by}: a peer that goes away is an error of the connection (B-SF-008)`, function* () {
        using file = new TestFile(3_000_000);
        const { send, far, close } = yield* sender(by);
        const sending = createTask(() => send(file.fd));
        yield* receive(far, 1_000);
        far.close();
        const error = yield* systemError(sending);
        assert.ok(['EPIPE', 'ECONNRESET'].includes(error.code), error.code);
        const { position } = file;
        assert.ok(position >= 1_000 && position < 3_000_000, `${position}`);
        close();
      });

      test(
        `by a ${by}: what the kernel does not send is read and sent, if that is allowed`,
        function* () {
          const { send, far, close } = yield* sender(by);
          const fd = openSync(unsendable, 'r');
          const content = readFileSync(unsendable);
          try {
            assert.ok(content.length > 10);
            assert.equal(yield* send(fd), content.length);
            assert.ok(content.equals(yield* receive(far, content.length)));
            assert.equal(readSync(fd, new Uint8Array(10)), 0, 'the position is at the end');
            assert.equal(yield* send(fd, { offset: 3, count: 4 }), 4);
            assert.ok(content.subarray(3, 7).equals(yield* receive(far, 4)));
            const error = yield* rejection(createTask(() => send(fd, { fallback: false })));
            assert.ok(error instanceof NotSupportedError, String(error));
            assert.equal(error.driver, kind.driver);
          } finally {
            closeSync(fd);
            close();
          }
        },
        { skip: noUnsendable },
      );

      test(`by a ${by}: what is no file, or no such part, is refused before anything goes (B-SF-009)`, function* () {
        using file = new TestFile(10);
        const { send, far, close } = yield* sender(by);
        for (const options of [{ offset: '1' }, { count: '1' }, { offset: null }]) {
          assert.throws(() => send(file.fd, options).next(), TypeError);
        }
        for (const options of [
          { offset: -1 },
          { offset: 1.5 },
          { count: 0 },
          { count: -1 },
          { count: 1.5 },
        ]) {
          assert.throws(() => send(file.fd, options).next(), RangeError);
        }
        assert.throws(() => send('file' as never), TypeError);
        assert.throws(() => send(far.fd).next(), RangeError);
        const nothing = getRunningLoop().sockRecv(far, 1);
        assert.equal(nothing.done(), false);
        nothing.cancel();
        close();
        yield;
      });
    }

    test('needs a stream socket (B-SF-009)', function* () {
      using file = new TestFile(10);
      const socket = createSocket({ type: 'datagram' });
      assert.throws(() => getRunningLoop().sockSendfile(socket, file), RangeError);
      socket.close();
      yield;
    });

    test('comes behind what was written before, and before what is written after (B-SF-003)', function* () {
      using file = new TestFile(500_000);
      const { send, far, transport, close } = yield* sender('transport');
      const before = pattern(1_000_000);
      transport?.write(before);
      const sending = createTask(function* () {
        const count = yield* send(file.fd);
        transport?.write(bytes('after'));
        return count;
      });
      const expected = Buffer.concat([before, file.content, bytes('after')]);
      assert.ok(expected.equals(yield* receive(far, expected.length)));
      assert.equal(yield* sending, 500_000);
      close();
    });

    test('lets nobody write meanwhile, and everybody read (B-SF-004)', function* () {
      using file = new TestFile(3_000_000);
      const loop = getRunningLoop();
      const [near, far] = socketPair();
      const client = new Recorder();
      const [transport] = yield* loop.createUnixConnection(() => client as Protocol, { socket: near });
      const sending = createTask(() => waitFor(loop.sendfile(transport, file)));
      yield* receive(far, 1_000);
      assert.throws(() => transport.write(bytes('x')), hasCode('ERR_SENDING_FILE'));
      assert.ok(hasCode('ERR_SENDING_FILE')(yield* rejection(loop.sendfile(transport, file))));
      yield* loop.sockSendall(far, bytes('read'));
      yield* client.received(4);
      transport.writeEof();
      yield* receive(far, 3_000_000 - 1_000);
      assert.equal((yield* loop.sockRecv(far, 1)).length, 0, 'the end comes behind the file');
      assert.equal(yield* sending, 3_000_000);
      transport.abort();
      far.close();
    });

    test('is finished before a transport that is closed meanwhile is', function* () {
      using file = new TestFile(3_000_000);
      const { send, far, transport, close } = yield* sender('transport');
      const sending = createTask(() => send(file.fd));
      yield* receive(far, 1_000);
      transport?.close();
      yield* receive(far, 3_000_000 - 1_000);
      assert.equal(yield* sending, 3_000_000);
      assert.equal((yield* getRunningLoop().sockRecv(far, 1)).length, 0);
      close();
    });

    test('fails when the transport is aborted, closing, or of another kind (B-SF-007)', function* () {
      using file = new TestFile(3_000_000);
      const loop = getRunningLoop();
      const { send, far, transport, close } = yield* sender('transport');
      const sending = createTask(() => send(file.fd));
      yield* receive(far, 1_000);
      transport?.abort();
      assert.ok(hasCode('ERR_TRANSPORT_CLOSED')(yield* rejection(sending)));
      const { position } = file;
      assert.ok(hasCode('ERR_TRANSPORT_CLOSED')(yield* rejection(createTask(() => send(file.fd)))));
      assert.equal(file.position, position);
      const foreign = { isClosing: () => false } as unknown as Transport;
      assert.ok(hasCode('ERR_UNSUPPORTED_TRANSPORT')(yield* rejection(loop.sendfile(foreign, file))));
      close();
    });

    test('works on TCP', function* () {
      using file = new TestFile(2_000_000);
      const { far, transport, finish } = yield* openPair('TCP');
      const sending = createTask(() => waitFor(getRunningLoop().sendfile(transport, file)));
      yield* far.received(2_000_000);
      assert.equal(yield* sending, 2_000_000);
      assert.ok(Buffer.from(far.data).equals(file.content));
      yield* finish();
    });
  });
}
