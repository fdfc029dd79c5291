/**
 * What people have complained of in tests with replaced clocks, each as a program that says how it should have been. Named by
 * project and number of the issue; the programs are our own. Nearly all come down to one thing: a clock that is moved by the test
 * moves while promises that are due have not been looked at, so that the program is late, or the test is. In a simulation time
 * moves only when nothing is left to do, and nobody moves it.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as after, setInterval as every, scheduler } from 'node:timers/promises';
import { sleep } from 'tulipa';
import { simulate } from 'tulipa/testing';

/** Runs it as its test would be written: with plain `await`, and nobody to move the clock. */
const simulated = <T>(program: () => Promise<T>): Promise<T> => simulate(() => program(), { globals: true });

/** Milliseconds since the program began. */
const elapsed = () => performance.now();

const delay = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

describe('awaiting timers', () => {
  it('jest #10880, #11389: an async function that waits by setTimeout can be awaited', async () => {
    const sum = async (a: number, b: number) => {
      await delay(2000);
      return a + b;
    };
    await simulated(async () => {
      assert.equal(await sum(1, 2), 3);
      assert.equal(elapsed(), 2000);
    });
  });

  it('sinon #738, fake-timers #194: so can a chain in which a reaction sets the timer', async () => {
    await simulated(async () => {
      const value = await Promise.resolve(1)
        .then((one) => delay(5).then(() => one + 1))
        .then((two) => delay(10).then(() => two + 1));
      assert.equal(value, 3);
      assert.equal(elapsed(), 15);
    });
  });

  it('jest #11876: retries with growing pauses come to their end, each at its time', async () => {
    const tries: number[] = [];
    const withRetries = async (attempt: () => Promise<boolean>, retries: number) => {
      for (let retry = 0; retry <= retries; retry++) {
        if (await attempt()) return true;
        await delay(100 * 2 ** retry);
      }
      return null;
    };
    await simulated(async () => {
      const failing = async () => {
        tries.push(elapsed());
        await Promise.resolve();
        return false;
      };
      assert.equal(await withRetries(failing, 3), null);
    });
    assert.deepEqual(tries, [0, 100, 300, 700]);
  });

  it('sinon #2256: a poll that sets its next timer after an answer goes on', async () => {
    const polls: number[] = [];
    await simulated(async () => {
      const fetchState = async () => await Promise.resolve('busy');
      const poll = async () => {
        polls.push(elapsed());
        if ((await fetchState()) === 'busy') setTimeout(poll, 1000);
      };
      setTimeout(poll, 1000);
      await delay(3500);
    });
    assert.deepEqual(polls, [1000, 2000, 3000]);
  });

  it('fake-timers #507: waiting for what never comes is an error, not a test that has passed', async () => {
    await assert.rejects(
      simulated(() => new Promise(() => {})),
      { code: 'ERR_DEADLOCK' },
    );
  });
});

