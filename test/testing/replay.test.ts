import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Prescription } from '../../src/testing/deviations.ts';
import { replayCommand, requestedReplay } from '../../src/testing/replay.ts';
import { decodeReplay, encodeReplay, ReplayTokenError } from '../../src/testing/replay-token.ts';
import { propertyRuns } from '../support/property-runs.ts';

const byPlace = (one: Prescription, other: Prescription) =>
  one.label < other.label ? -1 : one.label > other.label ? 1 : one.index - other.index;

/** Sets things up, and puts back what was there before. */
function withProcess<T>(
  changes: { env?: Record<string, string | undefined>; argv?: string[]; execArgv?: string[] },
  body: () => T,
): T {
  const { argv, execArgv } = process;
  const before = Object.keys(changes.env ?? {}).map((key) => [key, process.env[key]] as const);
  const set = (key: string, value: string | undefined) => {
    if (value === undefined) delete process.env[key];
    else process.env[key] = value;
  };
  try {
    for (const [key, value] of Object.entries(changes.env ?? {})) set(key, value);
    process.argv = changes.argv ?? argv;
    process.execArgv = changes.execArgv ?? execArgv;
    return body();
  } finally {
    for (const [key, value] of before) set(key, value);
    process.argv = argv;
    process.execArgv = execArgv;
  }
}

describe('a replay token', () => {
  it('is the seed, where the course is that of the seed', () => {
    assert.equal(encodeReplay({ seed: 17, prescriptions: null }), '17');
    assert.deepEqual(decodeReplay('17'), { seed: 17, prescriptions: null });
  });

  it('tells the plain course of a seed from the one that the seed gives', () => {
    const token = encodeReplay({ seed: 17, prescriptions: [] });
    assert.notEqual(token, '17');
    assert.deepEqual(decodeReplay(token), { seed: 17, prescriptions: [] });
  });

  it('gives back any choices, in characters that need no quoting', () => {
    const prescription = fc.record(
      {
        label: fc.string({ unit: 'grapheme', maxLength: 30 }),
        index: fc.oneof(fc.nat(300), fc.nat(2 ** 31 - 1)),
        outcome: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 2 ** 32 - 1 })),
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(
        fc.maxSafeNat(),
        fc.uniqueArray(prescription, { selector: ({ label, index }) => `${label}\0${index}` }),
        (seed, prescriptions) => {
          const token = encodeReplay({ seed, prescriptions });
          assert.match(token, /^\d+:[\w-]+$/);
          const replay = decodeReplay(token);
          assert.equal(replay.seed, seed);
          assert.deepEqual([...(replay.prescriptions ?? [])].sort(byPlace), [...prescriptions].sort(byPlace));
        },
      ),
      propertyRuns(300),
    );
  });

  it('is short', () => {
    const label = 'latency client → server';
    const few = encodeReplay({
      seed: 123,
      prescriptions: [
        { label, index: 3, outcome: 2 ** 31 },
        { label, index: 9, outcome: 2 ** 30 },
        { label: 'order of tasks on server', index: 40, outcome: 1 },
      ],
    });
    assert.ok(few.length < 110, `${few.length}`);
    const many = encodeReplay({
      seed: 123,
      prescriptions: Array.from({ length: 1000 }, (_, index) => ({ label, index, outcome: 1 })),
    });
    assert.ok(many.length < 200, `${many.length}`);
  });

  it('is refused where it is none, or has been cut or mistyped', () => {
    for (const token of [
      '',
      ' ',
      'x',
      '-1',
      '1.5',
      '1e3',
      '17:',
      '17:!',
      ':AA',
      '17:AA:AA',
      '9007199254740993',
    ])
      assert.throws(() => decodeReplay(token), { name: 'ReplayTokenError', code: 'ERR_REPLAY_TOKEN', token });
    const token = encodeReplay({ seed: 17, prescriptions: [{ label: 'order', index: 1, outcome: 2 }] });
    assert.deepEqual(decodeReplay(token).prescriptions?.length, 1);
    let undetected = 0;
    for (let i = 3; i < token.length; i++) {
      assert.throws(() => decodeReplay(token.slice(0, i)), ReplayTokenError);
      for (const other of ['A', 'b', '9', '_']) {
        const mistyped = token.slice(0, i) + other + token.slice(i + 1);
        if (mistyped === token) continue;
        try {
          decodeReplay(mistyped);
          undetected++;
        } catch (error) {
          assert.ok(error instanceof ReplayTokenError, String(error));
        }
      }
    }
    assert.equal(undetected, 0);
  });

  it('is taken from TULIPA_SEED', () => {
    withProcess({ env: { TULIPA_SEED: undefined } }, () => assert.equal(requestedReplay(), null));
    withProcess({ env: { TULIPA_SEED: '' } }, () => assert.equal(requestedReplay(), null));
    withProcess({ env: { TULIPA_SEED: '17' } }, () =>
      assert.deepEqual(requestedReplay(), { seed: 17, prescriptions: null }),
    );
    withProcess({ env: { TULIPA_SEED: 'seventeen' } }, () =>
      assert.throws(requestedReplay, {
        code: 'ERR_REPLAY_TOKEN',
        message: /^Cannot replay 'seventeen': it is neither a seed nor /,
      }),
    );
  });
});

