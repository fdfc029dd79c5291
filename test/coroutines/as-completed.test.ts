import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { asCompleted, coroutine, Future } from '../../src/coroutines/index.ts';
import { TimeoutError } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { both, inLoop, settle } from './spellings.ts';

const futures = (count: number) => Array.from({ length: count }, () => new Future<number>());

describe('asCompleted', () => {
  both('gives the results in the order of completion, each once (B-TASK-054)', function* () {
    const [a, b, c] = futures(3) as [Future<number>, Future<number>, Future<number>];
    const loop = getRunningLoop();
    loop.callSoon(() => c.setResult(3));
    loop.callLater(1, () => a.setResult(1));
    loop.callLater(2, () => b.setResult(2));
    const results: unknown[] = [];
    for (const next of asCompleted([a, b, c, a])) results.push(yield next);
    assert.deepEqual(results, [3, 1, 2]);
  });

  both('throws for each that is missing when time is up, and cancels none (B-TASK-056)', function* () {
    const [first, ...missing] = futures(3);
    first?.setResult(1);
    const outcomes: string[] = [];
    for (const next of asCompleted([first as Future<number>, ...missing], { timeout: 1 })) {
      try {
        outcomes.push(String(yield next));
      } catch (error) {
        outcomes.push(error instanceof TimeoutError ? 'timeout' : String(error));
      }
    }
    assert.deepEqual(outcomes, ['1', 'timeout', 'timeout']);
    assert.equal(
      missing.some((future) => future.done()),
      false,
    );
  });

  both('may be left and gone on with, and leaves no timer (B-TASK-057)', function* () {
    const all = futures(3);
    const completions = asCompleted(all, { timeout: 60_000 });
    all.forEach((future, i) => {
      future.setResult(i);
    });
    const results: unknown[] = [];
    for (const next of completions) {
      results.push(yield next);
      break;
    }
    yield* settle();
    for (const next of completions) results.push(yield next);
    assert.deepEqual(results, [0, 1, 2]);
    assert.equal(getRunningLoop().timeUntilNextTimer(), null);
  });

  both('hands the first completion to who waits first (B-TASK-058)', function* (spelled) {
    const all = futures(2);
    const [one, two] = [...asCompleted(all)];
    const order: unknown[] = [];
    const second = yield* spelled.started(function* second() {
      order.push(['second', yield two]);
    });
    const first = yield* spelled.started(function* first() {
      order.push(['first', yield one]);
    });
    all[1]?.setResult(1);
    yield second;
    all[0]?.setResult(0);
    yield first;
    assert.deepEqual(order, [
      ['second', 1],
      ['first', 0],
    ]);
  });

  inLoop('refuses a single future or coroutine (B-TASK-059)', () => {
    const single = coroutine(function* single() {
      yield;
    })();
    assert.throws(() => asCompleted(new Future() as never), TypeError);
    assert.throws(() => asCompleted(single as never), TypeError);
    assert.throws(() => asCompleted(7 as never), TypeError);
    single.close();
  });
});
