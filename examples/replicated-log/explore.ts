/**
 * Looks for what can go wrong in the replicated log, while servers crash and come back, and the network falls apart.
 *
 *     node --conditions=source examples/replicated-log/explore.ts [--mistaken] [--seeds 1000]
 *
 * With `--mistaken`, a server forgets in a crash whom it has voted for, and votes again in the same term: two leaders are
 * elected, each by most servers, and both take entries (a split brain). The failure is printed with its seed, made as
 * simple as it gets, and the command that repeats it.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { coroutine, sleep } from 'tulipa';
import {
  ExplorationError,
  explore,
  type FaultOptions,
  type LinkOptions,
  type Simulation,
} from 'tulipa/testing';
import { type Entry, propose, runReplica } from './replica.ts';

const port = 7000;
const names = ['one', 'two', 'three'];
const values = ['a', 'b', 'c', 'd', 'e', 'f'];
/** For three seconds things go wrong; then they must come right. */
export const faults: FaultOptions = {
  crash: { rate: 1, min: 50, max: 500 },
  restart: 4,
  isolate: { rate: 0.5, min: 100, max: 1_000 },
  hosts: names,
  until: 3_000,
};

/** How the network is while it is explored. */
export const link: LinkOptions = {
  latency: { min: 0.5, max: 50, median: 2 },
  loss: 0.01,
  duplication: 0.01,
};

export function replicatedLog(mistaken: boolean) {
  return coroutine(function* (sim: Simulation) {
    const leaders = new Map<number, string>();
    const committed: Entry[] = [];
    const wrong: string[] = [];
    sim.always(() => {
      if (wrong.length > 0) throw new Error(wrong.join('; '));
      return true;
    }, 'one leader a term, and one log');

    for (const name of names) {
      sim.host(name, (host) =>
        runReplica({
          name,
          others: names.filter((other) => other !== name),
          port,
          disk: host.disk,
          random: () => sim.random(),
          mistaken,
          onLeading(term) {
            const other = leaders.get(term) ?? name;
            leaders.set(term, name);
            sim.say(`leads in term ${term}`);
            if (other !== name) wrong.push(`${other} and ${name} lead in term ${term}`);
          },
          onCommitted(index, entry) {
            const known: Entry = committed[index - 1] ?? entry;
            committed[index - 1] = entry;
            if (known.term !== entry.term || known.value !== entry.value)
              wrong.push(`entry ${index} is '${known.value}', and for ${name} '${entry.value}'`);
          },
        }),
      );
    }
    const client = sim.host('client', function* () {
      for (const value of values) {
        yield* propose(value, names, port);
        yield* sleep(500 * sim.random());
      }
    });
    yield* client.finished;
    for (const value of values) {
      const count = committed.filter((entry) => entry.value === value).length;
      if (count !== 1) throw new Error(`'${value}' was committed, and is in the log ${count} times`);
    }
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values: given } = parseArgs({
    options: { mistaken: { type: 'boolean', default: false }, seeds: { type: 'string', default: '1000' } },
  });
  try {
    const seeds = Number(given.seeds);
    const { runs } = await explore({ scenario: replicatedLog(given.mistaken), seeds, link, faults });
    console.log(`courses of events: ${runs}; nothing went wrong`);
  } catch (error) {
    if (!(error instanceof ExplorationError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
