import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { sleep } from '../../src/coroutines/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { busyFor } from '../support/simulated.ts';
import { both, inLoop, inTask, settle, thrown } from './spellings.ts';

describe('sleep', () => {
  both('takes its time and gives the result', function* () {
    const loop = getRunningLoop();
    const start = loop.time();
    assert.equal(yield sleep(2, 'slept'), 'slept');
    assert.equal(loop.time(), start + 2);
    assert.equal(yield sleep(1), undefined);
    assert.equal(loop.time(), start + 3);
  });

  inTask('for 0 or less is exactly one turn', function* () {
    const loop = getRunningLoop();
    for (const delay of [0, -1, -Infinity]) {
      let turns = 0;
      loop.callSoon(() => {
        turns++;
        loop.callSoon(() => turns++);
      });
      assert.equal(yield* sleep(delay, 'result'), 'result');
      assert.equal(turns, 1);
      yield;
    }
    assert.equal(loop.timeUntilNextTimer(), null);
  });

  both('cancelled leaves no timer behind (B-TASK-046)', function* (spelled) {
    const loop = getRunningLoop();
    const sleeping = yield* spelled.started(function* () {
      yield sleep(60_000);
    });
    assert.equal(loop.timeUntilNextTimer(), 60_000);
    sleeping.cancel();
    yield* thrown(sleeping);
    assert.equal(loop.timeUntilNextTimer(), null);
  });

  both('cancelled in the turn in which its time is up delivers first', function* (spelled) {
    const loop = getRunningLoop();
    const sleeping = spelled.task(function* () {
      yield sleep(1);
      return 'awake';
    });
    yield* settle();
    // Due after the sleep, and queued with it in one turn: the sleep has ended, the sleeper does not know yet.
    loop.callLater(1, () => sleeping.cancel());
    busyFor(3);
    assert.equal(yield sleeping, 'awake');
  });

  inLoop('refuses what is no time', () => {
    assert.throws(() => sleep(Number.NaN), RangeError);
    assert.throws(() => sleep('1' as never), TypeError);
  });
});
