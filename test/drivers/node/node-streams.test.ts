import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { describe, it, type TestContext } from 'node:test';
import { systemError } from '../../../src/drivers/common/system-error.ts';
import { NodeDriver } from '../../../src/drivers/node/index.ts';
import { refuseReusePort } from '../../../src/drivers/node/reuse-port.ts';
import {
  type DriverHost,
  type InternetAddress,
  type Listener,
  NotSupportedError,
  type StreamChannel,
  type StreamSink,
  SystemError,
} from '../../../src/interface/index.ts';
import { pattern } from '../../contract/endpoints.ts';

const localhost = '127.0.0.1';
const mebibyte = 1024 * 1024;

/** Calls back at once, as a loop does between turns; or keeps it for later, as a loop does in the middle of one. */
class Host implements DriverHost {
  inTurn = false;
  /** what was queued before, and so comes first */
  first: () => void = () => {};
  #queue: (() => void)[] = [];

  dispatch<A>(callback: (argument: A) => void, argument: A): void {
    if (this.inTurn) this.#queue.push(() => callback(argument));
    else {
      this.first();
      callback(argument);
    }
  }

  get queued(): number {
    return this.#queue.length;
  }

  endTurn(): void {
    this.inTurn = false;
    for (const callback of this.#queue.splice(0)) callback();
  }

  enqueue(): void {
    assert.fail('nothing to queue');
  }

  callLater(): never {
    assert.fail('nothing to do later');
  }

  refsChanged(): void {}
  pollDescriptorChanged(): void {}

  report(): void {
    assert.fail('nothing to report');
  }
}

/** Notes what a channel delivers; `until` waits for it. */
class Sink implements StreamSink {
  readonly events: string[] = [];
  readonly progress: number[] = [];
  readonly chunks: Uint8Array[] = [];
  error: Error | null = null;
  onData: () => void = () => {};
  #check: () => void = () => {};

  data(chunk: Uint8Array, lent: boolean): void {
    this.chunks.push(lent ? new Uint8Array(chunk) : chunk);
    this.#note('data');
    this.onData();
  }

  room(): null {
    return null;
  }

  filled(): void {
    assert.fail('there was no room');
  }

  end(): void {
    this.#note('end');
  }

  failed(error: Error): void {
    this.error = error;
    this.#note('failed');
  }

  writeProgress(pending: number): void {
    this.progress.push(pending);
    this.#note('progress');
  }

  shutdownDone(): void {
    this.#note('shutdownDone');
  }

  closed(): void {
    this.#note('closed');
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#check = () => {
        if (condition()) resolve();
      };
      this.#check();
    });
  }

  seen(event: string): Promise<void> {
    return this.until(() => this.events.includes(event));
  }

  #note(event: string): void {
    if (event !== 'data' || this.events.at(-1) !== 'data') this.events.push(event);
    this.#check();
  }
}

function openDriver(test: TestContext): { driver: NodeDriver; host: Host } {
  const driver = new NodeDriver();
  const host = new Host();
  driver.attach(host);
  test.after(() => driver.close());
  return { driver, host };
}

interface Channel {
  host: Host;
  driver: NodeDriver;
  channel: StreamChannel;
  /** the other end, Node's own */
  peer: net.Socket;
  sink: Sink;
}

/** A client's channel, started. */
async function connectOut(test: TestContext, { driver, host } = openDriver(test)): Promise<Channel> {
  const server = net.createServer({ allowHalfOpen: true }).listen(0, localhost);
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[net.Socket]>;
  const { port } = server.address() as net.AddressInfo;
  const channel = await new Promise<StreamChannel>((succeeded, failed) => {
    driver.streams.connect({ kind: 'internet', host: localhost, port, family: 4 }, {}, { succeeded, failed });
  });
  const [peer] = await accepted;
  server.close();
  return started(test, host, driver, channel, peer);
}

/** A server's channel, started. */
async function acceptIn(test: TestContext, { driver, host } = openDriver(test)): Promise<Channel> {
  const { channel, listener, peer } = await accept(driver);
  listener.close();
  return started(test, host, driver, channel, peer);
}

