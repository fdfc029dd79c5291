import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatWhyRunning, type WhyRunning, whyRunning } from '../../src/debug/index.ts';
import {
  createTask,
  type EventLoop,
  getRunningLoop,
  newEventLoop,
  run,
  StateError,
  sleep,
  socketPair,
  type Transport,
} from '../../src/index.ts';
import { driversOffering } from '../../src/runtime/index.ts';
import { openRawPipe } from '../contract/raw-pipes.ts';

const far = 3_600_000;

describe('why a process is still running', () => {
  it('is told by timers, servers, transports, tasks and signal handlers, by name', () =>
    run(function* main() {
      const loop = getRunningLoop();
      const server = yield* loop.createServer(() => ({}), { host: '127.0.0.1' });
      const [transport] = (yield* loop.createConnection(
        () => ({}),
        server.sockets[0] as { host: string; port: number },
      )) as [Transport, unknown];
      createTask(() => sleep(far), { name: 'sleeper' });
      const timer = loop.callLater(far, function retry() {});
      loop.callLater(far, function unreferenced() {}).unref();
      loop.addSignalHandler('SIGTERM', () => {});
      yield;
      yield;
      const why = whyRunning();
      assert.deepEqual(why.timers.map((text) => text.replace(/ \d+|, due in .*/g, '')).sort(), [
        'retry',
        'sleep of task sleeper',
      ]);
      assert.match(why.servers.join(), /^server on 127\.0\.0\.1:\d+$/);
      assert.ok(why.transports.length >= 1);
      for (const text of why.transports)
        assert.match(text, /^transport 127\.0\.0\.1:\d+ → 127\.0\.0\.1:\d+$/);
      assert.equal(why.tasks.length, 2);
      assert.match(why.tasks.join('\n'), /^\d+ Task-\d+: running\n\d+ sleeper: waits for sleep, due in /);
      assert.deepEqual(why.signals, ['SIGTERM']);
      assert.ok(Object.values(why.host).every((count) => count > 0));
      const text = formatWhyRunning(why);
      for (const heading of ['tasks', 'timers', 'servers', 'transports']) {
        assert.match(text, new RegExp(`^${heading}:\n  \\S`, 'm'));
      }
      timer.cancel();
      transport.close();
      assert.match(whyRunning().transports.join(), /, closing/);
      loop.removeSignalHandler('SIGTERM');
      server.closeClients();
      server.close();
      yield* server.waitClosed();
    }));

  it(
    'is told by watched descriptors, waiting operations on sockets, datagram endpoints and pipes',
    {
      skip: driversOffering('descriptors').length === 0 ? 'no driver here watches descriptors' : false,
    },
    () =>
      run(
        function* main() {
          const loop = getRunningLoop();
          const [near, far] = socketPair();
          loop.addReader(near, function onReadable() {});
          loop.addWriter(near, () => {});
          const received = [loop.sockRecv(far, 1), loop.sockRecv(far, 1)];
          const [datagrams] = yield* loop.createDatagramEndpoint(() => ({}), {
            localAddress: { host: '127.0.0.1', port: 0 },
          });
          const [reader, writer] = openRawPipe();
          const [readPipe] = yield* loop.connectReadPipe(() => ({}), reader);
          const [writePipe] = yield* loop.connectWritePipe(() => ({}), writer);
          const why = whyRunning();
          assert.deepEqual(why.descriptors, [
            `reader of descriptor ${near.fd}: onReadable`,
            `writer of descriptor ${near.fd}: (anonymous)`,
            `receive on descriptor ${far.fd}`,
            `receive on descriptor ${far.fd}`,
          ]);
          assert.match(formatWhyRunning(why), /^descriptors:\n {2}reader of descriptor \d+: onReadable\n/m);
          assert.match(why.transports[0] ?? '', /^datagram endpoint 127\.0\.0\.1:\d+$/);
          assert.deepEqual(why.transports.slice(1), [
            `read pipe of descriptor ${reader}`,
            `write pipe of descriptor ${writer}`,
          ]);
          loop.removeReader(near);
          loop.removeWriter(near);
          for (const future of received) future.cancel();
          assert.deepEqual(whyRunning().descriptors, []);
          for (const open of [near, far, datagrams, readPipe, writePipe]) open.close();
        },
        { driver: driversOffering('descriptors')[0] },
      ),
  );

  it('is nothing of a loop where nothing is pending', () => {
    const loop = newEventLoop();
    const { host: _, ...why } = whyRunning(loop);
    assert.deepEqual(why, {
      timers: [],
      servers: [],
      transports: [],
      descriptors: [],
      tasks: [],
      signals: [],
      queued: 0,
      pastLoop: [],
    });
    loop.callSoon(() => {});
    assert.equal(whyRunning(loop).queued, 1);
    loop.close();
  });

  it('is told as text, whatever is missing (B-TOOLS-003)', () => {
    assert.equal(formatWhyRunning({} as WhyRunning), 'nothing is pending');
    assert.equal(
      formatWhyRunning({ queued: 3, tasks: ['1 a\u001b'], host: { Timeout: 2 } } as unknown as WhyRunning),
      'tasks:\n  1 a\\x1b\ncallbacks queued: 3\nopen in the runtime:\n  2 × Timeout',
    );
  });

  it('needs a loop, and one of ours', () => {
    assert.throws(() => whyRunning(), StateError);
    assert.throws(() => whyRunning({} as EventLoop), { code: 'ERR_NOT_SUPPORTED' });
  });
});
