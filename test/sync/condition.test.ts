import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { createTask, type Task, timeout, wait } from '../../src/coroutines/index.ts';
import { CancelledError, type Suspension, TimeoutError } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { Condition, Lock } from '../../src/sync/index.ts';
import { runSimulated } from '../support/simulated.ts';
import { settle, test, testBoth } from './in-loop.ts';

const notHeld = { name: 'StateError', code: 'ERR_NOT_LOCKED' };

/** The ways for a task to wait under the lock; each says in `log` that it has gone on, and holds the lock by then. */
const waits: readonly (readonly [
  string,
  (condition: Condition, log: string[], name: string) => Task<void>,
])[] = [
  [
    'yield*',
    (condition, log, name) =>
      createTask(() =>
        condition.use(function* () {
          yield* condition.wait();
          assert.equal(condition.locked(), true);
          log.push(name);
        }),
      ),
  ],
  [
    'await',
    (condition, log, name) =>
      createTask(async () => {
        using _held = await condition.hold();
        await condition.wait();
        assert.equal(condition.locked(), true);
        log.push(name);
      }),
  ],
];

function testWaits(
  name: string,
  body: (start: (typeof waits)[number][1]) => Generator<Suspension, void, unknown>,
): void {
  for (const [spelling, start] of waits) test(`${name}, with ${spelling}`, () => body(start));
}

