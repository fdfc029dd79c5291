import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { afterEach, describe, it } from 'node:test';
import { sleep } from '../../src/coroutines/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import {
  type SimTestOptions,
  simTest,
  type TestFunction,
  type TestSettings,
} from '../../src/testing/index.ts';
import { foundTest } from '../../src/testing/test-function.ts';
import { programCommand } from '../support/run-program.ts';

interface Made {
  readonly name: string;
  readonly settings: TestSettings;
  readonly run: (context: unknown) => Promise<void>;
}

/** What `simTest` hands to who runs the tests. */
function made(
  options: SimTestOptions,
  scenario: Parameters<typeof simTest>[1] & (() => Promise<unknown>),
): Made {
  let test: Made | undefined;
  simTest('name', { ...options, test: (name, settings, run) => (test = { name, settings, run }) }, scenario);
  assert.ok(test !== undefined);
  return test;
}

describe('a test that is a simulation', () => {
  simTest('is one of node:test, in simulated time', async (sim) => {
    await sleep(3_600_000);
    assert.equal(sim.time, 3_600_000);
  });

  simTest('may be a generator', function* (sim) {
    yield* sleep(1000);
    assert.equal(sim.time, 1000);
  });

  simTest('takes options', { seed: 7, startOfTime: 5, skip: false, timeout: 60_000 }, async (sim) => {
    assert.equal(sim.seed, 7);
  });

  const seeds: number[] = [];
  simTest('runs several seeds', { seeds: { from: 4, count: 3 } }, async (sim) => void seeds.push(sim.seed));
  it('has run them', () => assert.deepEqual(seeds, [4, 5, 6]));

  it('tells who runs the tests what is for him, and no more', async () => {
    const settings = { skip: true, only: false, todo: true, timeout: 5 };
    assert.deepEqual(made({ ...settings, seed: 4 }, async () => {}).settings, settings);
    assert.deepEqual(made({}, async () => {}).settings, {});
  });

  it('rejects with what the scenario throws, and says by which seed it does so again', async () => {
    const error = new Error('mine');
    const told: string[] = [];
    const test = made({ seed: 9 }, async () => {
      throw error;
    });
    await assert.rejects(test.run({ diagnostic: (text: string) => told.push(text) }), error);
    assert.equal(told.length, 1);
    assert.match(told[0] ?? '', /^Failed with seed 9\. Again: TULIPA_SEED=9 .*name/);
  });

  it('refuses what makes no sense', () => {
    assert.throws(() => simTest(5 as never, async () => {}), TypeError);
    assert.throws(() => simTest('name', {} as never), TypeError);
    assert.throws(() => simTest('name', {}, 5 as never), TypeError);
  });
});

describe('tests that are simulations and run at the same time', { concurrency: true }, () => {
  let inside = 0;
  for (const name of ['anna', 'bert', 'carl']) {
    simTest(`do not see each other: ${name}`, async (sim) => {
      assert.equal(++inside, 1);
      const loop = getRunningLoop();
      for (let i = 0; i < 100; i++) {
        await sleep(1);
        assert.equal(getRunningLoop(), loop);
        assert.equal(sim.time, i + 1);
      }
      assert.deepEqual([...sim.hosts.keys()], ['test']);
      inside--;
    });
  }
});

describe('the function that tests are made by', () => {
  const { VITEST } = process.env;
  afterEach(() => {
    if (VITEST === undefined) delete process.env['VITEST'];
    else process.env['VITEST'] = VITEST;
    Reflect.deleteProperty(globalThis, '__vitest_index__');
    Reflect.deleteProperty(globalThis, 'test');
  });

  it('is that of vitest where that runs them', () => {
    const test: TestFunction = () => {};
    process.env['VITEST'] = 'true';
    assert.throws(foundTest, { code: 'ERR_NO_TEST_FUNCTION' });
    Reflect.set(globalThis, 'test', test);
    assert.equal(foundTest(), test);
    const other: TestFunction = () => {};
    Reflect.set(globalThis, '__vitest_index__', { test: other });
    assert.equal(foundTest(), other);
  });
});

describe('a program of such tests', () => {
  const run = (seed?: string) => {
    const { command, args } = programCommand('test/support/programs/sim-tests.ts');
    // Left in the environment, it would make this one a part of the tests that are running.
    const { NODE_TEST_CONTEXT: _, TULIPA_SEED: __, ...env } = process.env;
    const { stdout, stderr } = spawnSync(command, ['--test-reporter=tap', ...args], {
      encoding: 'utf8',
      env: seed === undefined ? env : { ...env, TULIPA_SEED: seed },
    });
    const results = [...stdout.matchAll(/^(not ok|ok) \d+ - (.*)$/gm)].map(([, result, name]) => [
      name,
      result,
    ]);
    return { results: Object.fromEntries(results), stdout, stderr };
  };

  it('prints the seed of what fails, and how to have it again', () => {
    const { results, stdout } = run();
    assert.deepEqual(results, {
      'goes well': 'ok',
      'fails with (3)': 'not ok',
      'fails with some seed': 'not ok',
    });
    assert.match(stdout, /Failed with seed 3\. Again: TULIPA_SEED=3 .*fails with \\\\\(3\\\\\)\$/);
    assert.match(stdout, /TULIPA_SEED=5/);
  });

  it('runs the course that TULIPA_SEED says, and no other', () => {
    assert.deepEqual(run('5').results, {
      'goes well': 'ok',
      'fails with (3)': 'ok',
      'fails with some seed': 'not ok',
    });
    assert.deepEqual(run('6').results, {
      'goes well': 'ok',
      'fails with (3)': 'ok',
      'fails with some seed': 'ok',
    });
  });
});
