import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setCoroutineObserver } from '../../src/coroutines/index.ts';
import { observer } from '../../src/coroutines/observer.ts';
import {
  type Coroutine,
  coroutine,
  createTask,
  Future,
  getRunningLoop,
  Runner,
  run,
  type Server,
  StateError,
  type Suspension,
  sleep,
  socketPair,
  type Task,
  type Transport,
  taskGroup,
} from '../../src/index.ts';
import { driversOffering, EventLoop } from '../../src/runtime/index.ts';
import { openRawPipe } from '../contract/raw-pipes.ts';
import { collectGarbage } from '../support/collect-garbage.ts';
import { collectWarnings } from './warnings.ts';

const work = coroutine(function* work(): Generator<Suspension, string, unknown> {
  yield;
  return 'done';
});

const here = /debug-mode\.test\.[jt]s:\d+/;

describe('a coroutine that is never awaited', () => {
  it('is warned of at the end of the run, with where it was made', async (test) => {
    const warnings = collectWarnings(test);
    let kept: Coroutine<string> | null = null;
    await run(
      function* main() {
        kept = work();
        yield;
      },
      { debug: true },
    );
    assert.equal(warnings.length, 1);
    assert.match(
      warnings[0] ?? '',
      /^UnawaitedCoroutineWarning: Coroutine work was never awaited: .*\nmade at:\n {4}at /,
    );
    assert.match(warnings[0] ?? '', here);
    assert.match(warnings[0] ?? '', /generator main/);
    assert.ok(kept);
  });

  it('is warned of when it is collected, while the loop runs', async (test) => {
    const warnings = collectWarnings(test);
    await run(
      async () => {
        for (let times = 0; times < 3; times++) forget();
        while (warnings.length < 3) await collectGarbage();
        assert.match(warnings[0] ?? '', /Coroutine work was never awaited/);
      },
      { debug: true },
    );
    assert.equal(warnings.length, 3);
  });

  it('is one of the library’s too: sleep without yield*', async (test) => {
    const warnings = collectWarnings(test);
    await run(
      function* () {
        sleep(5);
        yield;
      },
      { debug: true },
    );
    assert.match(warnings.join(), /^UnawaitedCoroutineWarning: Coroutine sleep was never awaited/);
  });

  it('is not one that was run, in whatever way, or closed (B-TG-017, B-LOOP-019)', async (test) => {
    const warnings = collectWarnings(test);
    const runner = new Runner({ debug: true });
    const made = await runner.run(async () => {
      await work();
      await createTask(work());
      await createTask(() => work());
      await createTask(function* () {
        return yield* work();
      });
      work().close();
      await taskGroup(async (group) => {
        group.createTask(work());
        group.cancel();
        assert.throws(() => group.createTask(work()), StateError);
      });
      return { later: work() };
    });
    assert.equal(await runner.run(made.later), 'done');
    const loop = runner.getLoop();
    await runner.close();
    assert.throws(() => loop.createTask(work()), StateError);
    assert.deepEqual(warnings, []);
  });

  it('is nobody’s concern outside debug mode', async (test) => {
    const warnings = collectWarnings(test);
    await run(
      function* () {
        work();
        yield;
      },
      { debug: false },
    );
    assert.deepEqual(warnings, []);
  });

  /** In a function of its own, so that nothing on the stack refers to it any more. */
  function forget(): void {
    work();
  }
});

describe('debug mode', () => {
  it('tracks coroutines while a loop runs in it, and not before or after (B-P492-003)', async () => {
    const seen: boolean[] = [observer !== null];
    const runner = new Runner({ debug: true });
    await runner.run(async () => {
      seen.push(observer !== null);
    });
    seen.push(observer !== null);
    await runner.run(function* () {
      yield;
      seen.push(observer !== null);
    });
    await runner.close();
    seen.push(observer !== null);
    assert.deepEqual(seen, [false, true, false, true, false]);
  });

  it('can be switched while the loop runs (B-LOOP-023)', async (test) => {
    const warnings = collectWarnings(test);
    await run(
      function* () {
        const loop = getRunningLoop();
        work();
        loop.setDebug(true);
        const noticed = work();
        loop.setDebug(false);
        work();
        loop.setDebug(true);
        yield;
        assert.ok(noticed);
      },
      { debug: false },
    );
    assert.equal(warnings.length, 1);
  });

  it('leaves other observers alone', async () => {
    assert.equal(observer, null);
    await run(function* () {}, { debug: true });
    assert.equal(observer, null);
    setCoroutineObserver(null);
  });
});