function started(
  test: TestContext,
  host: Host,
  driver: NodeDriver,
  channel: StreamChannel,
  peer: net.Socket,
): Channel {
  peer.on('error', () => {});
  test.after(() => void peer.destroy());
  const sink = new Sink();
  channel.start(sink);
  return { host, driver, channel, peer, sink };
}

async function accept(
  driver: NodeDriver,
): Promise<{ channel: StreamChannel; listener: Listener; peer: net.Socket }> {
  let connected: (channel: StreamChannel) => void = () => {};
  const connection = new Promise<StreamChannel>((resolve) => {
    connected = resolve;
  });
  const listener = await listen(driver, (channel) => connected(channel));
  const { port } = listener.address as InternetAddress;
  const peer = net.connect({ host: localhost, port, allowHalfOpen: true });
  await once(peer, 'connect');
  return { channel: await connection, listener, peer };
}

function listen(driver: NodeDriver, connection: (channel: StreamChannel) => void): Promise<Listener> {
  return new Promise((succeeded, failed) => {
    driver.streams.listen(
      { kind: 'internet', host: localhost, port: 0, family: 4 },
      { backlog: 100, reusePort: false, keepAlive: false },
      { connection, troubled: failed },
      { succeeded, failed },
    );
  });
}

function count(resource: string): number {
  return process.getActiveResourcesInfo().filter((name) => name === resource).length;
}

