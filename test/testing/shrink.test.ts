import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Oracle } from '../../src/drivers/simulation/index.ts';
import {
  asDrawn,
  type Deviation,
  describeDeviation,
  prescribed,
  Recording,
} from '../../src/testing/deviations.ts';
import { sameFailure } from '../../src/testing/same-failure.ts';
import { type ShrinkOptions, shrink } from '../../src/testing/shrink.ts';
import { propertyRuns } from '../support/property-runs.ts';
import { ToyRun } from './toy-runs.ts';

type Program = (oracle: Oracle) => boolean;

/** Looks for a seed with which the program fails, and shrinks that. */
async function findAndShrink(fails: Program, options?: ShrinkOptions) {
  const run = (seed: number, recording: Recording) => {
    const oracle = new Oracle(seed);
    oracle.overruling = recording.overruling;
    return fails(oracle);
  };
  for (let seed = 0; ; seed++) {
    const first = new Recording(asDrawn);
    if (!run(seed, first)) continue;
    const shrunk = await shrink(
      first.deviations,
      async (candidate) => {
        const recording = new Recording(prescribed(candidate));
        return run(seed, recording) ? recording.deviations : null;
      },
      () => 0,
      options,
    );
    const again = new Recording(prescribed(shrunk.deviations));
    assert.ok(run(seed, again), 'what is left still fails');
    assert.deepEqual(again.deviations, shrunk.deviations);
    return { ...shrunk, first: first.deviations };
  }
}

const brief = (deviations: readonly Deviation[]) =>
  deviations.map(({ label, index, outcome }) => `${label} ${index} ${outcome}`);

/** Draws from many places, as programs do. */
function drawMuch(oracle: Oracle): Map<string, number[]> {
  const drawn = new Map<string, number[]>();
  for (let i = 0; i < 40; i++) {
    for (const [kind, count] of [
      ['order', 3],
      ['network', 100],
      ['fault', 2],
    ] as const) {
      for (const place of ['a', 'b']) {
        const label = `${kind} ${place}`;
        const outcomes = drawn.get(label) ?? [];
        outcomes.push(oracle.choices(label, kind).pick(count));
        drawn.set(label, outcomes);
      }
    }
  }
  return drawn;
}

describe('shrinking', () => {
  it('leaves nothing where the plain course fails too', async () => {
    const { deviations, complete, attempts, first } = await findAndShrink(
      (oracle) => drawMuch(oracle).size > 0,
    );
    assert.ok(first.length > 100);
    assert.deepEqual(deviations, []);
    assert.equal(complete, true);
    assert.equal(attempts, 1);
  });

  it('leaves the one choice that matters, as small as it can be', async () => {
    const { deviations, complete } = await findAndShrink(
      (oracle) => (drawMuch(oracle).get('network b')?.[17] as number) >= 42,
    );
    assert.deepEqual(brief(deviations), ['network b 17 42']);
    assert.equal(complete, true);
  });

  it('leaves choices of several places that only fail together', async () => {
    const { deviations, complete } = await findAndShrink((oracle) => {
      const drawn = drawMuch(oracle);
      return (
        (drawn.get('order a')?.[3] as number) > 1 &&
        (drawn.get('fault b')?.[30] as number) > 0 &&
        (drawn.get('network a')?.[9] as number) > 10
      );
    });
    assert.deepEqual(brief(deviations), ['order a 3 2', 'network a 9 11', 'fault b 30 1']);
    assert.equal(complete, true);
  });

  it('leaves exactly what it takes, whatever that is', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.nat(199), { maxLength: 6 }),
        fc.integer({ min: 1, max: 4 }),
        async (needed, least) => {
          const deviations = Array.from({ length: 200 }, (_, i): Deviation => {
            const kind = (['order', 'network', 'fault'] as const)[i % 3] ?? 'order';
            return { label: `${kind} ${i % 7}`, kind, index: i, outcome: 4, count: 5, meaning: null };
          });
          const attempt = async (candidate: readonly Deviation[]) =>
            needed.every((i) => candidate.some(({ index, outcome }) => index === i && outcome >= least))
              ? candidate
              : null;
          const shrunk = await shrink(deviations, attempt, () => 0);
          assert.equal(shrunk.complete, true);
          assert.deepEqual(
            shrunk.deviations.map(({ index, outcome }) => [index, outcome]),
            needed.sort((one, other) => one - other).map((index) => [index, least]),
          );
        },
      ),
      propertyRuns(50),
    );
  });

  it('finds how small a fraction may be, roughly', async () => {
    const { deviations } = await findAndShrink(
      (oracle) => oracle.choices('latency', 'network').fraction() > 0.5,
    );
    const [{ outcome, count }] = deviations as [Deviation];
    assert.ok(outcome / count > 0.5 && outcome / count < 0.505, `${outcome / count}`);
    const any = await findAndShrink((oracle) => oracle.choices('latency', 'network').fraction() > 0);
    assert.ok(any.attempts < 20, `${any.attempts}`);
  });

  it('keeps random numbers of the program as they were', async () => {
    const { deviations } = await findAndShrink((oracle) => {
      const drawn = drawMuch(oracle).get('order a') as number[];
      return oracle.choices('program', 'random').pick(10) === 7 && drawn[0] === 1;
    });
    assert.deepEqual(brief(deviations), ['order a 0 1']);
  });

  it('finds the changes of order by which an update is lost', async () => {
    const { deviations, complete } = await findAndShrink((oracle) => {
      const run = new ToyRun(oracle.seed, oracle.overruling);
      let total = 0;
      // Sound as long as the others take their turns: each reads and writes before the next one reads.
      function* add(): Generator<void> {
        for (let i = 0; i < 5; i++) yield;
        const read = total;
        yield;
        total = read + 1;
      }
      function* later(): Generator<void> {
        for (let i = 0; i < 3; i++) yield;
        yield* add();
      }
      run.start(add());
      run.start(later());
      run.finish();
      return total < 2;
    });
    // The second has three steps more to go, and each choice of it gains it one.
    assert.equal(deviations.length, 3, brief(deviations).join('; '));
    assert.equal(complete, true);
  });

  it('takes no more runs than it may, and says that more could be left out', async () => {
    const fails: Program = (oracle) => {
      const drawn = drawMuch(oracle);
      return [2, 11, 23, 38].every((index) => (drawn.get('network a')?.[index] as number) > 30);
    };
    const whole = await findAndShrink(fails);
    assert.deepEqual(
      brief(whole.deviations),
      [2, 11, 23, 38].map((index) => `network a ${index} 31`),
    );
    const cut = await findAndShrink(fails, { attemptsMax: 20 });
    assert.equal(cut.attempts, 20);
    assert.equal(cut.complete, false);
    assert.ok(cut.deviations.length < cut.first.length && cut.deviations.length > 4);
  });

  it('takes no more time than it may', async () => {
    let time = 0;
    let runs = 0;
    const deviations: Deviation[] = Array.from({ length: 100 }, (_, index) => ({
      label: 'a',
      kind: 'order',
      index,
      outcome: 1,
      count: 2,
      meaning: null,
    }));
    const shrunk = await shrink(
      deviations,
      async (candidate) => {
        runs++;
        time += 10;
        return candidate.length === 100 ? candidate : null;
      },
      () => time,
      { timeMax: 100 },
    );
    assert.equal(runs, 10);
    assert.equal(shrunk.complete, false);
  });
});