describe('promises between timers', () => {
  it('jest #2157: however long a chain of promises is, it is done before anything else', async () => {
    await simulated(async () => {
      let links = 0;
      const chain = async () => {
        for (let i = 0; i < 1000; i++) {
          await null;
          links++;
        }
      };
      void chain();
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(links, 1000);
      void chain();
      await delay(0);
      assert.equal(links, 2000);
    });
  });

  it('jest #13435: a timer set after an await in a timer is due in time', async () => {
    let called = -1;
    await simulated(async () => {
      setTimeout(async () => {
        await Promise.resolve();
        setTimeout(() => {
          called = elapsed();
        }, 10);
      }, 10);
      await delay(20);
      // Due at the same time as this, and set after it.
      await delay(1);
    });
    assert.equal(called, 20);
  });

  it('jest #14549, fake-timers #483: what queueMicrotask was given runs before time moves', async () => {
    const times: number[] = [];
    await simulated(async () => {
      queueMicrotask(() => queueMicrotask(() => times.push(elapsed())));
      setTimeout(() => queueMicrotask(() => times.push(elapsed())), 1);
      await delay(2);
    });
    assert.deepEqual(times, [0, 1]);
  });

  it('deno std #7310: reactions see the clock of their timer, not the one where the test is going', async () => {
    const log: [string, number][] = [];
    const note = (what: string) => log.push([what, elapsed()]);
    await simulated(async () => {
      setTimeout(async () => {
        note('a');
        await Promise.resolve();
        note('a, after an await');
        setTimeout(() => note('set by a'), 10);
      }, 10);
      setTimeout(() => note('b, of the same time'), 10);
      queueMicrotask(() => setTimeout(() => note('set by a microtask'), 5));
      await delay(100);
    });
    assert.deepEqual(log, [
      ['set by a microtask', 5],
      ['a', 10],
      ['a, after an await', 10],
      ['b, of the same time', 10],
      ['set by a', 20],
    ]);
  });

  it('jest #7151: a promise that is settled comes before a timer, and that before the end of the test', async () => {
    const log: string[] = [];
    await simulated(async () => {
      setTimeout(() => log.push('timer'), 100);
      void Promise.resolve().then(() => log.push('promise'));
      await delay(100);
      log.push('end');
    });
    assert.deepEqual(log, ['promise', 'timer', 'end']);
  });

  it('jest #9719: a promise that a timer resolves by another one is settled when the timer is done', async () => {
    await simulated(async () => {
      let value = 0;
      const inner = Promise.resolve(5);
      void new Promise<number>((resolve) => setTimeout(() => resolve(inner), 100)).then((five) => {
        value = five;
      });
      await delay(100);
      assert.equal(value, 5);
      assert.equal(elapsed(), 100);
    });
  });

  it('jest #3000: ticks are looked at after every timer', async () => {
    const log: string[] = [];
    await simulated(async () => {
      setTimeout(() => {
        log.push('first timer');
        process.nextTick(() => log.push('tick of the first'));
      }, 1);
      setTimeout(() => log.push('second timer'), 1);
      process.nextTick(() => setTimeout(() => log.push('timer of a tick'), 1));
      await delay(2);
    });
    assert.deepEqual(log, ['first timer', 'tick of the first', 'second timer', 'timer of a tick']);
  });

  it('fake-timers #114: two async functions that wait meet in the order of their times', async () => {
    const log: string[] = [];
    const outputOthers = async () => {
      await delay(100);
      log.push('one');
      await delay(100);
      log.push('two');
      await delay(200);
      log.push('four');
    };
    const outputThree = async () => {
      await delay(300);
      log.push('three');
    };
    await simulated(async () => {
      await Promise.all([outputOthers(), outputThree()]);
      assert.equal(elapsed(), 400);
    });
    assert.deepEqual(log, ['one', 'two', 'three', 'four']);
  });

  it('rxjs #2633: what is made of promises can be seen in virtual time beside what is made of timers', async () => {
    type Subscribe<T> = (next: (value: T) => void) => void;
    const fromPromise =
      <T>(promise: Promise<T>): Subscribe<T> =>
      (next) =>
        void promise.then(next);
    const timer =
      (milliseconds: number): Subscribe<string> =>
      (next) =>
        void setTimeout(() => next('timer'), milliseconds);
    const delayed =
      <T>(source: Subscribe<T>, milliseconds: number): Subscribe<T> =>
      (next) =>
        source((value) => void setTimeout(() => next(value), milliseconds));
    const merge =
      <T>(...sources: Subscribe<T>[]): Subscribe<T> =>
      (next) =>
        sources.forEach((source) => {
          source(next);
        });
    const frames: [number, string][] = [];
    await simulated(async () => {
      const answer = fromPromise(Promise.resolve('promise'));
      merge(
        timer(20),
        answer,
        delayed(answer, 30),
        fromPromise(delay(10).then(() => 'later')),
      )((value) => {
        frames.push([elapsed(), value]);
      });
      await delay(50);
    });
    assert.deepEqual(frames, [
      [0, 'promise'],
      [10, 'later'],
      [20, 'timer'],
      [30, 'promise'],
    ]);
  });

  it('deno std #2349: clocks are the same before and after an await', async () => {
    await simulated(async () => {
      const before = [Date, setTimeout, performance.now, Math.random];
      const date = Date.now();
      await Promise.resolve();
      assert.deepEqual([Date, setTimeout, performance.now, Math.random], before);
      await delay(10);
      assert.deepEqual([Date, setTimeout, performance.now, Math.random], before);
      assert.equal(Date.now(), date + 10);
    });
  });

  it('vitest #7288: streams of the Web, which live on microtasks, are read to their end', async () => {
    await simulated(async () => {
      const slow = new ReadableStream({
        async pull(controller) {
          await delay(100);
          if (elapsed() < 300) controller.enqueue(new TextEncoder().encode('ab'));
          else controller.close();
        },
      });
      assert.equal(await new Response(slow).text(), 'abab');
      assert.equal(elapsed(), 300);
    });
  });
});

