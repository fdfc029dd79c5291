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
  type Transport,
} from '../../src/index.ts';

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

  it('is nothing of a loop where nothing is pending', () => {
    const loop = newEventLoop();
    const { host: _, ...why } = whyRunning(loop);
    assert.deepEqual(why, { timers: [], servers: [], transports: [], tasks: [], signals: [], queued: 0 });
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
