import type { Answer, Effort } from '../answer.ts';
import { Samples } from '../samples.ts';
import { type Kind, LoadGenerator } from './load-generator.ts';
import { anywhere, findCore, type Place } from './one-core.ts';
import { ServerProcess } from './server-process.ts';
import { chooseServers, describeMissing } from './servers.ts';
import { Workshop } from './workshop.ts';

/** What a benchmark of servers works with. */
export interface Bench {
  readonly samples: Samples;
  readonly generator: LoadGenerator;
  /** where servers and client run */
  readonly place: Place;
}

/**
 * Lets servers take turns, for five rounds unless `--rounds` says otherwise, each of which has new ones: with large messages, one process may be half as
 * fast again as another of the same program, for as long as it lives.
 *
 * @param measure adds the samples of one round, of all servers; in each it is another's turn first
 */
export async function measureServers(
  effort: Effort,
  measure: (running: readonly ServerProcess[], bench: Bench) => Promise<void>,
): Promise<Pick<Answer, 'baseline' | 'figures' | 'notes'>> {
  await using workshop = await Workshop.open();
  const generator = await LoadGenerator.create(workshop, chooseKind(effort));
  const { commands, isOurs, notes: missing } = await chooseServers(workshop, effort);
  const notes = [...missing];
  if (generator.kind === 'node') {
    const why = effort.settings['load'] === 'node' ? 'as asked for' : 'for want of a C compiler';
    notes.push(`The client is echo/load.ts, ${why}: no faster than the servers. Compare the CPU time.`);
  }
  const oneCore = findCore();
  if (oneCore === null)
    notes.push('No taskset: servers and client run on any core, at the cost of waking it.');
  const place = oneCore ?? anywhere;
  const rounds = chooseRounds(effort);
  const samples = new Samples(commands.map(({ name }) => name));
  for (let round = 0; round < rounds; round += 1) {
    const started = await Promise.all(commands.map((command) => ServerProcess.start(command, place)));
    const running = started.filter((server) => typeof server !== 'string');
    try {
      if (round === 0) {
        for (const [index, { name }] of commands.entries()) {
          const why = started[index];
          if (typeof why !== 'string') continue;
          if (isOurs(name)) throw new Error(`Cannot start ${name}:\n${why}`);
          notes.push(describeMissing(name, why));
        }
      }
      const first = round % Math.max(1, running.length);
      await measure([...running.slice(first), ...running.slice(0, first)], { samples, generator, place });
    } finally {
      await Promise.all(running.map((server) => server[Symbol.asyncDispose]()));
    }
  }
  return { baseline: samples.baseline, figures: samples.figures(), notes };
}

/** For the compiler alone: so many messages, however long they take. */
export async function warmUp(server: ServerProcess, { generator, place }: Bench): Promise<void> {
  const load = { bytes: 64, connections: 50, depth: 1, milliseconds: 400 };
  for (let left = 100_000; left > 0; ) left -= (await generator.run(server.port, load, place)).messages;
}

/** @throws {RangeError} not a list of whole numbers */
export function numbersOf(list: string): number[] {
  return list.split(',').map((text) => {
    const number = Number(text);
    if (!Number.isInteger(number) || number < 1) {
      throw new RangeError(`Cannot use ${text}: it is not a whole number of 1 or more`);
    }
    return number;
  });
}

function chooseRounds({ quick, settings }: Effort): number {
  const [asked] = settings['rounds'] === undefined ? [] : numbersOf(settings['rounds']);
  return asked ?? (quick ? 1 : 5);
}

function chooseKind({ settings }: Effort): Kind | null {
  const kind = settings['load'];
  if (kind === undefined || kind === 'c' || kind === 'node') return kind ?? null;
  throw new RangeError(`Cannot use the client ${kind}: there are c and node`);
}
