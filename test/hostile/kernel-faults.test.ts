import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, type TestContext } from 'node:test';
import { createTask, gather } from '../../src/coroutines/index.ts';
import type { Server } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import {
  EAGAIN,
  ECONNABORTED,
  EINPROGRESS,
  EINTR,
  EMFILE,
  ENFILE,
  ENOBUFS,
  ENOMEM,
  EPERM,
  EPIPE,
  errno,
} from '../../src/syscalls/index.ts';
import {
  bytes,
  collectReports,
  Echo,
  letTheKernelWork,
  openPair,
  pattern,
  Recorder,
  type Steps,
  serve,
  systemError,
  testOn,
} from '../contract/endpoints.ts';
import { realKinds } from '../contract/kinds.ts';
import { runTraffic } from '../contract/random-traffic.ts';
import { Random } from '../support/random.ts';
import { type Faults, failure, inject } from './faulty-libc.ts';

const codes = new Map([
  [EMFILE, 'EMFILE'],
  [ENFILE, 'ENFILE'],
  [ENOBUFS, 'ENOBUFS'],
  [ENOMEM, 'ENOMEM'],
]);

/** Injects for the rest of the test. */
function injectFor(context: TestContext, faults: Faults): () => void {
  const end = inject(faults);
  context.after(end);
  return end;
}

function openCount(): number {
  return readdirSync('/proc/self/fd').length;
}

/** A kernel that does less than it was asked for, or nothing, as often as it may. */
function weather(random: Random): Faults {
  const refuses = (...numbers: number[]): number | null =>
    random.oneIn(4) ? failure(numbers[random.below(numbers.length)] as number) : null;
  const part = (byteCount: number) => (random.oneIn(3) ? 1 + random.below(byteCount) : byteCount);
  return {
    recv: (real) => (fd, room, size, flags) => refuses(EINTR, EAGAIN) ?? real(fd, room, part(size), flags),
    recvAt: (real) => (fd, at, size, flags) => refuses(EINTR, EAGAIN) ?? real(fd, at, part(size), flags),
    send: (real) => (fd, data, size, flags) =>
      refuses(EINTR, EAGAIN, ENOBUFS) ?? real(fd, data, part(size), flags),
    sendAt: (real) => (fd, at, size, flags) =>
      refuses(EINTR, EAGAIN, ENOBUFS) ?? real(fd, at, part(size), flags),
    accept4: (real) => (fd, address, length, flags) =>
      refuses(EINTR, EAGAIN, ECONNABORTED) ?? real(fd, address, length, flags),
    connect: (real) => (fd, address, length) => {
      const result = real(fd, address, length);
      // It goes on by itself: connect(2), EINTR.
      return result < 0 && errno() === EINPROGRESS ? failure(EINTR) : result;
    },
    epoll_wait: (real) => (fd, at, max, limit) => refuses(EINTR) ?? real(fd, at, max, limit),
    epoll_pwait2: (real) => (fd, at, max, limit, mask) => refuses(EINTR) ?? real(fd, at, max, limit, mask),
    ppoll: (real) => (at, count, limit, mask) => refuses(EINTR) ?? real(at, count, limit, mask),
    pselect: (real) => (count, read, write, except, limit, mask) =>
      refuses(EINTR) ?? real(count, read, write, except, limit, mask),
  };
}