describe('Condition', () => {
  test('can be waited for and notified by nobody but who holds the lock (B-COND-001)', function* () {
    const condition = new Condition();
    assert.throws(() => condition.wait(), notHeld);
    assert.throws(() => condition.notify(), notHeld);
    assert.throws(() => condition.notifyAll(), notHeld);
    assert.throws(() => condition.release(), notHeld);
    yield* condition.acquire();
    condition.notify();
    condition.notifyAll();
    condition.release();
  });

  testWaits('releases the lock while it waits, and has it again after (B-COND-002)', function* (start) {
    const condition = new Condition();
    const log: string[] = [];
    const task = start(condition, log, 'woken');
    yield* settle();
    assert.equal(condition.locked(), false);
    yield* condition.acquire();
    condition.notify();
    yield* settle();
    assert.deepEqual(log, []);
    condition.release();
    yield* task;
    assert.deepEqual(log, ['woken']);
    assert.equal(condition.locked(), false);
  });

  testWaits(
    'has the lock again when it is cancelled, however long that takes (B-COND-002)',
    function* (start) {
      const condition = new Condition();
      const task = start(condition, [], 'woken');
      yield* settle();
      yield* condition.acquire();
      task.cancel('enough');
      yield* settle();
      assert.equal(task.done(), false);
      task.cancel('really');
      yield* settle();
      assert.equal(task.done(), false);
      condition.release();
      yield* settle();
      assert.equal(task.cancelled(), true);
      assert.throws(
        () => task.result(),
        (error) => error instanceof CancelledError && error.reason === 'enough',
      );
      assert.equal(condition.locked(), false);
    },
  );

  test('has the lock at once when it is cancelled and the lock is free (B-COND-002)', function* () {
    const condition = new Condition();
    yield* condition.acquire();
    const waiting = condition.wait();
    assert.equal(condition.locked(), false);
    assert.equal(waiting.cancel('reason'), true);
    assert.equal(waiting.cancelled(), true);
    assert.equal(condition.locked(), true);
    assert.equal(waiting.cancel(), false);
    condition.release();
    yield;
  });

  test('does not begin to wait for one who was cancelled before, but gives the lock back (B-COND-002)', function* () {
    const condition = new Condition();
    const task = createTask(() =>
      condition.use(function* () {
        task.cancel();
        try {
          yield* condition.wait();
        } finally {
          assert.equal(condition.locked(), true);
        }
      }),
    );
    yield* settle();
    assert.equal(task.cancelled(), true);
    assert.equal(condition.locked(), false);
  });

  testWaits(
    'wakes as many as it is told to, in their order, one after the other (B-COND-003)',
    function* (start) {
      const condition = new Condition();
      const log: string[] = [];
      const tasks = ['a', 'b', 'c', 'd', 'e'].map((name) => start(condition, log, name));
      yield* settle();
      const notify = function* (count: number | undefined) {
        yield* condition.acquire();
        condition.notify(count);
        yield* settle();
        const before = [...log];
        condition.release();
        yield* settle();
        assert.equal(before.length < log.length, count !== 0);
      };
      yield* notify(0);
      yield* notify(undefined);
      assert.deepEqual(log, ['a']);
      yield* notify(2);
      assert.deepEqual(log, ['a', 'b', 'c']);
      yield* notify(2048);
      assert.deepEqual(log, ['a', 'b', 'c', 'd', 'e']);
      assert.ok(tasks.every((task) => task.done()));
    },
  );

  testWaits('lets all go on (B-COND-003)', function* (start) {
    const condition = new Condition();
    const log: string[] = [];
    const tasks = ['a', 'b', 'c'].map((name) => start(condition, log, name));
    yield* settle();
    yield* condition.use(function* () {
      condition.notifyAll();
      yield;
    });
    yield* wait(tasks);
    assert.deepEqual(log, ['a', 'b', 'c']);
  });

  testBoth('asks the predicate after each wake-up, and returns what it said (B-COND-004)', function* (spawn) {
    const condition = new Condition();
    let presents = 0;
    const asked: boolean[] = [];
    const task = spawn(() =>
      condition.use(function* () {
        return yield* condition.waitFor(() => {
          asked.push(condition.locked());
          return presents >= 2 && `${presents} presents`;
        });
      }),
    );
    for (let i = 0; i < 2; i++) {
      yield* settle();
      assert.equal(task.done(), false);
      yield* condition.use(function* () {
        presents++;
        condition.notify();
        yield;
      });
    }
    assert.equal(yield* task, '2 presents');
    assert.deepEqual(asked, [true, true, true]);
  });

  test('waits for a predicate in an async function too (B-COND-004)', async () => {
    const condition = new Condition();
    let ready = false;
    const task = createTask(async () => {
      using _held = await condition.hold();
      return await condition.waitFor(() => ready);
    });
    await createTask(settle);
    assert.equal(task.done(), false);
    await condition.use(async () => {
      ready = true;
      condition.notify();
    });
    assert.equal(await task, true);
  });

  test('does not wait for a predicate that holds (B-COND-004)', async () => {
    const condition = new Condition();
    let turned = false;
    getRunningLoop().callSoon(() => {
      turned = true;
    });
    await condition.acquire();
    assert.equal(await condition.waitFor(() => 'at once'), 'at once');
    assert.equal(turned, false);
    condition.release();
    // @ts-expect-error no function
    assert.throws(() => condition.waitFor(true), TypeError);
  });

  testWaits(
    'passes a notification on if its receiver is cancelled before it has the lock (B-COND-006)',
    function* (start) {
      const condition = new Condition();
      const log: string[] = [];
      const first = start(condition, log, 'first');
      const second = start(condition, log, 'second');
      yield* settle();
      yield* condition.acquire();
      condition.notify();
      first.cancel();
      yield* settle();
      condition.release();
      yield* settle();
      assert.equal(first.cancelled(), true);
      assert.deepEqual(log, ['second']);
      assert.equal(second.done(), true);
      assert.equal(condition.locked(), false);
    },
  );

  testWaits(
    'passes a notification on if its receiver is cancelled before it ran (B-COND-006)',
    function* (start) {
      const condition = new Condition();
      const log: string[] = [];
      const first = start(condition, log, 'first');
      const second = start(condition, log, 'second');
      yield* settle();
      yield* condition.acquire();
      condition.notify();
      condition.release();
      // The lock is the first one's now, which does not know yet.
      first.cancel();
      yield* settle();
      assert.equal(first.cancelled(), true);
      assert.deepEqual(log, ['second']);
      assert.equal(second.done(), true);
      assert.equal(condition.locked(), false);
    },
  );

  testWaits('passes nothing on for those who were not notified (B-COND-006)', function* (start) {
    const condition = new Condition();
    const log: string[] = [];
    const [first, second, third] = ['first', 'second', 'third'].map((name) => start(condition, log, name));
    yield* settle();
    yield* condition.acquire();
    third?.cancel();
    condition.notify();
    condition.release();
    yield* settle();
    assert.deepEqual(log, ['first']);
    assert.deepEqual([first?.done(), second?.done(), third?.cancelled()], [true, false, true]);
    second?.cancel();
  });

  test('may share a lock, and shows its state (B-COND-007)', function* () {
    const lock = new Lock();
    const full = new Condition(lock);
    const empty = new Condition(lock);
    yield* full.acquire();
    assert.deepEqual([lock.locked(), empty.locked()], [true, true]);
    empty.notify();
    lock.release();
    assert.deepEqual([full.locked(), empty.locked()], [false, false]);
    // @ts-expect-error no lock
    assert.throws(() => new Condition({ locked: () => true }), TypeError);
  });

  test('leaves the lock held when a timeout ends the wait, for the block to release (B-COND-008)', async () => {
    const condition = new Condition();
    await createTask(function* () {
      using _held = yield* condition.hold();
      yield* expectTimeout(timeout(0, () => condition.wait()));
      assert.equal(condition.locked(), true);
    });
    assert.equal(condition.locked(), false);
    await condition.use(async () => {
      await assert.rejects(async () => {
        await timeout(0, async () => {
          await condition.wait();
        });
      }, TimeoutError);
      assert.equal(condition.locked(), true);
    });
    assert.equal(condition.locked(), false);
  });

  it('belongs to one loop', async () => {
    const lock = await runSimulated(async () => new Lock());
    await runSimulated(function* () {
      const condition = new Condition(lock);
      assert.throws(() => condition.acquire(), /is bound to a different event loop/);
      yield;
    });
  });

  test('says what it is', function* () {
    const condition = new Condition();
    assert.equal(inspect(condition), '<Condition unlocked>');
    yield* condition.acquire();
    const waiting = condition.wait();
    yield* condition.acquire();
    assert.equal(inspect(condition), '<Condition locked waiting=1>');
    condition.notify();
    condition.release();
    yield* waiting;
    condition.release();
  });

  test('refuses counts that are none', function* () {
    const condition = new Condition();
    yield* condition.acquire();
    assert.throws(() => condition.notify(-1), RangeError);
    assert.throws(() => condition.notify(Number.NaN), RangeError);
    // @ts-expect-error no number
    assert.throws(() => condition.notify('1'), TypeError);
    condition.release();
  });
});

function* expectTimeout(waitable: Iterable<Suspension>): Generator<Suspension, void, unknown> {
  try {
    yield* waitable;
  } catch (error) {
    assert.ok(error instanceof TimeoutError);
    return;
  }
  assert.fail('it did not time out');
}
