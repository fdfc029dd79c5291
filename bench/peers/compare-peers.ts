import type { Answer, Effort } from '../answer.ts';
import { programFile } from '../program.ts';
import { Samples } from '../samples.ts';
import type { Case } from './cases.ts';
import { type PeerCommand, PeerProcess } from './peer-process.ts';

const rounds = 11;
const warmUps = 1;
/** Of CPU time, before each sample; the slowest need about as much for one. */
const warmUpMilliseconds = 50;

export interface Comparison {
  readonly cases: Readonly<Record<string, Case>>;
  /** those that must start; the first is the baseline */
  readonly ours: readonly PeerCommand[];
  readonly others: readonly PeerCommand[];
  /** those of the others that are not to be started, and why */
  readonly missing: ReadonlyMap<string, string>;
}

/** A program of this folder, or of one below or beside it. */
export function inNode(name: string, program: string): PeerCommand {
  return { name, command: process.execPath, args: [...process.execArgv, programFile(program)] };
}

/**
 * Has all do the same work, each in a process of its own, which take turns. What is measured is CPU time; all sums are
 * checked. Who cannot be started is left out, and told of.
 *
 * @throws one of our own could not be started, or somebody's sum was wrong
 */
export async function comparePeers(
  { cases, ours, others, missing: known }: Comparison,
  effort: Effort,
): Promise<Omit<Answer, 'name' | 'question'>> {
  const names = chooseCases(cases, effort);
  const missing = new Map(known);
  const all = [...ours, ...others.filter(({ name }) => !missing.has(name))];
  const versions = new Set<string>();
  const samples = new Samples(all.map(({ name }) => name));
  // What the compiler learns from one case must not decide about the next. But to start all anew takes time.
  for (const group of effort.quick ? [names] : names.map((name) => [name])) {
    const running = await startAll(all, ours, missing);
    try {
      for (const { greeting } of running) versions.add(greeting.version);
      for (const name of group) await measureCase(name, cases[name] as Case, running, samples, effort);
    } finally {
      await Promise.all(running.map((peer) => peer[Symbol.asyncDispose]()));
    }
  }
  const notes = [...missing].map(([name, why]) => `Skipped: ${name} (${why})`);
  notes.push(`Versions: ${[...versions].join(', ')}.`);
  return { baseline: samples.baseline, figures: samples.figures(), notes };
}

/** @param missing is told who could not be started, and why @throws one of our own could not */
async function startAll(
  all: readonly PeerCommand[],
  ours: readonly PeerCommand[],
  missing: Map<string, string>,
): Promise<PeerProcess[]> {
  const started = await Promise.all(
    all.map(async (command) => ({ command, peer: await PeerProcess.start(command) })),
  );
  return started.flatMap(({ command, peer }) => {
    if (typeof peer !== 'string') return [peer];
    if (ours.includes(command)) throw new Error(`Cannot start ${command.name}:\n${peer}`);
    const lines = peer.split('\n');
    missing.set(command.name, lines.find((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1) ?? '');
    return [];
  });
}

async function measureCase(
  name: string,
  { unit, count: fullCount, quickCount, sum: sumOf }: Case,
  running: readonly PeerProcess[],
  samples: Samples,
  { quick }: Effort,
): Promise<void> {
  const count = quick ? quickCount : fullCount;
  const asked = running.filter(({ greeting }) => greeting.cases.includes(name));
  const ask = async (peer: PeerProcess) => {
    const { cpuMilliseconds, sum } = await peer.ask({ case: name, count });
    if (sum !== sumOf(count)) {
      throw new Error(`Cannot compare ${peer.name}, ${name}: its sum is ${sum}, not ${sumOf(count)}`);
    }
    return cpuMilliseconds;
  };
  for (let round = quick ? 0 : -warmUps; round < (quick ? 1 : rounds); round += 1) {
    for (let turn = 0; turn < asked.length; turn += 1) {
      const peer = asked[(turn + round + warmUps) % asked.length] as PeerProcess;
      // While a process idles, its engine gives back memory and compiled code. To get them again is not counted.
      if (!quick) for (let spent = 0; spent < warmUpMilliseconds; ) spent += await ask(peer);
      const cpuMilliseconds = await ask(peer);
      if (round >= 0) samples.add(peer.name, name, unit, (cpuMilliseconds * 1e6) / count);
    }
  }
}

function chooseCases(cases: Readonly<Record<string, Case>>, { settings }: Effort): string[] {
  const all = Object.keys(cases);
  const asked = settings['case'];
  if (asked === undefined) return all;
  const chosen = all.filter((name) => name === asked);
  if (chosen.length === 0) {
    throw new RangeError(`Cannot measure ${asked}: the cases are ${all.join('; ')}`);
  }
  return chosen;
}
