// The examples that look for what can go wrong in them, as they are.
import { type ExploreOptions, explore } from 'tulipa/testing';
import * as locks from '../../examples/lock-service/explore.ts';
import * as log from '../../examples/replicated-log/explore.ts';
import { begin, type Sample, serve } from '../peers/serve.ts';
import type { SimulationCase } from './cases.ts';

async function explored(options: ExploreOptions): Promise<Sample> {
  const end = begin();
  const { runs } = await explore(options);
  return end(runs);
}

await serve<SimulationCase>(`Node ${process.version}`, {
  'lock service': (seeds) => explored({ scenario: locks.lockService(false), seeds, link: locks.link }),
  'replicated log': (seeds) =>
    explored({ scenario: log.replicatedLog(false), seeds, link: log.link, faults: log.faults }),
});
