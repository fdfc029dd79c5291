import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { Event } from '../../src/sync/index.ts';
import { runSimulated } from '../support/simulated.ts';
import { settle, test, testBoth } from './in-loop.ts';

describe('Event', () => {
  testBoth('lets go on at once when it is set, else when it is (B-EVT-001)', function* (spawn) {
    const event = new Event();
    assert.equal(event.isSet(), false);
    const early = spawn(() => event.wait());
    yield* settle();
    assert.equal(early.done(), false);
    event.set();
    assert.equal(event.isSet(), true);
    assert.equal(yield* early, true);
    const late = event.wait();
    assert.equal(late.done(), true);
    assert.equal(yield* late, true);
  });

  testBoth(
    'wakes all who wait, in their order, and stops nobody who comes then (B-EVT-002)',
    function* (spawn) {
      const event = new Event();
      const order: string[] = [];
      for (const name of ['a', 'b', 'c']) {
        spawn(() => event.wait()).addDoneCallback(() => order.push(name));
      }
      yield* settle();
      event.set();
      assert.equal(yield* event.wait(), true);
      order.push('newcomer');
      yield* settle();
      assert.deepEqual(order, ['newcomer', 'a', 'b', 'c']);
    },
  );

  testBoth('does not take back the wake-up when it is cleared (B-EVT-003)', function* (spawn) {
    const event = new Event();
    const task = spawn(() => event.wait());
    yield* settle();
    event.set();
    event.clear();
    const later = event.wait();
    assert.equal(yield* task, true);
    assert.equal(later.done(), false);
    assert.equal(event.isSet(), false);
    later.cancel();
  });

  testBoth('may be set twice, and forgets who was cancelled (B-EVT-004)', function* (spawn) {
    const event = new Event();
    const task = spawn(() => event.wait());
    yield* settle();
    assert.equal(String(event), '<Event unset waiting=1>');
    task.cancel();
    assert.equal(String(event), '<Event unset>');
    event.set();
    event.set();
    yield* settle();
    assert.equal(task.cancelled(), true);
    assert.equal(event.isSet(), true);
  });

  test('says what it is', function* () {
    const event = new Event();
    event.set();
    assert.equal(inspect(event), '<Event set>');
    yield;
  });

  it('may be set before any loop runs, and belongs to the first in which somebody waits', async () => {
    const event = new Event();
    event.set();
    event.clear();
    await runSimulated(function* () {
      const waiting = event.wait();
      event.set();
      yield* waiting;
    });
    event.clear();
    await runSimulated(function* () {
      yield;
      assert.throws(() => event.wait(), /is bound to a different event loop/);
      assert.throws(() => event.set(), /is bound to a different event loop/);
    });
    assert.equal(event.isSet(), false);
  });
});