describe('a callback that holds up the loop', () => {
  /** Holds it up for longer than the limit, by the loop's own clock. */
  function holdUp(): void {
    const loop = getRunningLoop();
    const end = loop.time() + 3;
    while (loop.time() < end);
  }

  function limitOf(loop: unknown): void {
    assert.ok(loop instanceof EventLoop);
    loop.slowCallbackDuration = 2;
  }

  it('is warned of in debug mode, by the name of the task or function, with how long it took (B-LOOP-022)', async (test) => {
    const warnings = collectWarnings(test);
    await run(
      function* () {
        limitOf(getRunningLoop());
        const task = createTask(
          function* slowStep() {
            yield;
            holdUp();
          },
          { name: 'culprit' },
        );
        yield* task;
        const called = new Future<void>();
        getRunningLoop().callSoon(function slowCallback() {
          holdUp();
          called.setResult();
        });
        yield* called;
        yield* createTask(
          async () => {
            await sleep(0);
            holdUp();
          },
          { name: 'async culprit' },
        );
      },
      { debug: true },
    );
    // Other turns of a busy machine may be slow as well.
    const all = warnings.join('\n');
    assert.match(all, /^SlowCallbackWarning: task \d+ culprit \(slowStep\) took \d+\.\d ms /m);
    assert.match(all, /^SlowCallbackWarning: callback slowCallback took/m);
    assert.match(all, /^SlowCallbackWarning: task \d+ async culprit \(.*\) took/m);
  });

  it('is told as an I/O callback, with its descriptor, if it is one', {
    skip: driversOffering('descriptors').length === 0 ? 'no driver here watches descriptors' : false,
  }, async (test) => {
    const warnings = collectWarnings(test);
    const [near, far] = socketPair();
    const { fd } = near;
    await run(
      function* () {
        const loop = getRunningLoop();
        limitOf(loop);
        const called = new Future<void>();
        loop.addWriter(near, () => {
          holdUp();
          loop.removeWriter(near);
          called.setResult();
        });
        yield* called;
      },
      { debug: true, driver: driversOffering('descriptors')[0] },
    );
    near.close();
    far.close();
    assert.match(
      warnings.join('\n'),
      new RegExp(`^SlowCallbackWarning: I/O callback descriptor ${fd} took \\d+\\.\\d ms `, 'm'),
    );
  });

  it('is told by the place where it stands, if it is a function without a name', async (test) => {
    const warnings = collectWarnings(test);
    await run(
      function* main() {
        limitOf(getRunningLoop());
        const culprits = [
          function* () {
            holdUp();
            yield;
          },
          async () => {
            await sleep(0);
            holdUp();
          },
          coroutine(function* () {
            holdUp();
            yield;
          })(),
        ];
        for (const [index, culprit] of culprits.entries()) {
          yield* createTask<void>(culprit, { name: `culprit ${index}` });
        }
      },
      { debug: true },
    );
    for (const index of [0, 1, 2]) {
      const place = new RegExp(`: task \\d+ culprit ${index} \\(debug-mode\\.test\\.[jt]s:(\\d+)\\) took`);
      assert.match(warnings.join('\n'), place);
    }
  });

  it('is told by the method of the protocol, if that is what took so long', async (test) => {
    const warnings = collectWarnings(test);
    class SlowProtocol {
      readonly lost = new Future<void>();
      connectionMade(transport: Transport): void {
        transport.write(new Uint8Array(1));
        holdUp();
      }
      dataReceived(): void {
        holdUp();
      }
      eofReceived(): void {
        holdUp();
      }
      connectionLost(): void {
        holdUp();
        this.lost.setResult();
      }
    }
    await run(
      function* () {
        const loop = getRunningLoop();
        limitOf(loop);
        const server = yield* loop.createServer(() => new SlowProtocol(), { host: '127.0.0.1' });
        const address = server.sockets[0] as { host: string; port: number };
        const [transport, protocol] = yield* loop.createConnection(() => new SlowProtocol(), address);
        while (warnings.filter((text) => text.includes('dataReceived')).length < 2) yield* sleep(0);
        transport.close();
        yield* protocol.lost;
        server.close();
        yield* server.waitClosed();
      },
      { debug: true },
    );
    for (const method of ['connectionMade', 'dataReceived', 'eofReceived', 'connectionLost']) {
      const where = 'transport 127\\.0\\.0\\.1:\\d+ → 127\\.0\\.0\\.1:\\d+';
      assert.match(warnings.join('\n'), new RegExp(`: SlowProtocol\\.${method} on ${where} took `));
    }
    assert.doesNotMatch(warnings.join('\n'), /<Object>|#/);
  });

  it('is nobody’s concern outside debug mode (B-LOOP-022)', async (test) => {
    const warnings = collectWarnings(test);
    await run(
      function* () {
        limitOf(getRunningLoop());
        getRunningLoop().callSoon(holdUp);
        yield;
        yield;
      },
      { debug: false },
    );
    assert.deepEqual(warnings, []);
  });
});

describe('what is left open at the end of a run', () => {
  async function leaveOpen(debug: boolean, close: boolean): Promise<void> {
    await run(
      function* main() {
        const loop = getRunningLoop();
        const server: Server = yield* loop.createServer(() => ({}), { host: '127.0.0.1' });
        const address = server.sockets[0] as { host: string; port: number };
        const [transport] = (yield* loop.createConnection(() => ({}), address)) as [Transport, unknown];
        if (!close) return;
        server.closeClients();
        server.close();
        transport.close();
        yield* server.waitClosed();
      },
      { debug },
    );
  }

  it('is warned of in debug mode, with where it was opened', async (test) => {
    const warnings = collectWarnings(test);
    await leaveOpen(true, false);
    const unclosed = warnings.filter((warning) => warning.startsWith('UnclosedResourceWarning: '));
    assert.deepEqual(unclosed.map((warning) => /The (\w+) /.exec(warning)?.[1]).sort(), [
      'server',
      ...new Array(unclosed.length - 1).fill('transport'),
    ]);
    assert.ok(unclosed.length >= 2);
    const server = unclosed.find((warning) => warning.includes('The server on 127.0.0.1:'));
    assert.match(server ?? '', /was left open\nopened at:\n {4}at generator main /);
    assert.match(server ?? '', here);
    const client = unclosed.find((warning) => /transport .*generator main /s.test(warning));
    assert.match(client ?? '', /The transport 127\.0\.0\.1:\d+ → 127\.0\.0\.1:\d+ was left open\nopened at:/);
  });

  it('is named for what it is, if it is a pipe or an endpoint of datagrams', {
    skip: driversOffering('pipes').length === 0 ? 'no driver here has pipes' : false,
  }, async (test) => {
    const warnings = collectWarnings(test);
    const [reader, writer] = openRawPipe();
    await run(
      function* () {
        const loop = getRunningLoop();
        yield* loop.connectReadPipe(() => ({}), reader);
        yield* loop.connectWritePipe(() => ({}), writer);
        yield* loop.createDatagramEndpoint(() => ({}), { localAddress: { host: '127.0.0.1', port: 0 } });
      },
      { debug: true, driver: driversOffering('pipes')[0] },
    );
    assert.match(warnings[0] ?? '', new RegExp(`The read pipe of descriptor ${reader} was left open`));
    assert.match(warnings[1] ?? '', new RegExp(`The write pipe of descriptor ${writer} was left open`));
    assert.match(warnings[2] ?? '', /The datagram endpoint 127\.0\.0\.1:\d+ was left open/);
  });

  it('is no news where everything was closed, or outside debug mode (B-TLS-016)', async (test) => {
    const warnings = collectWarnings(test);
    await leaveOpen(true, true);
    await leaveOpen(false, false);
    assert.deepEqual(warnings, []);
  });
});

describe('a task', () => {
  it('waits since it began to', () =>
    run(function* () {
      const loop = getRunningLoop();
      const gate = new Future<void>();
      const task = createTask(function* () {
        yield* gate;
        yield* new Future<void>();
      }) as Task<void> & { waitingSince: number };
      yield;
      yield;
      const since = task.waitingSince;
      assert.ok(since <= loop.time());
      yield* sleep(5);
      assert.equal(task.waitingSince, since);
      gate.setResult();
      yield;
      yield;
      assert.ok(task.waitingSince >= since + 5);
    }));
});