for (const [side, open] of [
  ['a client’s', connectOut],
  ['a server’s', acceptIn],
] as const) {
  describe(`${side} channel of the node driver`, { timeout: 20_000 }, () => {
    it('reads when told to, and not before', async (test) => {
      const { channel, peer, sink } = await open(test);
      peer.end('hello');
      channel.startReading();
      channel.startReading();
      await sink.seen('end');
      assert.deepEqual([sink.events, sink.bytes.toString()], [['data', 'end'], 'hello']);
    });

    it('keeps chunks that come in the middle of a turn apart, though it reads them into one buffer', async (test) => {
      const { channel, peer, sink, host } = await open(test);
      host.inTurn = true;
      channel.startReading();
      for (const letter of 'abcd') {
        const queued = host.queued;
        peer.write(letter.repeat(1000));
        while (host.queued === queued) await new Promise(setImmediate);
      }
      host.endTurn();
      assert.equal(sink.bytes.toString(), ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(1000)).join(''));
    });

    it('keeps back what a paused sink must not get, and its order', async (test) => {
      const { channel, peer, sink, host } = await open(test);
      host.inTurn = true;
      channel.startReading();
      peer.write('one');
      while (host.queued === 0) await new Promise(setImmediate);
      peer.end('two');
      while (host.queued < 3) await new Promise(setImmediate);
      channel.pauseReading();
      host.endTurn();
      assert.deepEqual(sink.events, []);
      sink.onData = () => channel.pauseReading();
      channel.startReading();
      assert.deepEqual(sink.events, [], 'not from inside the call');
      await sink.seen('data');
      assert.equal(sink.bytes.toString(), 'one');
      channel.startReading();
      await sink.until(() => sink.bytes.toString() === 'onetwo');
      assert.deepEqual(sink.events, ['data']);
      channel.startReading();
      await sink.seen('end');
      channel.startReading();
      assert.deepEqual(sink.events, ['data', 'end']);
    });

    it('keeps what comes in the turn that pauses it, though what comes next is read into the same buffer', async (test) => {
      const { channel, peer, sink, host, driver } = await open(test);
      channel.startReading();
      peer.write('a'.repeat(1000));
      await new Promise<void>((resolve) => {
        host.first = () => {
          channel.pauseReading();
          resolve();
        };
      });
      host.first = () => {};
      const other = await open(test, { driver, host });
      other.channel.startReading();
      other.peer.write('b'.repeat(1000));
      await other.sink.seen('data');
      assert.deepEqual(sink.events, []);
      channel.startReading();
      await sink.seen('data');
      assert.equal(sink.bytes.toString(), 'a'.repeat(1000));
    });

    it('takes what the kernel takes and tells of the rest as it goes (B-SEL-016)', async (test) => {
      const { channel, peer, sink } = await open(test);
      peer.pause();
      const sent = pattern(20 * mebibyte);
      const pending = channel.write([sent.subarray(0, 1000), sent.subarray(1000)]);
      assert.ok(pending > 0 && pending < sent.length);
      let received = 0;
      const chunks: Buffer[] = [];
      peer.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        received += chunk.length;
      });
      peer.resume();
      await sink.until(() => sink.progress.at(-1) === 0);
      assert.deepEqual(
        [...sink.progress].sort((a, b) => b - a),
        sink.progress,
      );
      assert.equal(new Set(sink.progress).size, sink.progress.length);
      assert.ok(sink.progress.every((progress) => progress < pending));
      assert.equal(channel.write([new Uint8Array(1)]), 0);
      channel.close();
      await once(peer, 'end');
      assert.equal(received, sent.length + 1);
      assert.ok(Buffer.concat(chunks).subarray(0, -1).equals(sent));
    });

    it('sends chunks in order, many short ones and few long ones', async (test) => {
      for (const [chunkBytes, chunkCount] of [
        [1, 5000],
        [10, 100_000],
        [3000, 300],
        [300_000, 10],
      ] as const) {
        const { channel, peer } = await open(test);
        const sent = pattern(chunkBytes * chunkCount);
        const parts = Array.from({ length: chunkCount }, (_, i) =>
          sent.subarray(i * chunkBytes, (i + 1) * chunkBytes),
        );
        const given = [...parts];
        channel.write(given);
        const chunks: Buffer[] = [];
        let received = 0;
        for await (const chunk of peer) {
          chunks.push(chunk);
          received += chunk.length;
          if (received === sent.length) break;
        }
        assert.ok(Buffer.concat(chunks).equals(sent));
        assert.deepEqual(given, parts);
      }
    });

    it('takes nothing once the kernel refuses, and then says why (B-SEL-018)', async (test) => {
      const { channel, peer, sink } = await open(test);
      peer.resetAndDestroy();
      await once(peer, 'close');
      // Not reading, it learns of the reset by the write.
      assert.equal(channel.write([new Uint8Array(10)]), 10);
      assert.deepEqual(sink.events, [], 'not from inside the call');
      await sink.seen('failed');
      assert.match((sink.error as SystemError).code, /^(ECONNRESET|EPIPE)$/);
      channel.abort();
      await sink.seen('closed');
      assert.deepEqual(sink.events, ['failed', 'closed']);
    });

    it('takes nothing while the news of a failure is on its way, of one chunk or of several', async (test) => {
      for (const chunks of [[new Uint8Array(10)], [new Uint8Array(4), new Uint8Array(6)]]) {
        const { channel, peer, sink, host } = await open(test);
        channel.startReading();
        host.inTurn = true;
        peer.resetAndDestroy();
        while (host.queued === 0) await new Promise(setImmediate);
        assert.equal(channel.write(chunks), 10);
        host.endTurn();
        await sink.seen('failed');
        channel.abort();
        await sink.seen('closed');
        assert.equal(sink.events.filter((event) => event === 'failed').length, 1);
      }
    });

    it('ends its direction, while the other goes on', async (test) => {
      const { channel, peer, sink } = await open(test);
      channel.startReading();
      channel.shutdown();
      peer.resume();
      await Promise.all([once(peer, 'end'), sink.seen('shutdownDone')]);
      peer.write('still');
      await sink.seen('data');
      assert.deepEqual(sink.events, ['shutdownDone', 'data']);
    });

    it('is closed, and says so, once', async (test) => {
      for (const end of ['close', 'abort'] as const) {
        const { channel, peer, sink, host } = await open(test);
        channel.startReading();
        peer.resume();
        const ended = once(peer, 'end');
        channel[end]();
        channel.close();
        channel.abort();
        channel.startReading();
        assert.deepEqual(sink.events, []);
        await sink.seen('closed');
        await ended;
        assert.deepEqual([sink.events, host.queued], [['closed'], 0]);
      }
    });

    it('drops what is pending at abort', async (test) => {
      const { channel, peer, sink } = await open(test);
      peer.pause();
      assert.ok(channel.write([pattern(20 * mebibyte)]) > 0);
      channel.abort();
      await sink.seen('closed');
      let received = 0;
      peer.on('data', (chunk: Buffer) => {
        received += chunk.length;
      });
      peer.on('end', () => peer.destroy());
      peer.resume();
      await once(peer, 'close');
      assert.ok(received < 20 * mebibyte);
      assert.deepEqual(sink.events, ['closed']);
    });

    it('says that it is closed when it is told to, also if Node has closed the socket before', async (test) => {
      const { channel, peer, sink } = await open(test);
      channel.startReading();
      channel.shutdown();
      peer.end();
      peer.resume();
      await once(peer, 'close');
      await Promise.all([sink.seen('end'), sink.seen('shutdownDone')]);
      await new Promise(setImmediate);
      channel.close();
      assert.equal(sink.events.includes('closed'), false);
      await sink.seen('closed');
    });

    it('keeps the process alive unless told not to', async (test) => {
      const { channel, peer } = await open(test);
      peer.unref();
      const before = count('TCPSocketWrap');
      channel.unref();
      assert.equal(count('TCPSocketWrap'), before - 1);
      channel.ref();
      assert.equal(count('TCPSocketWrap'), before);
    });

    it('knows its ends', async (test) => {
      const { channel, peer } = await open(test);
      assert.deepEqual(channel.localAddress, { host: localhost, port: peer.remotePort, family: 4 });
      assert.deepEqual(channel.remoteAddress, { host: localhost, port: peer.localPort, family: 4 });
      assert.equal(channel.fd, -1);
    });

    it('is closed with the driver, and nobody is told', async (test) => {
      const { driver, peer, sink, channel } = await open(test);
      channel.startReading();
      peer.resume();
      const ended = once(peer, 'end');
      driver.close();
      driver.close();
      await ended;
      assert.deepEqual(sink.events.includes('failed'), false);
    });
  });
}

