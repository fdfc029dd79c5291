/**
 * Explores programs with planted races: what it prints is for a test, which runs the printed command.
 *
 *     exploring.ts script    in a plain script
 *     exploring.ts tests     in tests of node:test
 */
import { it } from 'node:test';
import { explore } from '../../../src/testing/index.ts';
import { lostUpdate, lostWakeUp } from '../../testing/planted-races.ts';

const [how] = process.argv.slice(2);

if (how === 'script') {
  process.stdout.write('begins\n');
  await explore({ scenario: lostUpdate, seeds: 100 }).catch((error: unknown) => {
    process.stdout.write(`${error}\n`);
    process.exitCode = 3;
  });
}

if (how === 'tests') {
  for (const [name, scenario] of [
    ['loses an update (sometimes)', lostUpdate],
    ['loses a wake-up', lostWakeUp],
  ] as const) {
    it(name, async () => {
      process.stdout.write(`# runs: ${name}\n`);
      await explore({ scenario, seeds: 100, name });
    });
  }
}
