import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Oracle, type Overruling } from '../../src/drivers/simulation/index.ts';
import { type ExhaustiveOptions, searchExhaustively } from '../../src/testing/exhaustive.ts';
import { interleavings, ToyRun } from './toy-runs.ts';

/** All that `run` gives, each as often as it does. */
async function all<T>(run: (overruling: Overruling) => T, options?: ExhaustiveOptions) {
  const results: T[] = [];
  const report = await searchExhaustively(async (overruling) => {
    results.push(run(overruling));
    return true;
  }, options);
  return { results, report };
}

function* steps(count: number, step: () => void): Generator<void> {
  for (let i = 0; i < count; i++) {
    step();
    if (i < count - 1) yield;
  }
}

function interleave(count: number, overruling: Overruling): string {
  let course = '';
  const run = new ToyRun(0, overruling);
  run.start(steps(count, () => (course += 'a')));
  run.start(steps(count, () => (course += 'b')));
  run.finish();
  return course;
}

describe('an exhaustive search', () => {
  it('runs two threads of k steps in each of their (2k)! / (k! k!) orders, and in each once', async () => {
    for (const k of [1, 2, 3, 4, 5, 6]) {
      const { results, report } = await all((overruling) => interleave(k, overruling));
      assert.equal(report.runs, interleavings(k));
      assert.equal(new Set(results).size, interleavings(k));
      assert.equal(report.complete, true);
    }
  });

  it('takes all outcomes of each choice, of which there are other ones after each', async () => {
    const { results, report } = await all((overruling) => {
      const oracle = new Oracle(3);
      oracle.overruling = overruling;
      const order = oracle.choices('order', 'order');
      const first = order.pick(3);
      return [
        first,
        ...(first === 1 ? [order.pick(4)] : [order.pick(2), order.pick(1), order.pick(2)]),
      ].join();
    });
    const others = ['0', '2'].flatMap((first) =>
      ['0,0,0', '0,0,1', '1,0,0', '1,0,1'].map((rest) => `${first},${rest}`),
    );
    assert.deepEqual(results.sort(), [...others, '1,0', '1,1', '1,2', '1,3'].sort());
    assert.deepEqual(report, { runs: 12, complete: true, deepest: 3 });
  });

  it('begins with the plain course, and goes on by how many choices differ from it', async () => {
    const { results } = await all((overruling) => {
      const oracle = new Oracle(0);
      oracle.overruling = overruling;
      const order = oracle.choices('order', 'order');
      let deviations = 0;
      for (let i = 0; i < 5; i++) if (order.pick(2) > 0) deviations++;
      return deviations;
    });
    assert.deepEqual(results, [
      0,
      ...Array(5).fill(1),
      ...Array(10).fill(2),
      ...Array(10).fill(3),
      4,
      4,
      4,
      4,
      4,
      5,
    ]);
  });

  it('leaves other choices plain, and random numbers as the seed has them', async () => {
    const { results, report } = await all((overruling) => {
      const oracle = new Oracle(7);
      oracle.overruling = overruling;
      return [
        oracle.choices('order', 'order').pick(2),
        oracle.choices('latency', 'network').fraction(),
        oracle.choices('crash', 'fault').pick(2),
        oracle.choices('program', 'random').bits(),
      ].join();
    });
    const bits = new Oracle(7).choices('program', 'random').bits();
    assert.deepEqual(results, [`0,0,0,${bits}`, `1,0,0,${bits}`]);
    assert.equal(report.complete, true);
  });

  it('tries faults and the network too where it is told to, but no choice between very many', async () => {
    const { results } = await all(
      (overruling) => {
        const oracle = new Oracle(7);
        oracle.overruling = overruling;
        const network = oracle.choices('network', 'network');
        return [
          oracle.choices('order', 'order').pick(6) > 0,
          network.chance(0.001),
          network.fraction(),
          oracle.choices('crash', 'fault').pick(4),
        ].join();
      },
      { kinds: ['network', 'fault'] },
    );
    const expected = ['false', 'true'].flatMap((lost) =>
      [0, 1, 2, 3].map((crash) => `false,${lost},0,${crash}`),
    );
    assert.deepEqual(results.sort(), expected.sort());
  });

  it('stops at its bounds, and says that there is more', async () => {
    const few = await all((overruling) => interleave(6, overruling), { runsMax: 50 });
    assert.equal(few.report.runs, 50);
    assert.equal(few.report.complete, false);
    assert.equal(new Set(few.results).size, 50);
    const shallow = await all((overruling) => interleave(6, overruling), { choicesMax: 2 });
    assert.equal(shallow.report.runs, 4);
    assert.equal(shallow.report.complete, false);
    const justEnough = await all((overruling) => interleave(3, overruling), { runsMax: interleavings(3) });
    assert.equal(justEnough.report.complete, true);
  });

  it('ends when what was looked for is found', async () => {
    let runs = 0;
    const report = await searchExhaustively(async (overruling) => {
      runs++;
      return !interleave(3, overruling).startsWith('bb');
    });
    assert.equal(report.runs, runs);
    assert.equal(report.complete, false);
    assert.ok(runs < interleavings(3));
  });

  it('refuses a program that does otherwise in the same circumstances', async () => {
    let calls = 0;
    const changing = (overruling: Overruling) => {
      const oracle = new Oracle(0);
      oracle.overruling = overruling;
      oracle.choices('order', 'order').pick(++calls < 3 ? 2 : 3);
    };
    await assert.doesNotReject(all(changing));
    calls = 1;
    await assert.rejects(all(changing), { name: 'StateError', code: 'ERR_NOT_DETERMINISTIC' });
    calls = 0;
    const vanishing = (overruling: Overruling) => {
      const oracle = new Oracle(0);
      oracle.overruling = overruling;
      if (++calls === 1) oracle.choices('order', 'order').pick(2);
    };
    await assert.rejects(all(vanishing), { name: 'StateError', code: 'ERR_NOT_DETERMINISTIC' });
  });
});