for (const kind of realKinds) {
  if (kind.driver === 'node') continue; // it calls no C library
  const test = testOn(kind);

  describe(`a kernel in trouble, under the ${kind} loop`, { skip: process.platform !== 'linux' }, () => {
    for (const family of ['TCP', 'Unix'] as const) {
      test(`that interrupts, refuses and does things in part loses no byte and no call, over ${family}`, function* (context) {
        injectFor(context, weather(new Random(family.length)));
        yield* runTraffic(family, 11);
      });
    }

    test('that has no memory for a write keeps it until there is some', function* (context) {
      const pair = yield* openPair('TCP');
      let refusals = 0;
      const refuse = () => (refusals++ < 100 ? failure(ENOBUFS) : null);
      injectFor(context, {
        send: (real) => (fd, data, size, flags) => refuse() ?? real(fd, data, size, flags),
        sendAt: (real) => (fd, at, size, flags) => refuse() ?? real(fd, at, size, flags),
      });
      const sent = pattern(200_000);
      pair.transport.write(sent);
      yield* pair.far.received(sent.length);
      assert.deepEqual(pair.far.data, sent);
      assert.ok(refusals > 100);
      yield* pair.finish();
    });

    for (const [number, code] of [
      [ENOMEM, 'ENOMEM'],
      [EPIPE, 'EPIPE'],
    ] as const) {
      test(`that fails a write with ${code} loses the connection once, and no other`, function* (context) {
        const pair = yield* openPair('TCP');
        const other = yield* openPair('TCP');
        const fd = pair.transport.getExtraInfo('fd');
        injectFor(context, {
          sendAt: (real) => (to, at, size, flags) =>
            to === fd ? failure(number) : real(to, at, size, flags),
        });
        pair.transport.write(bytes('lost'));
        pair.transport.write(bytes('as well'));
        assert.deepEqual(pair.near.calls, ['connectionMade'], 'told from inside the write');
        const error = yield* pair.near.waitLost();
        assert.equal((error as NodeJS.ErrnoException).code, code);
        assert.equal(pair.far.byteCount, 0);
        other.transport.write(bytes('unharmed'));
        yield* other.far.received(8);
        yield* pair.finish();
        yield* other.finish();
      });
    }

    test('that fails a read loses the connection once, with what came before delivered', function* (context) {
      const pair = yield* openPair('TCP');
      const fd = pair.transport.getExtraInfo('fd');
      let reads = 0;
      injectFor(context, {
        recvAt: (real) => (from, at, size, flags) =>
          from === fd && ++reads > 1 ? failure(ENOMEM) : real(from, at, size, flags),
      });
      pair.far.transport.write(bytes('before'));
      yield* pair.near.received(6);
      pair.far.transport.write(bytes('behind'));
      const error = yield* pair.near.waitLost();
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOMEM');
      assert.deepEqual(pair.near.calls, ['connectionMade', 'dataReceived', 'connectionLost']);
      yield* pair.finish();
    });

    test('that has no descriptor, or no memory, for a new connection fails that one, with its code', function* (context) {
      const serving = yield* serve('TCP', () => new Echo());
      const before = openCount();
      for (const [number, code] of codes) {
        const end = injectFor(context, { socket: () => () => failure(number) });
        const { message, code: told } = yield* systemError(serving.connect(() => new Recorder()));
        end();
        assert.equal(told, code);
        assert.match(message, /^Cannot connect to 127\.0\.0\.1:\d+: /);
      }
      const end = injectFor(context, { connect: () => () => failure(ENOBUFS) });
      assert.equal((yield* systemError(serving.connect(() => new Recorder()))).code, 'ENOBUFS');
      end();
      assert.equal(openCount(), before, 'a descriptor is left');
      const [transport] = yield* serving.connect(() => new Recorder());
      transport.abort();
      serving.server.close();
      yield* serving.server.waitClosed();
    });

    test('that has none for accepted connections lets servers say so once, and take them a second later (B-SRV-004)', function* (context) {
      const reports = collectReports();
      const serving: { server: Server; connect: (factory: () => Recorder) => unknown }[] = [];
      const shortOf = new Map<number, number>();
      for (const number of codes.keys()) {
        const one = yield* serve('TCP', () => new Echo());
        serving.push(one);
        shortOf.set((yield* listenerOf(one.server)) as number, number);
      }
      let calls = 0;
      // One of them cannot even be watched again at first.
      const [unlucky] = shortOf.keys();
      let misfortunes = 1;
      const refuseOnce = (fd: number) =>
        fd === unlucky && reports.length === codes.size && misfortunes-- > 0 ? failure(ENOMEM) : null;
      injectFor(context, {
        epoll_ctl: (real) => (epoll, operation, fd, event) =>
          refuseOnce(fd) ?? real(epoll, operation, fd, event),
        fcntl: (real) => (fd, operation, value) => refuseOnce(fd) ?? real(fd, operation, value),
      });
      const end = injectFor(context, {
        accept4: (real) => (fd, address, length, flags) => {
          calls++;
          return shortOf.has(fd) ? failure(shortOf.get(fd) as number) : real(fd, address, length, flags);
        },
      });
      const clients = yield* gather(serving.map((one) => createTask(connectTo(one))));
      while (reports.length < codes.size) yield* letTheKernelWork('TCP', 1);
      const tried = calls;
      yield* letTheKernelWork('TCP');
      assert.ok(calls < tried + 60, 'it goes on trying meanwhile');
      end();
      for (const client of clients) {
        client.transport.write(bytes('late'));
        yield* client.received(4);
        client.transport.abort();
      }
      assert.deepEqual(
        reports.map(({ exception }) => (exception as NodeJS.ErrnoException).code).sort(),
        [...codes.values(), 'ENOMEM'].sort(),
      );
      for (const { server } of serving) server.close();
    });

    test('that refuses every accept does not keep the loop busy, nor a server from ending', function* (context) {
      const reports = collectReports();
      const { server, connect } = yield* serve('TCP', () => new Echo());
      let calls = 0;
      injectFor(context, {
        accept4: () => () => {
          calls++;
          return failure(EPERM);
        },
      });
      const [transport] = yield* connect(() => new Recorder());
      while (reports.length === 0) yield;
      const tried = calls;
      for (let turns = 0; turns < 1_000; turns++) yield;
      assert.equal(calls, tried);
      yield* server.stop();
      transport.abort();
      assert.ok(calls < 1_000);
    });

    test('that watches no more descriptors fails the connection that needs it, and leaves none open', function* (context) {
      const reports = collectReports();
      const { server, connect } = yield* serve('TCP', () => new Recorder());
      const before = openCount();
      const end = injectFor(context, {
        epoll_ctl: (real) => (epoll, operation, fd, event) =>
          operation === 1 ? failure(ENOMEM) : real(epoll, operation, fd, event),
        fcntl: () => () => failure(ENOMEM), // what poll and select ask instead
      });
      assert.equal((yield* systemError(connect(() => new Recorder()))).code, 'ENOMEM');
      end();
      assert.equal(openCount(), before, 'a descriptor is left');
      const [transport, near] = yield* connect(() => new Recorder());
      transport.write(bytes('.'));
      transport.abort();
      yield* near.waitLost();
      server.close();
      yield* server.waitClosed();
      assert.deepEqual(reports, []);
    });
  });
}

function* connectTo({ connect }: { connect: (factory: () => Recorder) => unknown }): Steps<Recorder> {
  const near = new Recorder();
  yield* connect(() => near) as Steps<unknown>;
  return near;
}

/** The descriptor that a server listens on: the one that its first client is accepted from. */
function* listenerOf(server: Server): Steps<number | null> {
  let listener: number | null = null;
  const end = inject({
    accept4: (real) => (fd, address, length, flags) => {
      listener ??= fd;
      return real(fd, address, length, flags);
    },
  });
  const near = new Recorder();
  const { host, port } = server.sockets[0] as { host: string; port: number };
  const [transport] = yield* getRunningLoop().createConnection(() => near, { host, port });
  transport.write(bytes('.'));
  yield* near.received(1);
  transport.abort();
  end();
  return listener;
}
