import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, it } from 'node:test';
import FakeTimers from '@sinonjs/fake-timers';
import { Effect } from 'effect';
import { TestClock } from 'effect/testing';
import { map, timer, VirtualTimeScheduler } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import {
  gather,
  getRunningLoop,
  openConnection,
  run,
  type Suspension,
  sleep,
  startServer,
  TimeoutError,
  timeout,
} from 'tulipa';
import { timeSource } from 'tulipa/adapters/effect';
import { hostedLoop, type TimeSource } from 'tulipa/adapters/hosted';
import { futureFrom, timeSourceOf } from 'tulipa/adapters/rxjs';

/** Somebody's scheduler, and what drives it. */
interface Host {
  source: TimeSource;
  /** Until nothing is left. */
  drive(): Promise<void>;
}

/** A new macrotask: promise reactions can be run from there. */
const macrotask = <T>(callback: () => T) =>
  new Promise<T>((resolve, reject) => {
    setImmediate(() => {
      try {
        resolve(callback());
      } catch (error) {
        reject(error);
      }
    });
  });

const hosts: Record<string, () => Promise<Host>> = {
  async 'VirtualTimeScheduler of RxJS'() {
    const scheduler = new VirtualTimeScheduler();
    return { source: timeSourceOf(scheduler), drive: () => macrotask(() => scheduler.flush()) };
  },
  async 'TestScheduler of RxJS'() {
    const scheduler = new TestScheduler(assert.deepEqual);
    scheduler.maxFrames = Infinity;
    return { source: timeSourceOf(scheduler), drive: () => macrotask(() => scheduler.flush()) };
  },
  async 'fake-timers'() {
    const clock = FakeTimers.createClock(0);
    return {
      source: {
        now: () => clock.now,
        later(delay, callback) {
          const id = clock.setTimeout(callback, delay);
          return () => clock.clearTimeout(id);
        },
      },
      drive: () => macrotask(() => void clock.runAll()),
    };
  },
  async 'TestClock of Effect'() {
    const clock = await Effect.runPromise(Effect.scoped(TestClock.make()));
    const source = await Effect.runPromise(
      Effect.provideService(timeSource, (await import('effect')).Clock.Clock, clock),
    );
    return {
      source,
      async drive() {
        for (let step = 0; step < 200; step++) {
          await Effect.runPromise(clock.adjust('100 millis'));
          await macrotask(() => {});
        }
      },
    };
  },
};

/** Runs `main` in the host's time to the end. */
async function runIn<T>(
  { source, drive }: Host,
  main: () => Generator<Suspension, T, unknown> | PromiseLike<T>,
): Promise<T> {
  const done = run(main as () => PromiseLike<T>, { loopFactory: () => hostedLoop(source) });
  // It may fail before anybody waits for it.
  done.catch(() => {});
  await drive();
  return await done;
}

for (const [name, makeHost] of Object.entries(hosts)) {
  describe(`a loop hosted by the ${name}`, () => {
    it('sleeps in its time', async () => {
      const host = await makeHost();
      const begun = performance.now();
      const from = host.source.now();
      const took = await runIn(host, function* () {
        const loop = getRunningLoop();
        const start = loop.time();
        yield* gather([sleep(3_000), sleep(10_000), sleep(7_000)]);
        return loop.time() - start;
      });
      assert.ok(took >= 10_000 && took < 10_300, `${took}`);
      assert.ok(host.source.now() - from >= 10_000);
      assert.ok(performance.now() - begun < 5_000);
    });

    it('carries async functions, time-outs and connections', async () => {
      const host = await makeHost();
      const text = await runIn(host, async () => {
        const server = await startServer(
          async (reader, writer) => {
            const line = await reader.readLine();
            await sleep(500);
            await writer.write(line);
            writer.close();
          },
          { host: 'localhost', port: 0 },
        );
        const port = (server.sockets[0] as { port: number }).port;
        const { reader, writer } = await openConnection({ host: 'localhost', port });
        await writer.write('hello\n');
        await assert.rejects(
          async () => await timeout(100, async () => await reader.readLine()),
          TimeoutError,
        );
        const line = new TextDecoder().decode(await reader.readLine());
        writer.close();
        server.close();
        await server.waitClosed();
        return line;
      });
      assert.equal(text, 'hello\n');
    });

    it('ends with errors, and cancels what is left over', async () => {
      const wrong = new Error('wrong');
      let cleaned = false;
      await assert.rejects(
        runIn(await makeHost(), function* () {
          getRunningLoop().createTask(function* () {
            try {
              yield* sleep(1_000_000);
            } finally {
              yield* sleep(1);
              cleaned = true;
            }
          });
          yield* sleep(5);
          throw wrong;
        }),
        wrong,
      );
      assert.equal(cleaned, true);
    });

    it('keeps the stores of AsyncLocalStorage', async () => {
      const storage = new AsyncLocalStorage<string>();
      const host = await makeHost();
      const seen = await storage.run('ours', () =>
        runIn(host, async () => {
          await sleep(5);
          const called = getRunningLoop().createFuture<string | undefined>();
          getRunningLoop().callLater(5, () => called.setResult(storage.getStore()));
          return [storage.getStore(), await called];
        }),
      );
      assert.deepEqual(seen, ['ours', 'ours']);
    });
  });
}

describe('programs of the host and of ours', () => {
  it('meet in one time: what a virtual scheduler emits, a task waits for', async () => {
    const scheduler = new VirtualTimeScheduler();
    const host: Host = { source: timeSourceOf(scheduler), drive: () => macrotask(() => scheduler.flush()) };
    const seen = await runIn(host, function* () {
      const loop = getRunningLoop();
      const first = futureFrom(timer(30, scheduler).pipe(map(() => loop.time())));
      yield* sleep(20);
      return [loop.time(), yield* first];
    });
    assert.deepEqual(seen, [20, 30]);
  });
});