describe('all there is to wait by', () => {
  it('node #60509, vitest #3088, deno std #5499, fake-timers #521: AbortSignal.timeout', async () => {
    const deadline = <T>(promise: Promise<T>, milliseconds: number) => {
      const signal = AbortSignal.timeout(milliseconds);
      return new Promise<T>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        promise.then(resolve, reject);
      });
    };
    await simulated(async () => {
      await assert.rejects(deadline(delay(10_000), 100), { name: 'TimeoutError' });
      assert.equal(elapsed(), 100);
      assert.equal(await deadline(Promise.resolve(1), 100), 1);
    });
  });

  it('deno std #7177, fake-timers #418: node:timers/promises, also its scheduler', async () => {
    await simulated(async () => {
      await after(1000);
      assert.equal(elapsed(), 1000);
      await scheduler.wait(500);
      assert.equal(elapsed(), 1500);
      const controller = new AbortController();
      const first = after(50, 'first', { signal: controller.signal });
      const second = after(50, 'second');
      controller.abort();
      await assert.rejects(first, { name: 'AbortError' });
      // Aborting one leaves the other alone: node #50365.
      assert.equal(await second, 'second');
    });
  });

  it('node #50381, #50307: an interval keeps its length, and its value', async () => {
    await simulated(async () => {
      const times: number[] = [];
      const interval = setInterval(() => times.push(elapsed()), 1000);
      await delay(3999);
      clearInterval(interval);
      assert.deepEqual(times, [1000, 2000, 3000]);
      const values: [number, string][] = [];
      for await (const value of every(1000, 'x')) {
        values.push([elapsed(), value]);
        if (values.length === 3) break;
      }
      assert.deepEqual(values, [
        [4999, 'x'],
        [5999, 'x'],
        [6999, 'x'],
      ]);
    });
  });

  it('node #50382: an interval holds up no other timer', async () => {
    await simulated(async () => {
      const log: string[] = [];
      setInterval(() => log.push('interval'), 1000);
      setTimeout(() => log.push('timeout'), 1001);
      await delay(1001);
      await null;
      assert.deepEqual(log, ['interval', 'timeout']);
    });
  });

  it('fake-timers #335: Temporal', async (t) => {
    const { Temporal } = globalThis as { Temporal?: { Now: { instant(): { epochMilliseconds: number } } } };
    if (Temporal === undefined) return t.skip('this runtime has none');
    await simulated(async () => {
      await delay(86_400_000);
      assert.equal(Temporal.Now.instant().epochMilliseconds, Date.now());
    });
  });

  it('timers of all kinds and the loop’s own are on one clock', async () => {
    const log: string[] = [];
    await simulated(async () => {
      const waits: [string, Promise<unknown>][] = [
        ['sleep', Promise.resolve(sleep(3))],
        ['setTimeout', delay(1)],
        ['timers/promises', after(2)],
        ['AbortSignal', new Promise((resolve) => AbortSignal.timeout(4).addEventListener('abort', resolve))],
      ];
      await Promise.all(waits.map(([name, wait]) => wait.then(() => log.push(name))));
    });
    assert.deepEqual(log, ['setTimeout', 'timers/promises', 'sleep', 'AbortSignal']);
  });
});
