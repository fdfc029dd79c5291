import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Choices, Oracle } from '../../../src/drivers/simulation/index.ts';

const times = <T>(count: number, draw: () => T): T[] => Array.from({ length: count }, draw);

describe('the oracle', () => {
  it('says the same for the same seed and label, and other things for others', () => {
    const draw = (seed: number, label: string) => {
      const choices = new Oracle(seed).choices(label, 'order');
      return times(20, () => choices.bits()).join();
    };
    assert.equal(draw(1, 'a'), draw(1, 'a'));
    const all = [0, 1, 2, 10, 2 ** 53 - 1].flatMap((seed) =>
      ['a', 'b', 'ab', '1/a'].map((label) => draw(seed, label)),
    );
    assert.equal(new Set(all).size, all.length);
  });

  it('lets no sequence depend on how often another one is asked', () => {
    const [one, other] = [new Oracle(5), new Oracle(5)];
    times(7, () => one.choices('a', 'network').fraction());
    const draw = (oracle: Oracle) => times(5, () => oracle.choices('b', 'network').fraction());
    assert.deepEqual(draw(one), draw(other));
  });

  it('draws evenly, within the range', () => {
    const choices = new Oracle(1).choices('a', 'order');
    for (const count of [2, 3, 7, 1000]) {
      const seen = new Map<number, number>();
      for (const value of times(20_000, () => choices.pick(count)))
        seen.set(value, (seen.get(value) ?? 0) + 1);
      for (const [value, often] of seen) {
        assert.ok(Number.isInteger(value) && value >= 0 && value < count);
        if (count < 10) assert.ok(Math.abs(often * count - 20_000) < 2_000, `${value} of ${count}: ${often}`);
      }
      assert.ok(seen.size > count * 0.99);
    }
    const fractions = times(20_000, () => choices.fraction());
    assert.ok(fractions.every((fraction) => fraction >= 0 && fraction < 1));
    assert.ok(Math.abs(fractions.reduce((sum, fraction) => sum + fraction) / 20_000 - 0.5) < 0.02);
    for (const probability of [0.01, 0.3, 0.9]) {
      const often = times(20_000, () => choices.chance(probability)).filter(Boolean).length;
      assert.ok(Math.abs(often / 20_000 - probability) < 0.02, `${probability}: ${often}`);
    }
  });

  it('takes what is certain for no choice', () => {
    const oracle = new Oracle(0);
    oracle.overruling = () => assert.fail('nothing is chosen');
    const choices = oracle.choices('a', 'fault');
    assert.deepEqual(
      [choices.pick(1), choices.pick(0), choices.chance(0), choices.chance(1)],
      [0, 0, false, true],
    );
  });

  it('can be overruled: it says what would be, among how many, and takes what it is told', () => {
    const oracle = new Oracle(3);
    const asked: [string, number, number, number][] = [];
    const answers = [2, 1, 2 ** 31, 0];
    const draw = (choices: Choices) => [
      choices.pick(4),
      choices.chance(0.1),
      choices.fraction(),
      choices.bits(),
    ];
    const drawn = draw(new Oracle(3).choices('a', 'network'));
    oracle.overruling = ({ label }, index, outcome, count) => {
      asked.push([label, index, outcome, count]);
      return answers[index] as number;
    };
    assert.deepEqual(draw(oracle.choices('a', 'network')), [2, true, 0.5, 0]);
    assert.deepEqual(asked, [
      ['a', 0, drawn[0], 4],
      ['a', 1, Number(drawn[1]), 2],
      ['a', 2, (drawn[2] as number) * 2 ** 32, 2 ** 32],
      ['a', 3, drawn[3], 2 ** 32],
    ]);
  });

  it('refuses what is no seed', () => {
    for (const seed of [-1, 1.5, Number.NaN, 2 ** 53]) assert.throws(() => new Oracle(seed), RangeError);
  });
});
