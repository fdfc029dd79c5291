import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { createTask, sleep } from '../../src/coroutines/index.ts';
import { BoundedSemaphore, Semaphore } from '../../src/sync/index.ts';
import { settle, test, testBoth } from './in-loop.ts';

for (const Kind of [Semaphore, BoundedSemaphore]) {
  describe(Kind.name, () => {
    it('starts with a whole number of units from 0 on (B-SEM-001)', () => {
      assert.throws(() => new Kind(-1), RangeError);
      assert.throws(() => new Kind(1.5), RangeError);
      assert.throws(() => new Kind(Number.NaN), RangeError);
      // @ts-expect-error no number
      assert.throws(() => new Kind('1'), TypeError);
      assert.equal(new Kind(0).locked(), true);
      assert.equal(new Kind().locked(), false);
      assert.equal(new Kind().value, 1);
    });

    testBoth('hands out its units, then waits for some to come back (B-SEM-002)', function* (spawn) {
      const semaphore = new Kind(2);
      for (const value of [1, 0]) {
        assert.equal(yield* semaphore.acquire(), true);
        assert.equal(semaphore.value, value);
      }
      const cancelled = spawn(() => semaphore.acquire());
      const live = spawn(() => semaphore.acquire());
      yield* settle();
      cancelled.cancel();
      semaphore.release();
      yield* settle();
      assert.deepEqual([cancelled.cancelled(), live.done(), semaphore.value], [true, true, 0]);
      semaphore.release();
      semaphore.release();
      assert.equal(semaphore.value, 2);
    });

    testBoth('serves first come, first served, whoever releases (B-SEM-003)', function* (spawn) {
      const semaphore = new Kind(1);
      yield* semaphore.acquire();
      const order: string[] = [];
      spawn(() => semaphore.acquire()).addDoneCallback(() => order.push('first'));
      spawn(() => semaphore.acquire()).addDoneCallback(() => order.push('second'));
      yield* settle();
      semaphore.release();
      const again = semaphore.acquire();
      again.addDoneCallback(() => order.push('releaser'));
      for (const expected of [['first'], ['first', 'second'], ['first', 'second', 'releaser']]) {
        yield* settle();
        assert.deepEqual(order, expected);
        semaphore.release();
      }
    });

    testBoth('is locked while there are no units, so while anybody waits (B-SEM-004)', function* (spawn) {
      const semaphore = new Kind(1);
      yield* semaphore.acquire();
      assert.equal(semaphore.locked(), true);
      spawn(() => semaphore.acquire());
      const last = spawn(() => semaphore.acquire());
      yield* settle();
      semaphore.release();
      assert.equal(semaphore.locked(), true);
      last.cancel();
      assert.equal(semaphore.locked(), true);
      semaphore.release();
      assert.equal(semaphore.locked(), false);
    });

    testBoth(
      'has the unit back of one who is cancelled before it ran, for the next (B-SEM-006)',
      function* (spawn) {
        const semaphore = new Kind(1);
        yield* semaphore.acquire();
        const first = spawn(() => semaphore.acquire());
        const second = spawn(() => semaphore.acquire());
        yield* settle();
        semaphore.release();
        first.cancel();
        yield* settle();
        assert.deepEqual([first.cancelled(), second.done(), semaphore.value], [true, true, 0]);
        semaphore.release();
        assert.equal(semaphore.value, 1);
      },
    );

    testBoth('wakes as many as units come in one turn (B-SEM-007)', function* (spawn) {
      const semaphore = new Kind(3);
      for (let i = 0; i < 3; i++) yield* semaphore.acquire();
      const tasks = Array.from({ length: 4 }, () => spawn(() => semaphore.acquire()));
      yield* settle();
      for (let i = 0; i < 3; i++) semaphore.release();
      yield* settle();
      assert.deepEqual(
        tasks.map((task) => task.done()),
        [true, true, true, false],
      );
      semaphore.release();
      yield* tasks[3] ?? settle();
    });

    test('is held for a body or a block (B-P492-002)', async () => {
      const semaphore = new Kind(1);
      await semaphore.use(async () => {
        assert.equal(semaphore.locked(), true);
      });
      {
        using _held = await semaphore.hold();
        assert.equal(semaphore.locked(), true);
      }
      await createTask(function* () {
        yield* semaphore.use(function* () {
          assert.equal(semaphore.locked(), true);
          yield* sleep(0);
        });
        using _held = yield* semaphore.hold();
        assert.equal(semaphore.locked(), true);
      });
      assert.equal(semaphore.value, 1);
    });

    test('says what it is', function* () {
      const semaphore = new Kind(1);
      assert.equal(inspect(semaphore), `<${Kind.name} value=1>`);
      yield* semaphore.acquire();
      assert.equal(inspect(semaphore), `<${Kind.name} locked>`);
      const waiting = semaphore.acquire();
      assert.equal(inspect(semaphore), `<${Kind.name} locked waiting=1>`);
      waiting.cancel();
    });
  });
}

describe('the bound of a semaphore', () => {
  test('is not exceeded (B-SEM-008)', function* () {
    const semaphore = new BoundedSemaphore(1);
    assert.throws(() => semaphore.release(), RangeError);
    yield* semaphore.acquire();
    semaphore.release();
    assert.throws(() => semaphore.release(), RangeError);
    assert.equal(semaphore.value, 1);
    const unbounded = new Semaphore(1);
    unbounded.release();
    assert.equal(unbounded.value, 2);
  });
});