describe('sockets of the node driver', { timeout: 20_000 }, () => {
  it('have no-delay set, on both sides (B-UV-022)', async (test) => {
    const { driver } = openDriver(test);
    const probe = net.createServer().listen(0);
    await once(probe, 'listening');
    const socket = net.connect((probe.address() as net.AddressInfo).port);
    await once(socket, 'connect');
    const handle = (socket as unknown as { _handle: object })._handle;
    const setNoDelay = test.mock.method(Object.getPrototypeOf(handle), 'setNoDelay');
    socket.destroy();
    probe.close();
    const ports: unknown[] = [];
    const listener = await listen(driver, (channel) => ports.push(channel.remoteAddress));
    const { port } = listener.address as InternetAddress;
    await new Promise((succeeded, failed) => {
      driver.streams.connect(
        { kind: 'internet', host: localhost, port, family: 4 },
        {},
        { succeeded, failed },
      );
    });
    while (ports.length === 0) await new Promise(setImmediate);
    assert.deepEqual(
      setNoDelay.mock.calls.map((call: { arguments: unknown[] }) => call.arguments[0]),
      [true, true],
    );
  });

  it('that broke before anybody had them say so when somebody has', async (test) => {
    const { driver } = openDriver(test);
    const { channel, peer } = await accept(driver);
    peer.on('error', () => {});
    peer.resetAndDestroy();
    await once(peer, 'close');
    // Nobody listens yet: the write is what notices.
    channel.write([new Uint8Array(1)]);
    while (count('TCPSocketWrap') > 0) await new Promise(setImmediate);
    const sink = new Sink();
    channel.start(sink);
    assert.deepEqual(sink.events, [], 'not from inside the call');
    await sink.seen('failed');
  });
});

describe('connecting by the node driver', { timeout: 20_000 }, () => {
  it('given up leaves no socket open, at whatever moment, and is not heard of again', async (test) => {
    for (const moment of ['at once', 'connecting', 'connected']) {
      const { driver, host } = openDriver(test);
      const listener = await listen(driver, (channel) => channel.abort());
      const { port } = listener.address as InternetAddress;
      host.inTurn = true;
      const before = host.queued;
      const operation = driver.streams.connect(
        { kind: 'internet', host: localhost, port, family: 4 },
        {},
        { succeeded: () => assert.fail('given up'), failed: () => assert.fail('given up') },
      );
      if (moment === 'connecting') await Promise.resolve();
      if (moment === 'connected') while (host.queued === before) await new Promise(setImmediate);
      operation.cancel();
      operation.cancel();
      host.endTurn();
      listener.close();
      while (count('TCPSocketWrap') > 0) await new Promise(setImmediate);
      host.endTurn();
    }
  });

  it('tells of a failure once, never from inside the call', async (test) => {
    const { driver } = openDriver(test);
    const listener = await listen(driver, () => {});
    const { port } = listener.address as InternetAddress;
    listener.close();
    let inside = true;
    let failures = 0;
    const error = await new Promise<Error>((failed, succeeded) => {
      driver.streams.connect(
        { kind: 'internet', host: localhost, port, family: 4 },
        {},
        {
          succeeded,
          failed: (failure) => {
            assert.equal(inside, false);
            failures++;
            failed(failure);
          },
        },
      );
      inside = false;
    });
    assert.ok(error instanceof SystemError && error.code === 'ECONNREFUSED');
    await new Promise(setImmediate);
    assert.equal(failures, 1);
  });
});