describe('the command for a replay', () => {
  const script = `${process.cwd()}/test/some folder/a.test.ts`;
  const plain = {
    env: { VITEST: undefined, NODE_TEST_CONTEXT: undefined, PATH: '' },
    argv: [process.execPath, script],
    execArgv: [],
  };

  it('runs a plain script again, with its options and arguments', () => {
    const command = withProcess(
      {
        ...plain,
        argv: [process.execPath, `${process.cwd()}/a.ts`, '--count', 'two words'],
        execArgv: ['--conditions=source', '--import', './b.ts'],
      },
      () => replayCommand(null, '17'),
    );
    assert.match(
      command,
      /^TULIPA_SEED=17 \S*node\S* --conditions=source --import \.\/b\.ts a\.ts --count 'two words'$/,
    );
  });

  it('asks node:test for the one test, and leaves out how it is told of', () => {
    const command = withProcess(
      {
        ...plain,
        execArgv: ['--test-reporter', 'spec', '--test-timeout=5', '--inspect=0', '--conditions=source'],
      },
      () => replayCommand("it's 1 + 1 (or so)", '17:AA-_'),
    );
    assert.ok(
      command.endsWith(
        " --conditions=source '--test-name-pattern=it'\\''s 1 \\+ 1 \\(or so\\)$' 'test/some folder/a.test.ts'",
      ),
      command,
    );
    assert.ok(command.startsWith('TULIPA_SEED=17:AA-_ '), command);
  });

  it('leaves out what the processes of node:test are told besides', () => {
    const command = withProcess(
      {
        ...plain,
        env: { ...plain.env, NODE_TEST_CONTEXT: 'child-v8' },
        execArgv: [
          '--stack-trace-limit=10',
          '--conditions=source',
          '--import',
          './b.ts',
          '--node-snapshot',
          '-C',
          'c',
        ],
      },
      () => replayCommand('a', '17'),
    );
    assert.match(
      command,
      / \S*node --conditions=source --import \.\/b\.ts -C c '--test-name-pattern=a\$' 'test/,
    );
  });

  it('asks vitest for the one test, in its file', () => {
    Reflect.set(globalThis, '__vitest_worker__', { filepath: script });
    try {
      const command = withProcess({ ...plain, env: { VITEST: 'true' } }, () =>
        replayCommand('finds it', '17'),
      );
      assert.equal(command, "TULIPA_SEED=17 npx vitest run 'test/some folder/a.test.ts' -t 'finds it$'");
    } finally {
      Reflect.deleteProperty(globalThis, '__vitest_worker__');
    }
    const command = withProcess({ ...plain, env: { VITEST: 'true' } }, () => replayCommand('finds it', '17'));
    assert.equal(command, "TULIPA_SEED=17 npx vitest run -t 'finds it$'");
  });
});
