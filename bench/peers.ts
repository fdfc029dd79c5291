// Question: what do tasks cost in other libraries of the kind, and in Python?
//
// All do the same work, each in its own best way (a program for each in peers/), and all their sums are checked. Each has
// a process of its own, and a new one for each case; they take turns, A B C A B C …, and idle meanwhile. What is
// measured is CPU time. Effect and Effection are installed when they are asked for first; what cannot be had is left out,
// loudly.
import { fileURLToPath } from 'node:url';
import type { Effort, Question } from './answer.ts';
import { CASES } from './peers/cases.ts';
import { comparePeers, inNode } from './peers/compare-peers.ts';
import { whyNotInstalled } from './peers/install.ts';
import type { PeerCommand } from './peers/peer-process.ts';

export const question: Question = {
  question: 'What do tasks cost, here and elsewhere?',
  ask(effort) {
    const why = whyNotInstalled(effort);
    const missing = new Map(why === null ? [] : fromNpm.map(({ name }) => [name, why]));
    return comparePeers({ cases: CASES, ours, others: [...fromNpm, ...inPython(effort)], missing }, effort);
  },
};

const ours: readonly PeerCommand[] = [
  inNode('generator', 'peers/generators'),
  inNode('async function', 'peers/async-functions'),
  inNode('native async', 'peers/native'),
];

const fromNpm: readonly PeerCommand[] = [
  inNode('Effect', 'peers/npm/effect'),
  inNode('Effection', 'peers/npm/effection'),
];

function inPython({ settings }: Effort): PeerCommand[] {
  const command = settings['python'] ?? 'python3';
  const program = fileURLToPath(new URL('./peers/python.py', import.meta.url));
  return ['asyncio', 'uvloop'].map((loop) => ({ name: loop, command, args: [program, loop] }));
}
