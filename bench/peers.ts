// Question: what do tasks cost in other libraries of the kind, and in Python?
//
// All do the same work, each in its own best way (a program for each in peers/), and all their sums are checked. Each has
// a process of its own, and a new one for each case; they take turns, A B C A B C …, and idle meanwhile. What is
// measured is CPU time. Effect and Effection are installed when they are asked for first; what cannot be had is left out,
// loudly.
import { fileURLToPath } from 'node:url';
import type { Effort, Question } from './answer.ts';
import { CASES, type Case, type CaseName } from './peers/cases.ts';
import { arePeersInstalled, installPeers } from './peers/install.ts';
import { type PeerCommand, PeerProcess } from './peers/peer-process.ts';
import { programFile } from './program.ts';
import { Samples } from './samples.ts';

const rounds = 11;
const warmUps = 1;
/** Of CPU time, before each sample; the slowest need about as much for one. */
const warmUpMilliseconds = 50;

export const question: Question = {
  question: 'What do tasks cost, here and elsewhere?',
  async ask(effort) {
    const names = chooseCases(effort);
    const notInstalled = effort.quick && !arePeersInstalled() ? '--quick installs nothing' : installPeers();
    const all = [...ours, ...(notInstalled === null ? fromNpm : []), ...inPython(effort)];
    const missing = new Map(notInstalled === null ? [] : fromNpm.map(({ name }) => [name, notInstalled]));
    const versions = new Set<string>();
    const samples = new Samples(all.map(({ name }) => name));
    // What the compiler learns from one case must not decide about the next. But to start all anew takes time.
    for (const group of effort.quick ? [names] : names.map((name) => [name])) {
      const running = await startAll(all, missing);
      try {
        for (const { greeting } of running) versions.add(greeting.version);
        for (const name of group) await measureCase(name, running, samples, effort);
      } finally {
        await Promise.all(running.map((peer) => peer[Symbol.asyncDispose]()));
      }
    }
    const notes = [...missing].map(([name, why]) => `Skipped: ${name} (${why})`);
    notes.push(`Versions: ${[...versions].join(', ')}.`);
    return { baseline: samples.baseline, figures: samples.figures(), notes };
  },
};

/** @param missing is told who could not be started, and why @throws one of our own could not */
async function startAll(all: readonly PeerCommand[], missing: Map<string, string>): Promise<PeerProcess[]> {
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

function inNode(name: string, program: string): PeerCommand {
  return { name, command: process.execPath, args: [...process.execArgv, programFile(`peers/${program}`)] };
}

const ours: readonly PeerCommand[] = [
  inNode('generator', 'generators'),
  inNode('async function', 'async-functions'),
  inNode('native async', 'native'),
];

const fromNpm: readonly PeerCommand[] = [
  inNode('Effect', 'npm/effect'),
  inNode('Effection', 'npm/effection'),
];

function inPython({ settings }: Effort): PeerCommand[] {
  const command = settings['python'] ?? 'python3';
  const program = fileURLToPath(new URL('./peers/python.py', import.meta.url));
  return ['asyncio', 'uvloop'].map((loop) => ({ name: loop, command, args: [program, loop] }));
}

async function measureCase(
  name: CaseName,
  running: readonly PeerProcess[],
  samples: Samples,
  { quick }: Effort,
): Promise<void> {
  const { unit, count: fullCount, quickCount, sum: sumOf }: Case = CASES[name];
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

function chooseCases({ settings }: Effort): CaseName[] {
  const all = Object.keys(CASES) as CaseName[];
  const asked = settings['case'];
  if (asked === undefined) return all;
  const chosen = all.filter((name) => name === asked);
  if (chosen.length === 0) {
    throw new RangeError(`Cannot measure ${asked}: the cases are ${all.join('; ')}`);
  }
  return chosen;
}
