import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import timers, { setTimeout as imported } from 'node:timers';
import timersPromises, { setTimeout as after, setInterval as every, scheduler } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type EventLoop, getRunningLoop, newEventLoop, run, StateError, sleep } from 'tulipa';
import { installTimers } from 'tulipa/adapters/node';
import { simulate } from 'tulipa/testing';
import { inSimulation } from '../../testing/in-simulation.ts';

/** Runs it on a loop in virtual time, with the timers on that. */
async function onLoop<T>(main: (loop: EventLoop, remove: () => void) => Promise<T>): Promise<T> {
  let remove = () => {};
  return await inSimulation(
    () => async () => {
      const loop = getRunningLoop();
      remove = installTimers(loop);
      return await main(loop, remove);
    },
    () => () => remove(),
  );
}

const places: readonly [object, string][] = [
  ...[globalThis, timers].flatMap((target) =>
    ['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate'].map(
      (name): [object, string] => [target, name],
    ),
  ),
  ...['setTimeout', 'setInterval', 'setImmediate'].map((name): [object, string] => [timersPromises, name]),
  [AbortSignal, 'timeout'],
];
const clocks: readonly [object, string][] = [
  [globalThis, 'Date'],
  [performance, 'now'],
  [process, 'hrtime'],
  [Math, 'random'],
];
const valuesOf = (all: readonly [object, string][]): unknown[] =>
  all.map(([target, name]) => Reflect.get(target, name));

describe('installTimers', () => {
  it('has all of Node’s timers wait on the loop, in its order', async () => {
    await onLoop(async (loop) => {
      const start = loop.time();
      const seen: [string, number][] = [];
      const note = (name: string) => () => void seen.push([name, loop.time() - start]);
      setTimeout(note('timeout'), 3_000);
      imported(note('imported'), 2_000);
      timers.setImmediate(note('immediate'));
      loop.callLater(2_500, note('the loop’s own'));
      clearTimeout(setTimeout(note('cleared'), 100));
      const interval = setInterval(note('interval'), 1_200);
      await once(AbortSignal.timeout(2_600), 'abort');
      clearInterval(interval);
      note('aborted')();
      await after(900);
      assert.deepEqual(seen, [
        ['immediate', 0],
        ['interval', 1_200],
        ['imported', 2_000],
        ['interval', 2_400],
        ['the loop’s own', 2_500],
        ['aborted', 2_600],
        ['timeout', 3_000],
      ]);
      await promisify(setTimeout)(500);
      await scheduler.wait(1_000);
      for await (const _ of every(1_000)) break;
      assert.equal(loop.time() - start, 6_000);
    });
  });

  it('leaves clocks and chance alone', async () => {
    const before = valuesOf(clocks);
    await onLoop(async () => assert.deepEqual(valuesOf(clocks), before));
  });

  it('has clocks show the loop’s time, from now on, where that is asked for', async () => {
    let remove = () => {};
    await inSimulation(
      () => async () => {
        const real = Date.now();
        remove = installTimers(getRunningLoop(), { clocks: true });
        const start = [Date.now(), performance.now(), process.hrtime.bigint()] as const;
        assert.ok(start[0] - real < 60_000);
        await after(3_600_000);
        assert.equal(Date.now() - start[0], 3_600_000);
        assert.equal(new Date().toISOString(), new Date(start[0] + 3_600_000).toISOString());
        assert.equal(performance.now() - start[1], 3_600_000);
        assert.equal(process.hrtime.bigint() - start[2], 3_600_000_000_000n);
      },
      () => () => remove(),
    );
    assert.ok(Date.now() < Date.UTC(2200, 0));
  });

  it('puts all back as it was, and may be told so twice', async () => {
    const before = valuesOf([...places, ...clocks]);
    await onLoop(async (_loop, remove) => {
      const replaced = valuesOf(places);
      for (const [index, [, name]] of places.entries()) assert.notEqual(replaced[index], before[index], name);
      remove();
      assert.deepEqual(valuesOf([...places, ...clocks]), before);
      remove();
      assert.deepEqual(valuesOf([...places, ...clocks]), before);
    });
  });

  it('has timers that are pending when it is removed fire on the loop all the same', async () => {
    await onLoop(async (loop, remove) => {
      const start = loop.time();
      const fired: number[] = [];
      const timeout = setTimeout(() => fired.push(loop.time() - start), 1_000);
      const cleared = setTimeout(() => assert.fail('it was cleared'), 1_000);
      const waiting = after(2_000);
      remove();
      cleared.close();
      await waiting;
      assert.deepEqual([fired, loop.time() - start], [[1_000], 2_000]);
      assert.equal(timeout.refresh(), timeout);
      await sleep(1_000);
      assert.deepEqual(fired, [1_000, 3_000]);
    });
  });

  it('refuses to be installed twice, or in a simulation whose globals are replaced; then, each can be', async () => {
    const isRefused = (error: unknown) =>
      error instanceof StateError && error.code === 'ERR_GLOBALS_REPLACED';
    await onLoop(async (loop, remove) => {
      assert.throws(() => installTimers(loop), isRefused);
      await after(1);
      remove();
      installTimers(loop)();
    });
    await simulate(
      async () => {
        assert.throws(() => installTimers(getRunningLoop()), isRefused);
        await after(1_000);
      },
      { globals: true },
    );
  });

  it('is not undone by what removes an earlier one', async () => {
    await onLoop(async (loop, removeFirst) => {
      removeFirst();
      const removeSecond = installTimers(loop);
      const replaced = setTimeout;
      removeFirst();
      assert.equal(setTimeout, replaced);
      removeSecond();
      assert.notEqual(setTimeout, replaced);
    });
  });

  it('tells the loop’s exception handler what callbacks throw', async () => {
    await onLoop(async (loop) => {
      const told: unknown[] = [];
      loop.setExceptionHandler((_loop, { exception }) => void told.push((exception as Error).message));
      setTimeout(() => {
        throw new Error('thrown');
      }, 10);
      await after(20);
      assert.deepEqual(told, ['thrown']);
    });
  });

  it('refuses timers when the loop is closed, and what is no loop', () => {
    const loop = newEventLoop({ driver: 'simulation' });
    const remove = installTimers(loop);
    loop.close();
    try {
      assert.throws(() => setTimeout(() => {}, 1), StateError);
    } finally {
      remove();
    }
    assert.throws(() => installTimers({} as EventLoop), TypeError);
  });

  it('works on a loop that has its own timers of Node', async () => {
    await run(
      async () => {
        const loop = getRunningLoop();
        const remove = installTimers(loop);
        try {
          const seen: string[] = [];
          await new Promise<void>((resolve) => {
            setTimeout(() => {
              seen.push(getRunningLoop() === loop ? 'on the loop' : 'elsewhere');
              setImmediate(resolve);
            }, 1);
          });
          await after(1);
          assert.deepEqual(seen, ['on the loop']);
        } finally {
          remove();
        }
      },
      { driver: 'node' },
    );
  });
});
