import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { link as lockLink, lockService } from '../../examples/lock-service/explore.ts';
import { faults, link as logLink, replicatedLog } from '../../examples/replicated-log/explore.ts';
import { ExplorationError, type ExploreOptions, explore } from '../../src/testing/index.ts';
import { programCommand, repositoryRoot, runMode } from '../support/run-program.ts';

/** The old Node looks whether it is the same there, not for what is found in the other run anyhow. */
const seeds = Number(process.env['EXPLORE_SEEDS'] ?? (runMode === 'source' ? 10_000 : 500));

interface Worked {
  readonly name: string;
  readonly file: string;
  readonly options: (mistaken: boolean) => ExploreOptions;
  /** what is wrong with the mistaken one */
  readonly fault: RegExp;
  /** more choices than that a shrunk course has not */
  readonly choicesMax: number;
}

const worked: readonly Worked[] = [
  {
    name: 'the lock service, whose mistake is a lost wake-up',
    file: 'examples/lock-service/explore.ts',
    options: (mistaken) => ({ scenario: lockService(mistaken), link: lockLink }),
    fault: /somebody gets the lock/,
    choicesMax: 3,
  },
  {
    name: 'the replicated log, whose mistake is a split brain',
    file: 'examples/replicated-log/explore.ts',
    options: (mistaken) => ({ scenario: replicatedLog(mistaken), link: logLink, faults }),
    fault: /lead in term \d+|entry \d+ is/,
    choicesMax: 30,
  },
];

for (const { name, file, options, fault, choicesMax } of worked) {
  describe(name, () => {
    let found: ExplorationError | null = null;

    it('is found, and made simple', { timeout: 60_000 }, async () => {
      const error = await explore({ ...options(true), seeds: 5_000 }).then(
        () => assert.fail('it was not found'),
        (thrown: unknown) => thrown,
      );
      assert.ok(error instanceof ExplorationError, String(error));
      assert.match(error.message, fault);
      assert.equal(error.shrinking, 'minimal');
      assert.ok(error.deviations.length <= choicesMax, error.message);
      found = error;
    });

    it('happens again, in another process, by what was printed', { timeout: 60_000 }, () => {
      assert.ok(found !== null);
      const { command, args } = programCommand(file, '--mistaken');
      const env = { ...process.env, TULIPA_SEED: found.token };
      const { status, stderr } = spawnSync(command, args, { cwd: repositoryRoot, env, encoding: 'utf8' });
      assert.equal(status, 1, stderr);
      assert.match(stderr, fault);
    });

    it(`does not happen in ${seeds} courses once the mistake is mended`, { timeout: 180_000 }, async () => {
      const { runs } = await explore({ ...options(false), seeds });
      assert.equal(runs, seeds);
    });
  });
}
