import { describe, it } from 'node:test';
import { realKinds } from '../contract/kinds.ts';
import { churn } from './churning.ts';

/**
 * What hands the kernel memory that the garbage collector has taken back, or moved, breaks sooner or later; here sooner.
 * Release builds of V8 have no check of the whole heap on every collection, but they collect and move when told to.
 */
const regimes: readonly { name: string; flags: string[]; collectOneIn: number }[] = [
  { name: 'all of it in one of 20 calls of a protocol', flags: [], collectOneIn: 20 },
  {
    name: 'at random, with everything moved that can be',
    flags: ['--random-gc-interval=2000', '--stress-compaction', '--stress-scavenge=30'],
    collectOneIn: 200,
  },
];

describe('memory is collected under way', {
  concurrency: 2,
  skip: process.platform !== 'linux' && 'descriptors are counted in /proc',
}, () => {
  for (const kind of realKinds) {
    if (kind.driver === 'node') continue; // it gives the kernel no memory itself
    for (const { name, flags, collectOneIn } of regimes) {
      it(`${name}: the ${kind} loop loses nothing and breaks nothing`, { timeout: 100_000 }, async () => {
        await churn(kind, { seed: 31, duration: 0, connections: 60, collectOneIn }, flags);
      });
    }
  }
});
