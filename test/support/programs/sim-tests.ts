/** Tests that are simulations, of which one fails: for the test of how that looks, and how it is replayed. */
import assert from 'node:assert/strict';
import { sleep } from 'tulipa';
import { simTest } from 'tulipa/testing';

simTest('goes well', async (sim) => {
  await sleep(1000);
  assert.equal(sim.time, 1000);
});

simTest('fails with (3)', { seed: 3 }, async (sim) => {
  await sleep(1000);
  assert.notEqual(sim.seed, 3);
});

simTest('fails with some seed', { seeds: 10, shrink: false }, async (sim) => {
  await sleep(1000);
  assert.notEqual(sim.seed, 5);
});
