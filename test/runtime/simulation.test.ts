import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { Future, sleep, timeout } from '../../src/coroutines/index.ts';
import { taskTree } from '../../src/debug/index.ts';
import {
  type Executor,
  type ExecutorJob,
  NotSupportedError,
  StateError,
  TimeoutError,
} from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { newEventLoop, Runner, run, setTaskDrawer } from '../../src/runtime/index.ts';

const simulation = { driver: 'simulation' } as const;
const year = 365 * 24 * 3_600_000;

function isDeadlock(error: unknown): error is StateError {
  return error instanceof StateError && error.code === 'ERR_DEADLOCK';
}

/** Runs the callback in the calling thread, at once. */
class InlineExecutor implements Executor {
  readonly needsHost = false;

  submit<Args extends unknown[], Result>(
    callback: (...args: Args) => Result,
    ...args: Args
  ): ExecutorJob<Awaited<Result>> {
    const result = Promise.resolve(callback(...args));
    return Object.assign(result, { cancel: () => false });
  }

  shutdown(): PromiseLike<void> {
    return Promise.resolve();
  }
}

describe('a run on the simulation driver', () => {
  const variables = ['TULIPA_LOOP', 'TULIPA_RUNNER', 'TULIPA_SEED'] as const;
  const before = variables.map((name) => [name, process.env[name]] as const);
  afterEach(() => {
    setTaskDrawer(null);
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  it('takes no time but its own', async () => {
    const begun = performance.now();
    const generator = function* () {
      yield* sleep(year);
      return getRunningLoop().time();
    };
    const asyncFunction = async () => {
      await sleep(year);
      return getRunningLoop().time();
    };
    assert.equal(await run(generator, simulation), year);
    assert.equal(await run(asyncFunction, simulation), year);
    assert.ok(performance.now() - begun < 10_000);
  });

  it('is one where the environment says so, and blocks whatever that says of the runner', async () => {
    process.env['TULIPA_LOOP'] = 'simulation';
    process.env['TULIPA_RUNNER'] = 'guest';
    for (const seed of ['', '12', 'a1b2', '-1', '1e300']) {
      process.env['TULIPA_SEED'] = seed;
      assert.equal(await run(async () => getRunningLoop().driverName), 'simulation');
    }
  });

  it('is no guest, since nothing of the host’s is part of it', async () => {
    const runner = new Runner({ ...simulation, runner: 'guest' });
    await assert.rejects(
      runner.run(sleep(1)),
      (error) =>
        error instanceof NotSupportedError && error.feature === 'guest' && error.driver === 'simulation',
    );
    await runner.close();
    assert.equal(await run(sleep(1, 'blocking'), { ...simulation, runner: 'blocking' }), 'blocking');
  });

  it('runs one main after the other on one loop, whose time goes on', async () => {
    const runner = new Runner(simulation);
    await runner.run(sleep(1_000));
    assert.equal(await runner.run(async () => getRunningLoop().time()), 1_000);
    await runner.close();
  });

  it('fails when nothing can wake main, with the tasks and what they wait for (B-LOOP-022)', async () => {
    setTaskDrawer((loop) => taskTree(loop).toString());
    const stuck = new Map<string, () => unknown>([
      [
        'generator',
        function* generator() {
          yield* new Future();
        },
      ],
      [
        'function',
        async () => {
          await new Future();
        },
      ],
      ['promise', () => new Promise(() => {})],
      ['timer of the host', () => new Promise((resolve) => setTimeout(resolve, 1).unref())],
    ]);
    for (const [name, wait] of stuck) {
      const main = async () => {
        await getRunningLoop().createTask(wait as () => Promise<unknown>, { name });
      };
      await assert.rejects(run(main, { ...simulation, shutdownPatience: null }), (error) => {
        assert.ok(isDeadlock(error), String(error));
        assert.match(error.message, new RegExp(`nothing is left.*\n.*Task-\\d+(?:.*\n)*.*${name}`));
        return true;
      });
    }
  });

  it('lets main clean up, for as long as that takes, when nothing can wake it', async () => {
    let ended = 0;
    const main = function* () {
      try {
        yield* new Future();
      } finally {
        yield* sleep(60_000);
        ended = getRunningLoop().time();
      }
    };
    await assert.rejects(run(main, simulation), isDeadlock);
    assert.equal(ended, 60_000);
  });

  it('gives up what does not end by being cancelled either', async () => {
    const main = async () => {
      await new Promise(() => {});
    };
    await assert.rejects(run(main, { ...simulation, shutdownPatience: null }), isDeadlock);
    const stubborn = function* () {
      for (;;) {
        try {
          yield* new Future();
        } catch {
          // not even so
        }
      }
    };
    const loop = newEventLoop(simulation);
    const reports: unknown[] = [];
    loop.setExceptionHandler((_loop, { message }) => void reports.push(message));
    await assert.rejects(run(stubborn, { loopFactory: () => loop, shutdownPatience: null }), (error) =>
      isDeadlock(error),
    );
    assert.deepEqual(reports, []);
  });

  it('is not stuck while a timer is pending', async () => {
    const main = async () => {
      await timeout(year, async () => {
        await new Future();
      });
    };
    await assert.rejects(run(main, simulation), TimeoutError);
  });

  it('is stuck though timers are pending that keep nothing alive, which run as long as it is not', async () => {
    let ticks = 0;
    const main = function* () {
      getRunningLoop()
        .callRepeatedly(1_000, () => void ticks++)
        .unref();
      yield* sleep(10_500);
      yield* new Future();
    };
    await assert.rejects(run(main, simulation), isDeadlock);
    assert.equal(ticks, 10);
  });

  it('ends at a deadlock that nobody watches for with an error of the wait', () => {
    return new Promise<void>((resolve, reject) => {
      setImmediate(() => {
        try {
          const loop = newEventLoop(simulation);
          assert.throws(() => loop.runUntilComplete(new Future({ loop })), isDeadlock);
          assert.throws(() => loop.runForever(), isDeadlock);
          assert.equal(
            loop.runUntilComplete((async () => {
              await sleep(0);
              return 'after it';
            }) as never),
            'after it',
          );
          loop.close();
          resolve();
        } catch (error) {
          reject(error);
        }
      });
    });
  });

  it('uses no executor but one that says that it needs nothing else', async () => {
    await run(async () => {
      const loop = getRunningLoop();
      const refused = (error: unknown) => error instanceof NotSupportedError && error.feature === 'executors';
      assert.throws(() => loop.runInExecutor(null, () => 1), refused);
      const somewhere: Executor = { submit: () => assert.fail(), shutdown: () => Promise.resolve() };
      assert.throws(() => loop.runInExecutor(somewhere, () => 1), refused);
      loop.setDefaultExecutor(somewhere);
      assert.throws(() => loop.runInExecutor(null, () => 1), refused);
      assert.equal(await loop.runInExecutor(new InlineExecutor(), (a: number, b: number) => a + b, 1, 2), 3);
      loop.setDefaultExecutor(new InlineExecutor());
      assert.equal(await loop.runInExecutor(null, () => 'inline'), 'inline');
    }, simulation);
  });

  it('is a world of its own for each loop', async () => {
    const loop = newEventLoop(simulation);
    await run(sleep(500), simulation);
    assert.equal(loop.time(), 0);
    loop.close();
  });
});
