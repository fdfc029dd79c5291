import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { BlockList, createServer } from 'node:net';
import { pipeline } from 'node:stream';
import { describe, it } from 'node:test';
import { StreamSocket, serve } from '../../../src/adapters/node/index.ts';
import type { Transport } from '../../../src/interface/index.ts';
import { getRunningLoop } from '../../../src/loop/index.ts';
import { simulate } from '../../../src/testing/index.ts';
import {
  bytes,
  collectReports,
  Echo,
  pattern,
  Recorder,
  serve as serveProtocol,
  socketPath,
  testOn,
} from '../../contract/endpoints.ts';
import { loopKinds } from '../../contract/kinds.ts';
import { closed, connectTo, eventsOf, local, next, portOf, readAll } from './on-loop.ts';

const megabyte = 1024 * 1024;

for (const kind of loopKinds) {
  const test = testOn(kind);

  describe(`StreamSocket on the ${kind} loop`, () => {
    test('carries 10 MB each way between slow readers, and buffers no more than its marks', function* () {
      const total = 10 * megabyte;
      const sent = pattern(total);
      let peak = 0;
      const server = yield* serve(createServer({ allowHalfOpen: true }), { host: local, port: 0 });
      const accepted = next<[StreamSocket]>(server, 'connection');
      const near = StreamSocket.connect({ port: portOf(server), host: local, allowHalfOpen: true });
      const [far] = yield* accepted;
      const results = [near, far].map((socket) => {
        const received: Buffer[] = [];
        let count = 0;
        socket.on('data', (chunk: Buffer) => {
          received.push(chunk);
          count += chunk.length;
          peak = Math.max(peak, socket.readableLength, socket.writableLength - 64 * 1024);
          if (received.length % 16 === 0) {
            socket.pause();
            getRunningLoop().callSoon(() => socket.resume());
          }
        });
        let at = 0;
        const write = () => {
          while (at < total) {
            const chunk = sent.subarray(at, Math.min(at + 64 * 1024, total));
            at += chunk.length;
            if (!socket.write(chunk)) return;
          }
          socket.off('drain', write).end();
        };
        socket.on('drain', write);
        write();
        return { socket, received, total: () => count, ended: next(socket, 'close') };
      });
      for (const { ended } of results) yield* ended;
      for (const { socket, received } of results) {
        assert.ok(Buffer.concat(received).equals(sent), 'what was sent is what has come');
        assert.equal(socket.bytesRead, total);
        assert.equal(socket.bytesWritten, total);
      }
      assert.ok(peak <= 2 * near.readableHighWaterMark, `${peak} bytes were buffered`);
      yield* closed(server);
    });

    test('calls a write back when the kernel has taken it, and asks for no more before that', function* () {
      const far = new Recorder();
      const { socket, finish } = yield* connectTo(far);
      far.transport.pauseReading();
      let done = 0;
      let written = 0;
      // More than any kernel keeps for a connection on the loopback.
      const chunk = Buffer.alloc(4 * megabyte);
      for (; written < 16; written++) socket.write(chunk, () => void done++);
      assert.ok(done < written);
      assert.equal(socket.writableNeedDrain, true);
      assert.ok(socket.writableLength > 0);
      assert.equal(socket.bytesWritten, written * chunk.length);
      const drained = next(socket, 'drain');
      far.transport.resumeReading();
      yield* drained;
      assert.equal(done, written);
      assert.equal(socket.writableLength, 0);
      yield* far.received(written * chunk.length);
      yield* finish();
    });

    test('sends what is corked together, whatever its encodings, and large chunks as they are', function* () {
      const { socket, far, finish } = yield* connectTo();
      const large = Buffer.alloc(100_000, 'x');
      socket.cork();
      socket.write('grün ', 'utf8');
      socket.write('gr\u00fcn ', 'latin1');
      socket.write('21', 'hex');
      socket.write(large);
      socket.write(new Uint8Array([0x2e]));
      socket.uncork();
      const expected = Buffer.concat([
        Buffer.from('grün '),
        Buffer.from('gr\u00fcn ', 'latin1'),
        Buffer.from('!'),
        large,
        Buffer.from('.'),
      ]);
      yield* far.received(expected.length);
      assert.ok(expected.equals(far.data));
      assert.equal(socket.bytesWritten, expected.length);
      yield* finish();
    });

    test('ends when the peer does, unless half-open: end, finish, close, each once', function* () {
      const { socket, far, finish } = yield* connectTo();
      const events = eventsOf(socket, 'end', 'finish', 'close', 'error');
      far.transport.write(bytes('bye'));
      far.on.eofReceived = () => true;
      far.transport.writeEof();
      const gone = next<[boolean]>(socket, 'close');
      assert.equal(yield* readAll(socket), 'bye');
      assert.deepEqual(yield* gone, [false]);
      assert.deepEqual(events, ['end', 'finish', 'close']);
      assert.equal(socket.readyState, 'closed');
      far.transport.close();
      yield* far.waitLost();
      assert.equal(far.loss, null);
      yield* finish();
    });

    test('half-open, goes on writing after the peer has ended', function* () {
      const { socket, far, finish } = yield* connectTo(new Recorder(), { allowHalfOpen: true });
      far.on.eofReceived = () => true;
      far.transport.writeEof();
      const ended = next(socket, 'end');
      socket.resume();
      yield* ended;
      assert.equal(socket.readyState, 'writeOnly');
      socket.write('still ');
      const gone = next(socket, 'close');
      socket.end('here');
      yield* far.received(10);
      assert.equal(far.text, 'still here');
      yield* gone;
      yield* finish();
    });

    test('ends without anybody reading, if nothing was sent', function* () {
      const { socket, far, finish } = yield* connectTo();
      const gone = next(socket, 'close');
      far.transport.close();
      yield* gone;
      yield* finish();
    });

    test('ends its direction behind what was written, and reads on', function* () {
      const { socket, far, finish } = yield* connectTo();
      far.on.eofReceived = () => {
        far.transport.write(bytes('got it'));
        far.transport.writeEof();
        return true;
      };
      const large = Buffer.alloc(2 * megabyte, 'a');
      socket.write(large);
      socket.end('b');
      const gone = next(socket, 'close');
      assert.equal(yield* readAll(socket), 'got it');
      yield* gone;
      assert.equal(far.byteCount, large.length + 1);
      far.transport.close();
      yield* finish();
    });

    test('destroyed in the middle of a write: the write ends, the rest is dropped, close comes once', function* () {
      const far = new Recorder();
      const { socket, finish } = yield* connectTo(far);
      far.transport.pauseReading();
      const events = eventsOf(socket, 'close', 'error', 'finish', 'end');
      const outcomes: unknown[] = [];
      const chunk = Buffer.alloc(16 * megabyte);
      socket.write(chunk, (error) => void outcomes.push(error?.name ?? null));
      socket.write('more', (error) => void outcomes.push((error as NodeJS.ErrnoException)?.code));
      const gone = next<[boolean]>(socket, 'close');
      socket.destroy();
      socket.destroy();
      assert.equal(socket.destroyed, true);
      assert.deepEqual(yield* gone, [false]);
      assert.deepEqual(events, ['close']);
      assert.deepEqual(outcomes, [null, 'ERR_STREAM_DESTROYED']);
      far.transport.resumeReading();
      yield* far.waitLost();
      assert.ok(far.byteCount < chunk.length);
      yield* finish();
    });

    test('destroyed with an error, emits it once and then close', function* () {
      const { socket, far, finish } = yield* connectTo();
      const events = eventsOf(socket, 'error', 'close');
      const failed = next(socket, 'error');
      const gone = new Promise((resolve) => socket.once('close', resolve));
      const mine = new Error('mine');
      socket.destroy(mine);
      socket.destroy(new Error('another'));
      assert.deepEqual(yield* failed, [mine]);
      assert.equal(yield* getRunningLoop().wrapFuture(gone), true);
      yield* far.waitLost();
      assert.deepEqual(events, ['error', 'close']);
      yield* finish();
    });

    test('tells of a refused connection as Node does: one error with its fields, then close', function* () {
      const serving = yield* serveProtocol('TCP', () => new Recorder());
      const [address] = serving.server.sockets;
      assert.ok(address !== undefined && 'port' in address);
      const { port } = address;
      serving.server.close();
      yield* serving.server.waitClosed();
      const socket = StreamSocket.connect({ host: local, port });
      const events = eventsOf(socket, 'connect', 'error', 'close', 'end');
      const gone = new Promise<unknown>((resolve) => socket.once('close', resolve));
      const [error] = yield* next<[NodeJS.ErrnoException & { address: string; port: number }]>(
        socket,
        'error',
      );
      assert.equal(error.message, `connect ECONNREFUSED ${local}:${port}`);
      const { code, syscall, address: host, port: there, errno } = error;
      assert.deepEqual(
        { code, syscall, host, there },
        { code: 'ECONNREFUSED', syscall: 'connect', host: local, there: port },
      );
      assert.equal(typeof errno, 'number');
      yield* getRunningLoop().wrapFuture(gone);
      assert.deepEqual(events, ['error', 'close']);
    });

    test('destroyed while it connects, emits close and nothing else', function* () {
      const serving = yield* serveProtocol('TCP', () => new Recorder());
      const [address] = serving.server.sockets;
      assert.ok(address !== undefined && 'port' in address);
      const socket = StreamSocket.connect({ host: local, port: address.port });
      const events = eventsOf(socket, 'connect', 'error', 'close', 'end');
      assert.equal(socket.connecting, true);
      assert.equal(socket.readyState, 'opening');
      let outcome: unknown = null;
      socket.write('x', (error) => {
        outcome = (error as NodeJS.ErrnoException)?.code;
      });
      const gone = next(socket, 'close');
      socket.destroy();
      yield* gone;
      assert.deepEqual(events, ['close']);
      assert.equal(outcome, 'ERR_SOCKET_CLOSED_BEFORE_CONNECTION');
      yield* serving.server.stop();
    });

    test('is closed by a signal, with its AbortError', function* () {
      const controller = new AbortController();
      const { socket, finish } = yield* connectTo(new Recorder(), { signal: controller.signal });
      const failed = next<[Error]>(socket, 'error');
      controller.abort();
      const [error] = yield* failed;
      assert.equal(error.name, 'AbortError');
      yield* finish();
    });

    test('refuses writes after its end, and says so when it was the peer who ended', function* () {
      const { socket, finish } = yield* connectTo();
      socket.on('error', () => {});
      socket.end();
      let code: string | undefined;
      const failed = next<[NodeJS.ErrnoException]>(socket, 'error');
      socket.write('x', (error) => {
        code = (error as NodeJS.ErrnoException).code;
      });
      yield* failed;
      assert.equal(code, 'ERR_STREAM_WRITE_AFTER_END');
      yield* finish();

      const other = yield* connectTo();
      other.far.on.eofReceived = () => true;
      const ended = next(other.socket, 'finish');
      other.socket.resume();
      other.far.transport.writeEof();
      yield* ended;
      const gone = new Promise<void>((resolve) =>
        other.socket.once('error', (error) => {
          code = (error as NodeJS.ErrnoException).code;
          resolve();
        }),
      );
      if (!other.socket.destroyed) {
        other.socket.write('x');
        yield* getRunningLoop().wrapFuture(gone);
        assert.equal(code, 'EPIPE');
      }
      other.far.transport.close();
      yield* other.finish();
    });

    test('fails a write before any connection', function* () {
      const socket = new StreamSocket();
      assert.equal(socket.pending, true);
      const failed = next<[NodeJS.ErrnoException]>(socket, 'error');
      socket.write('x');
      const [error] = yield* failed;
      assert.equal(error.code, 'ERR_SOCKET_CLOSED');
    });

    test('sends what was written before it was connected, and counts it', function* () {
      const far = new Recorder();
      const serving = yield* serveProtocol('TCP', () => far);
      const [address] = serving.server.sockets;
      assert.ok(address !== undefined && 'port' in address);
      const socket = new StreamSocket();
      let calls = 0;
      socket.connect({ host: local, port: address.port }, () => void calls++);
      socket.write('grün ');
      socket.write('und ');
      assert.equal(socket.bytesWritten, 10);
      socket.end('blau');
      yield* far.received(14);
      assert.equal(far.text, 'grün und blau');
      assert.equal(calls, 1);
      assert.equal(socket.bytesWritten, 14);
      yield* far.waitLost();
      yield* serving.server.stop();
    });

    test('knows its addresses, and still after its end', function* () {
      const { socket, far, finish } = yield* connectTo();
      const { localAddress, localPort, localFamily, remoteAddress, remotePort, remoteFamily } = socket;
      assert.deepEqual(far.transport.getExtraInfo('peername'), {
        host: localAddress,
        port: localPort,
        family: 4,
      });
      assert.deepEqual(far.transport.getExtraInfo('sockname'), {
        host: remoteAddress,
        port: remotePort,
        family: 4,
      });
      assert.deepEqual([localFamily, remoteFamily], ['IPv4', 'IPv4']);
      assert.deepEqual(socket.address(), { address: localAddress, port: localPort, family: 'IPv4' });
      assert.deepEqual([socket.connecting, socket.pending, socket.readyState], [false, false, 'open']);
      yield* finish();
      assert.equal(socket.remotePort, remotePort);
      assert.equal(socket.pending, true);
    });

    test('times out after silence by the loop’s clock, again and again, and not before', function* () {
      const { socket, far, finish } = yield* connectTo();
      const loop = getRunningLoop();
      const wait = kind.simulated ? 5_000 : 30;
      let timeouts = 0;
      const begun = loop.time();
      const silent = next(socket, 'timeout');
      socket.setTimeout(wait, () => void timeouts++);
      assert.equal(socket.timeout, wait);
      yield* silent;
      assert.ok(loop.time() - begun >= wait - 1);
      assert.equal(timeouts, 1);
      // Destroys nothing; activity begins to count anew.
      const again = next(socket, 'timeout');
      const data = next(socket, 'data');
      socket.setTimeout(wait);
      const restarted = loop.time();
      far.transport.write(bytes('x'));
      yield* data;
      yield* again;
      assert.ok(loop.time() - restarted >= wait - 1);
      socket.setTimeout(0);
      yield* finish();
    });

    test('has no timer left once its timeout is taken back and it is destroyed', function* () {
      const { socket, finish } = yield* connectTo();
      const callback = () => assert.fail('it was taken back');
      socket.setTimeout(1_000_000, callback);
      socket.setTimeout(0, callback);
      assert.equal(socket.listenerCount('timeout'), 0);
      socket.setTimeout(1_000_000);
      assert.throws(() => socket.setTimeout(-1), { code: 'ERR_OUT_OF_RANGE' });
      assert.throws(() => socket.setTimeout('1' as never), { code: 'ERR_INVALID_ARG_TYPE' });
      yield* finish(); // looks for timers
    });

    test('reads into a buffer of the program’s, which pauses and resumes it', function* () {
      const buffer = Buffer.alloc(4);
      const parts: string[] = [];
      const { socket, far, finish } = yield* connectTo(new Recorder(), {
        onread: {
          buffer,
          callback(byteCount, filled) {
            assert.equal(filled, buffer);
            parts.push(buffer.toString('latin1', 0, byteCount));
            if (parts.length === 2) getRunningLoop().callSoon(() => socket.resume());
            return parts.length !== 2;
          },
        },
      });
      const ended = next(socket, 'end');
      far.transport.write(bytes('abcdefghij'));
      far.transport.writeEof();
      yield* ended;
      assert.equal(parts.join(''), 'abcdefghij');
      assert.ok(parts.every((part) => part.length <= 4));
      assert.equal(socket.bytesRead, 10);
      yield* finish();
    });

    test('paused before it is connected, delivers when it is resumed', function* () {
      const far = new Recorder({ connectionMade: () => far.transport.write(bytes('early')) });
      const serving = yield* serveProtocol('TCP', () => far);
      const [address] = serving.server.sockets;
      assert.ok(address !== undefined && 'port' in address);
      const socket = StreamSocket.connect({ host: local, port: address.port });
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.pause();
      yield* next(socket, 'connect');
      yield* far.until(() => far.connected);
      assert.equal(text, '');
      const data = next(socket, 'data');
      socket.resume();
      yield* data;
      assert.equal(text, 'early');
      socket.destroy();
      yield* serving.server.stop();
    });

    test('can be piped to itself, and iterated over', function* () {
      const far = new StreamSocket();
      pipeline(far, far, () => {});
      const { socket, finish } = yield* connectTo(far);
      socket.end('round and round');
      const text = yield* getRunningLoop().wrapFuture(
        (async () => {
          let all = '';
          for await (const chunk of socket) all += chunk;
          return all;
        })(),
      );
      assert.equal(text, 'round and round');
      yield* finish();
    });

    test('calls its listeners in the async context in which it was connected', function* () {
      const serving = yield* serveProtocol('TCP', () => new Echo());
      const [address] = serving.server.sockets;
      assert.ok(address !== undefined && 'port' in address);
      const { port } = address;
      const storage = new AsyncLocalStorage<string>();
      const seen: unknown[] = [];
      const socket = storage.run('mine', () => StreamSocket.connect(port, local));
      for (const name of ['connect', 'data', 'end', 'timeout', 'close']) {
        socket.on(name, () => void seen.push([name, storage.getStore()]));
      }
      yield* next(socket, 'connect');
      const data = next(socket, 'data');
      socket.write('x');
      yield* data;
      storage.run('timer', () => socket.setTimeout(5));
      yield* next(socket, 'timeout');
      const gone = next(socket, 'close');
      socket.end();
      yield* gone;
      assert.deepEqual(seen, [
        ['connect', 'mine'],
        ['data', 'mine'],
        ['timeout', 'timer'],
        ['end', 'mine'],
        ['close', 'mine'],
      ]);
      yield* serving.server.stop();
    });

    test('can be connected again after its end', function* () {
      const serving = yield* serveProtocol('TCP', () => new Echo());
      const [address] = serving.server.sockets;
      assert.ok(address !== undefined && 'port' in address);
      const { port } = address;
      const socket = new StreamSocket();
      for (const word of ['first', 'second']) {
        socket.connect(port, local);
        yield* next(socket, 'connect');
        const data = next<[Buffer]>(socket, 'data');
        socket.write(word);
        assert.equal(String((yield* data)[0]), word);
        const gone = next(socket, 'close');
        socket.destroy();
        yield* gone;
        assert.equal(socket.destroyed, true);
      }
      yield* serving.server.stop();
    });

    test('asks who it is told to ask for addresses, and takes the next when one fails', function* () {
      const serving = yield* serveProtocol('TCP', () => new Echo());
      const [address] = serving.server.sockets;
      assert.ok(address !== undefined && 'port' in address);
      const asked: unknown[] = [];
      const socket = StreamSocket.connect({
        host: 'somewhere.test',
        port: address.port,
        lookup(hostname, options, callback) {
          asked.push([hostname, options.all]);
          callback(null, [
            { address: '127.0.0.2', family: 4 },
            { address: local, family: 4 },
          ]);
        },
      });
      const lookups: unknown[] = [];
      socket.on('lookup', (...args) => void lookups.push(args));
      yield* next(socket, 'connect');
      assert.deepEqual(asked, [['somewhere.test', true]]);
      assert.deepEqual(lookups, [
        [null, '127.0.0.2', 4, 'somewhere.test'],
        [null, local, 4, 'somewhere.test'],
      ]);
      assert.equal(socket.remoteAddress, local);
      socket.destroy();

      const failing = StreamSocket.connect({
        host: 'nowhere.test',
        port: 1,
        lookup: (_hostname, _options, callback) =>
          callback(Object.assign(new Error('no'), { code: 'ENO' }), ''),
      });
      const [error] = yield* next<[NodeJS.ErrnoException]>(failing, 'error');
      assert.equal(error.code, 'ENO');
      yield* serving.server.stop();
    });

    test('does not connect where a list of its own forbids it', function* () {
      const blockList = new BlockList();
      blockList.addAddress(local);
      const socket = StreamSocket.connect({ host: local, port: 1, blockList });
      const [error] = yield* next<[NodeJS.ErrnoException]>(socket, 'error');
      assert.equal(error.code, 'ERR_IP_BLOCKED');
    });

    test('connects by a path, and has no addresses then', function* () {
      const path = socketPath();
      const loop = getRunningLoop();
      const server = yield* loop.createUnixServer(() => new Echo(), { path });
      const socket = StreamSocket.connect(path);
      const data = next<[Buffer]>(socket, 'data');
      socket.write('unix');
      assert.equal(String((yield* data)[0]), 'unix');
      assert.equal(socket.remoteAddress, undefined);
      assert.deepEqual(socket.address(), {});
      socket.destroy();
      yield* server.stop();
    });

    test('refuses arguments that mean nothing, with Node’s codes', function* () {
      yield;
      const socket = new StreamSocket();
      assert.throws(() => socket.connect({} as never), { name: 'TypeError', code: 'ERR_MISSING_ARGS' });
      assert.throws(() => socket.connect({ port: 65_536 }), {
        name: 'RangeError',
        code: 'ERR_SOCKET_BAD_PORT',
      });
      assert.throws(() => socket.connect({ port: true as never }), { code: 'ERR_INVALID_ARG_TYPE' });
      assert.throws(() => socket.connect({ port: 1, localAddress: 'x' }), { code: 'ERR_INVALID_IP_ADDRESS' });
      assert.throws(() => new StreamSocket({ fd: 0 } as never), TypeError);
      assert.equal(socket.connecting, false);
    });

    test('ends the connection with what a listener throws, and reports it', function* () {
      const { socket, far, finish } = yield* connectTo();
      const reports = collectReports();
      const wrong = new Error('a listener’s');
      socket.on('data', () => {
        throw wrong;
      });
      const failed = next<[Error]>(socket, 'error');
      far.transport.write(bytes('x'));
      assert.deepEqual(yield* failed, [wrong]);
      assert.equal(reports.length, 1);
      assert.equal(reports[0]?.exception, wrong);
      yield* finish();
    });

    test('is a protocol like others: the transport’s loss is its end', function* () {
      const { socket, finish } = yield* connectTo();
      const events = eventsOf(socket, 'error', 'close');
      const gone = next<[boolean]>(socket, 'close');
      let transport: Transport | null = null;
      const other = new StreamSocket();
      other.connectionMade = (made) => {
        transport = made;
        StreamSocket.prototype.connectionMade.call(other, made);
      };
      const serving = yield* serveProtocol('TCP', () => other);
      const [address] = serving.server.sockets;
      assert.ok(address !== undefined && 'port' in address);
      const client = StreamSocket.connect(address.port, local);
      yield* next(client, 'connect');
      const otherGone = next(other, 'close');
      (transport as Transport | null)?.abort();
      yield* otherGone;
      client.destroy();
      socket.destroy();
      yield* gone;
      assert.deepEqual(events, ['close']);
      yield* serving.server.stop();
      yield* finish();
    });
  });
}

describe('StreamSocket at the end of a run', () => {
  it('tells who listens that its attempt was given up, and ends no process where nobody does', async () => {
    const told: (string | undefined)[] = [];
    let attempts = 0;
    await simulate(async () => {
      const again = () => {
        attempts++;
        // Who takes it for a lost connection would go on for ever.
        const socket = StreamSocket.connect(80, 'far');
        socket.on('error', ({ code }: NodeJS.ErrnoException) => told.push(code));
        socket.on('close', (hadError: boolean) => {
          if (!hadError) again();
        });
      };
      again();
      StreamSocket.connect(80, 'far');
    });
    assert.deepEqual([attempts, told], [1, ['ECANCELED']]);
  });
});