describe('listening by the node driver', { timeout: 20_000 }, () => {
  it('given up leaves no socket open, at whatever moment', async (test) => {
    for (const moment of ['at once', 'listening']) {
      const { driver, host } = openDriver(test);
      host.inTurn = true;
      const operation = driver.streams.listen(
        { kind: 'internet', host: localhost, port: 0, family: 4 },
        { backlog: 1, reusePort: false, keepAlive: false },
        { connection() {}, troubled() {} },
        { succeeded: () => assert.fail('given up'), failed: () => assert.fail('given up') },
      );
      if (moment === 'listening') while (host.queued === 0) await new Promise(setImmediate);
      operation.cancel();
      operation.cancel();
      host.endTurn();
      for (let i = 0; i < 3; i++) await new Promise(setImmediate);
      assert.equal(count('TCPServerWrap'), 0);
    }
  });

  it('keeps the process alive unless told not to', async (test) => {
    const { driver } = openDriver(test);
    const listener = await listen(driver, () => {});
    assert.equal(count('TCPServerWrap'), 1);
    listener.unref();
    assert.equal(count('TCPServerWrap'), 0);
    listener.ref();
    assert.equal(count('TCPServerWrap'), 1);
  });

  it('on a path that will not do fails, never from inside the call', async (test) => {
    const { driver } = openDriver(test);
    let inside = true;
    const error = await new Promise<SystemError>((resolve, reject) => {
      driver.streams.listen(
        { kind: 'unix', path: tmpdir() },
        { backlog: 1, reusePort: false, keepAlive: false },
        { connection() {}, troubled() {} },
        {
          succeeded: reject,
          failed: (failure) => {
            assert.equal(inside, false);
            resolve(failure as SystemError);
          },
        },
      );
      inside = false;
    });
    assert.equal(error.code, 'EADDRINUSE');
  });

  it('with a shared port is refused by a Node that has none, not passed over (B-SRV-003)', () => {
    for (const version of ['20.19.0', '22.11.0', '23.0.0']) {
      assert.throws(() => refuseReusePort(version), NotSupportedError);
    }
    for (const version of ['22.12.0', '22.20.1', '23.1.0', '24.0.0', '26.10.0']) refuseReusePort(version);
  });
});

describe('an error of the system', () => {
  it('says what was being done, why it failed, and has what Node knows', () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:9'), {
      code: 'ECONNREFUSED',
      errno: -111,
      syscall: 'connect',
      address: localhost,
      port: 9,
    });
    const error = systemError('connect to 127.0.0.1:9', cause);
    if (process.platform === 'linux') {
      assert.equal(error.message, 'Cannot connect to 127.0.0.1:9: connection refused (ECONNREFUSED)');
    }
    const { code, errno, syscall, address, port } = error;
    assert.deepEqual([code, errno, syscall, address, port], ['ECONNREFUSED', -111, 'connect', localhost, 9]);
    assert.equal(error.cause, cause);
    assert.equal(systemError('do it again', error), error);
  });

  it('that Node has no number for keeps Node’s own words', () => {
    const error = systemError('connect', Object.assign(new Error('odd'), { code: 'ERR_ODD' }));
    assert.deepEqual([error.message, error.code], ['Cannot connect: odd', 'ERR_ODD']);
    assert.equal(systemError('connect', new Error('odd')).code, 'EUNKNOWN');
  });
});
