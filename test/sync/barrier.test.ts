import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { gather } from '../../src/coroutines/index.ts';
import { Barrier, BrokenBarrierError } from '../../src/sync/index.ts';
import { settle, test, testBoth } from './in-loop.ts';

describe('Barrier', () => {
  it('is for at least one (B-BAR-001)', () => {
    for (const parties of [0, -4, 1.5, Number.NaN]) assert.throws(() => new Barrier(parties), RangeError);
    // @ts-expect-error no number
    assert.throws(() => new Barrier('2'), TypeError);
    assert.equal(new Barrier(3).parties, 3);
  });

  testBoth('lets all go on with the last, each with a number of its own (B-BAR-002)', function* (spawn) {
    const barrier = new Barrier(3);
    const tasks = [spawn(() => barrier.wait()), spawn(() => barrier.wait())];
    yield* settle();
    assert.equal(barrier.nWaiting, 2);
    assert.ok(tasks.every((task) => !task.done()));
    tasks.push(spawn(() => barrier.wait()));
    assert.deepEqual([...(yield* gather(tasks))].sort(), [0, 1, 2]);
    assert.equal(barrier.nWaiting, 0);
  });

  test('stops nobody who is alone (B-BAR-002)', function* () {
    const barrier = new Barrier(1);
    assert.equal(yield* barrier.wait(), 0);
    assert.equal(yield* barrier.wait(), 0);
  });

  testBoth('counts those who come before all have left for the next round (B-BAR-003)', function* (spawn) {
    const barrier = new Barrier(2);
    const first = spawn(() => barrier.wait());
    yield* settle();
    const second = barrier.wait();
    // The first is still on its way out.
    const third = barrier.wait();
    assert.deepEqual([first.done(), second.done(), third.done()], [false, true, false]);
    assert.equal(barrier.nWaiting, 1);
    assert.equal(yield* barrier.wait(), 1);
    assert.deepEqual(yield* gather([first, second, third]), [0, 1, 0]);
    assert.equal(barrier.nWaiting, 0);
  });

  testBoth('does not count who was cancelled (B-BAR-004)', function* (spawn) {
    const barrier = new Barrier(3);
    const cancelled = spawn(() => barrier.wait());
    const waiting = spawn(() => barrier.wait());
    yield* settle();
    cancelled.cancel();
    assert.equal(barrier.nWaiting, 1);
    yield* settle();
    const replacement = spawn(() => barrier.wait());
    yield* settle();
    assert.deepEqual([cancelled.cancelled(), waiting.done(), replacement.done()], [true, false, false]);
    assert.equal(yield* barrier.wait(), 2);
    assert.deepEqual(yield* gather([waiting, replacement]), [0, 1]);
  });

  testBoth(
    'is broken for those who wait and those who come, until it is reset (B-BAR-006)',
    function* (spawn) {
      const barrier = new Barrier(2);
      const before = spawn(() => barrier.wait());
      yield* settle();
      barrier.abort();
      assert.equal(barrier.broken, true);
      assert.equal(barrier.nWaiting, 0);
      const after = spawn(() => barrier.wait());
      const errors = yield* gather([before, after], { returnExceptions: true });
      assert.ok(errors.every((error) => error instanceof BrokenBarrierError));
      barrier.reset();
      assert.equal(barrier.broken, false);
      const again = spawn(() => barrier.wait());
      yield* settle();
      assert.deepEqual([yield* barrier.wait(), yield* again], [1, 0]);
    },
  );

  testBoth('sends those away who wait when it is reset, and starts afresh (B-BAR-006)', function* (spawn) {
    const barrier = new Barrier(2);
    const waiting = spawn(() => barrier.wait());
    yield* settle();
    barrier.reset();
    const again = spawn(() => barrier.wait());
    const [error] = yield* gather([waiting], { returnExceptions: true });
    assert.ok(error instanceof BrokenBarrierError);
    assert.equal(barrier.broken, false);
    assert.equal(again.done(), false);
    assert.equal(yield* barrier.wait(), 1);
    assert.equal(yield* again, 0);
  });

  test('says what it is', function* () {
    const barrier = new Barrier(2);
    const waiting = barrier.wait();
    assert.equal(inspect(barrier), '<Barrier waiting=1/2>');
    yield* barrier.wait();
    yield* waiting;
    barrier.abort();
    assert.equal(inspect(barrier), '<Barrier broken>');
  });
});
