import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import type { EventLoop, TimerHandle } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { RateLimiter } from '../../src/sync/index.ts';
import { settle, test, testBoth } from './in-loop.ts';

/** Puts a clock into the running loop that only the test moves. */
class TestClock {
  now = 1000;
  timers: { when: number; callback: () => void }[] = [];

  constructor() {
    const loop = getRunningLoop();
    loop.time = () => this.now;
    loop.callAt = ((when: number, callback: () => void) => {
      const timer = { when, callback };
      this.timers.push(timer);
      return { cancel: () => this.#drop(timer) } as TimerHandle;
    }) as EventLoop['callAt'];
  }

  /** Time passes, and whatever becomes due meanwhile happens when it is due. */
  *pass(duration: number) {
    const end = this.now + duration;
    for (;;) {
      yield* settle();
      const next = this.timers.reduce((a, b) => (b.when < a.when ? b : a), { when: Infinity, callback() {} });
      if (next.when > end) break;
      this.#drop(next);
      this.now = Math.max(this.now, next.when);
      next.callback();
    }
    this.now = end;
  }

  #drop(timer: { when: number }): void {
    this.timers = this.timers.filter((other) => other !== timer);
  }
}

describe('RateLimiter', () => {
  test('lets a burst through at once, then so many in an interval', function* () {
    const clock = new TestClock();
    const limiter = new RateLimiter({ limit: 3, interval: 300 });
    const times: number[] = [];
    const acquired = Array.from({ length: 8 }, () => limiter.acquire());
    for (const future of acquired) future.addDoneCallback(() => times.push(clock.now - 1000));
    yield* clock.pass(10_000);
    assert.deepEqual(times, [0, 0, 0, 100, 200, 300, 400, 500]);
    assert.deepEqual(clock.timers, []);
  });

  test('saves up no more than the burst, however long nothing is asked', function* () {
    const clock = new TestClock();
    const limiter = new RateLimiter({ limit: 1, interval: 10, burst: 2 });
    yield* clock.pass(1_000_000);
    const acquired = Array.from({ length: 4 }, () => limiter.acquire());
    assert.deepEqual(
      acquired.map((future) => future.done()),
      [true, true, false, false],
    );
    yield* clock.pass(9.99);
    assert.equal(acquired[2]?.done(), false);
    yield* clock.pass(0.01);
    assert.equal(acquired[2]?.done(), true);
    yield* clock.pass(10);
    assert.equal(acquired[3]?.done(), true);
  });

  testBoth('lets nobody overtake one who waits for many tokens', function* (spawn) {
    const clock = new TestClock();
    const limiter = new RateLimiter({ limit: 10, interval: 1000, burst: 5 });
    yield* limiter.acquire(4);
    const order: string[] = [];
    spawn(() => limiter.acquire(5)).addDoneCallback(() => order.push(`many at ${clock.now - 1000}`));
    yield* settle();
    spawn(() => limiter.acquire()).addDoneCallback(() => order.push(`one at ${clock.now - 1000}`));
    yield* clock.pass(300);
    assert.deepEqual(order, []);
    yield* clock.pass(1000);
    assert.deepEqual(order, ['many at 400', 'one at 500']);
  });

  testBoth('spends nothing on those who are cancelled, and serves the next the sooner', function* (spawn) {
    const clock = new TestClock();
    const limiter = new RateLimiter({ limit: 10, interval: 1000, burst: 5 });
    yield* limiter.acquire(5);
    const many = spawn(() => limiter.acquire(5));
    yield* settle();
    const one = spawn(() => limiter.acquire(1));
    yield* clock.pass(100);
    assert.equal(one.done(), false);
    many.cancel();
    yield* settle();
    assert.deepEqual([many.cancelled(), one.done()], [true, true]);
    assert.deepEqual(clock.timers, []);
  });

  testBoth('has the tokens back of one who is cancelled before it ran', function* (spawn) {
    const clock = new TestClock();
    const limiter = new RateLimiter({ limit: 10, interval: 1000, burst: 1 });
    yield* limiter.acquire();
    const first = spawn(() => limiter.acquire());
    yield* settle();
    const second = spawn(() => limiter.acquire());
    yield* settle();
    clock.now += 100;
    clock.timers[0]?.callback();
    first.cancel();
    yield* settle();
    assert.deepEqual([first.cancelled(), second.done()], [true, true]);
  });

  test('leaves no timer behind when all who wait are cancelled', function* () {
    const clock = new TestClock();
    const limiter = new RateLimiter({ limit: 1 });
    yield* limiter.acquire();
    const waiting = [limiter.acquire(), limiter.acquire()];
    assert.equal(clock.timers.length, 1);
    for (const future of waiting) future.cancel();
    assert.deepEqual(clock.timers, []);
  });

  test('goes by the real clock of the loop', function* () {
    const limiter = new RateLimiter({ limit: 1, interval: 2 });
    const loop = getRunningLoop();
    const start = loop.time();
    for (let i = 0; i < 4; i++) yield* limiter.acquire();
    assert.ok(loop.time() - start >= 6);
  });

  it('refuses rates and counts that are none', () => {
    for (const wrong of [
      { limit: 0 },
      { limit: -1 },
      { limit: Number.NaN },
      { limit: Infinity },
      { limit: 1, interval: 0 },
      { limit: 1, burst: 0.5 },
    ]) {
      assert.throws(() => new RateLimiter(wrong), RangeError);
    }
    // @ts-expect-error no number
    assert.throws(() => new RateLimiter({ limit: '1' }), TypeError);
    const limiter = new RateLimiter({ limit: 0.5, interval: 1000 });
    assert.equal(inspect(limiter), '<RateLimiter 0.5 per 1000 ms, burst=1>');
    for (const tokens of [0, -1, 2, Number.NaN]) assert.throws(() => limiter.acquire(tokens), RangeError);
    // @ts-expect-error no number
    assert.throws(() => limiter.acquire('1'), TypeError);
  });
});