describe('a deviation', () => {
  it('is told by where it was and what it meant', () => {
    const oracle = new Oracle(1);
    const recording = new Recording(
      prescribed([
        { label: 'latency client → server', index: 3, outcome: 2 ** 31 },
        { label: 'order a', index: 0, outcome: 2 },
      ]),
      true,
    );
    oracle.overruling = recording.overruling;
    const latency = oracle.choices('latency client → server', 'network');
    for (let i = 0; i < 5; i++) latency.fraction();
    const order = oracle.choices('order a', 'order');
    order.describeBy((outcome) => `task ${outcome + 1} before task 1`);
    order.pick(3);
    oracle.choices('crash', 'fault').pick(2);
    assert.deepEqual(recording.tell().map(describeDeviation), [
      'network: latency client → server #4: 0.500',
      'order a #1: task 3 before task 1',
    ]);
    assert.equal(recording.choices, 7);
  });

  it('is taken back as far as there is something to choose between', () => {
    const oracle = new Oracle(1);
    oracle.overruling = prescribed([{ label: 'order', index: 0, outcome: 5 }]);
    const order = oracle.choices('order', 'order');
    assert.deepEqual([order.pick(3), order.pick(3)], [2, 0]);
  });
});

describe('a failure', () => {
  it('is the same as another if class, code and words are, whatever the numbers', () => {
    const coded = (code: string, message: string) => Object.assign(new Error(message), { code });
    assert.equal(sameFailure(new Error('3 of 4.5 left'), new Error('17 of 2 left')), true);
    assert.equal(sameFailure(new Error('a\n1 > b'), new Error('a\n2 < c')), true);
    assert.equal(sameFailure(new Error('a'), new TypeError('a')), false);
    assert.equal(sameFailure(new Error('a'), new Error('b')), false);
    assert.equal(sameFailure(coded('A', 'a'), coded('B', 'a')), false);
    assert.equal(sameFailure('7 left', '8 left'), true);
    assert.equal(sameFailure('a', new Error('a')), false);
  });

  it('of a group is the same if it has members of the same sorts', () => {
    const group = (...messages: string[]) =>
      new AggregateError(
        messages.map((text) => new Error(text)),
        'failed',
      );
    assert.equal(sameFailure(group('a 1', 'b', 'a 2'), group('b', 'a 3')), true);
    assert.equal(sameFailure(group('a'), group('b')), false);
  });
});
