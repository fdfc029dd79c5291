// Question: what does a simulation cost, and what happens in it?
//
// Ours in each style of writing a program (simulation/), with @sinonjs/fake-timers for timers and turmoil, in Rust, for
// all (peers/). As with tasks, each has a process of its own, they take turns, all sums are checked, and CPU time is
// measured, of whole simulations from their start to their end. turmoil has to be built by who wants to see it
// (peers/turmoil/Cargo.toml), and is run if `--turmoil FILE` says where it is.
import type { Question } from './answer.ts';
import { comparePeers, inNode } from './peers/compare-peers.ts';
import { whyNotInstalled } from './peers/install.ts';
import type { PeerCommand } from './peers/peer-process.ts';
import { CASES } from './simulation/cases.ts';

export const question: Question = {
  question: 'What does a simulation cost, and what happens in it?',
  ask(effort) {
    const missing = new Map<string, string>();
    const why = whyNotInstalled(effort);
    if (why !== null) missing.set(fakeTimers.name, why);
    const { turmoil } = effort.settings;
    if (turmoil === undefined) missing.set('turmoil', '--turmoil does not say where it is');
    const others = [fakeTimers, { name: 'turmoil', command: turmoil ?? '', args: [] }];
    return comparePeers({ cases: CASES, ours, others, missing }, effort);
  },
};

const ours: readonly PeerCommand[] = [
  inNode('generator', 'simulation/generators'),
  inNode('async function', 'simulation/async-functions'),
  inNode('callbacks', 'simulation/callbacks'),
  inNode('setTimeout', 'simulation/globals'),
  inNode('examples', 'simulation/examples'),
];

const fakeTimers = inNode('fake-timers', 'peers/npm/fake-timers');
