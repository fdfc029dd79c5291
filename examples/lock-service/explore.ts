/**
 * Looks for what can go wrong in the lock service: thousands of courses of events, each from a seed.
 *
 *     node --conditions=source examples/lock-service/explore.ts [--mistaken] [--seeds 1000]
 *
 * With `--mistaken`, the server has a lost wake-up: one client goes while the lock is being granted to it, and no other
 * ever gets it. The failure is printed with its seed, made as simple as it gets, and the command that repeats it.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { sleep, TimeoutError, timeout } from 'tulipa';
import { ExplorationError, explore, type LinkOptions, type Simulation } from 'tulipa/testing';
import { LockClient, serveLocks } from './service.ts';

const port = 7000;
const rounds = 3;
const clients = ['anna', 'bert', 'carl'];

export function lockService(mistaken: boolean): (sim: Simulation) => Promise<void> {
  return async (sim) => {
    const journal: string[] = [];
    const record = async (entry: string) => {
      await sleep(1 + 4 * sim.random());
      journal.push(entry);
    };
    sim.host('server', () => serveLocks({ port, record, mistaken }));

    let inside = 0;
    let lastToken = 0;
    let lastGrant = 0;
    let working = clients.length;
    sim.always(() => inside <= 1, 'at most one client is inside');
    sim.always(() => working === 0 || sim.time < lastGrant + 1_000, 'somebody gets the lock');

    /** Does its work under the lock; impatient: who waits for long goes away and comes again. */
    const work = async () => {
      for (let round = 0; round < rounds; ) {
        await using client = await LockClient.connect('server', port);
        try {
          const token = await timeout(10 + 20 * sim.random(), () => client.acquire('till'));
          if (token <= lastToken) throw new Error(`the token ${token} is not larger than ${lastToken}`);
          lastToken = token;
          lastGrant = sim.time;
          inside++;
          await sleep(5);
          inside--;
          await client.release('till');
          if (++round === rounds) working--;
        } catch (error) {
          if (!(error instanceof TimeoutError)) throw error;
          sim.say('has waited for long enough, and comes again');
        }
      }
    };
    for (const host of clients.map((name) => sim.host(name, work))) await host.finished;
  };
}

/** How the network is while it is explored. */
export const link: LinkOptions = { latency: { min: 0.5, max: 20, median: 2 } };

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: { mistaken: { type: 'boolean', default: false }, seeds: { type: 'string', default: '1000' } },
  });
  try {
    const seeds = Number(values.seeds);
    const { runs } = await explore({ scenario: lockService(values.mistaken), seeds, link });
    console.log(`courses of events: ${runs}; nothing went wrong`);
  } catch (error) {
    if (!(error instanceof ExplorationError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
