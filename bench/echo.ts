// Question: what does a message cost that a server sends back, in each style of writing one, against node:net?
//
// Each server is a process of its own; so is the client, which keeps a message in flight on each of its connections, or
// several (`--depth`). The servers take turns, A B A B …, each on the same core as the client (echo/one-core.ts). Every
// round has new ones: with large messages, one process may be half as fast again as another of the same program, for as
// long as it lives. CPU time a message, of the server alone, is the figure to trust: it stays what it is while others use
// the machine. The rate has the client's own time in it.
import { fileURLToPath } from 'node:url';
import type { Effort, Question } from './answer.ts';
import { cpuTimeOf } from './echo/cpu-time.ts';
import { type Echoes, type Kind, type Load, LoadGenerator } from './echo/load-generator.ts';
import { anywhere, findCore } from './echo/one-core.ts';
import { type ServerCommand, ServerProcess } from './echo/server-process.ts';
import { programFile } from './program.ts';
import { Samples } from './samples.ts';

const RATE = 'messages/s';
const CPU = 'CPU µs/message';

function oursOrNodes(name: string, style: string): ServerCommand {
  const execArgs = process.execArgv.filter((argument) => argument !== '--expose-gc');
  return {
    name,
    command: process.execPath,
    args: [...execArgs, programFile('echo-server'), '--style', style],
  };
}

const servers: readonly ServerCommand[] = [
  oursOrNodes('node:net', 'node-net'),
  oursOrNodes('protocol', 'protocol'),
  oursOrNodes('buffered protocol', 'buffered'),
  oursOrNodes('streams, generator', 'coroutine'),
  oursOrNodes('streams, async function', 'streams'),
];

const peers: readonly ServerCommand[] = ['asyncio', 'uvloop'].map((loop) => ({
  name: `Python, ${loop}, protocol`,
  command: 'python3',
  args: [fileURLToPath(new URL('./echo/peer.py', import.meta.url)), loop],
}));

export const question: Question = {
  question: 'What does a message cost that a server sends back?',
  async ask(effort) {
    const loads = chooseLoads(effort);
    await using generator = await LoadGenerator.create(chooseKind(effort));
    const oneCore = findCore();
    const notes: string[] = [];
    if (generator.kind === 'node') {
      const why = effort.settings['load'] === 'node' ? 'as asked for' : 'for want of a C compiler';
      notes.push(`The client is echo/load.ts, ${why}: no faster than the servers. Compare the CPU time.`);
    }
    if (oneCore === null)
      notes.push('No taskset: servers and client run on any core, at the cost of waking it.');
    const place = oneCore ?? anywhere;
    const runLoad = (port: number, load: Load) => generator.run(port, load, place);
    const all = [...servers, ...peers];
    const samples = new Samples(all.map(({ name }) => name));
    for (let round = 0; round < (effort.quick ? 1 : 5); round += 1) {
      const started = await Promise.all(all.map((server) => ServerProcess.start(server, place)));
      const running = started.filter((server) => typeof server !== 'string');
      try {
        if (round === 0) notes.push(...whatIsMissing(started));
        await measureRound(round, running, loads, runLoad, samples, effort);
      } finally {
        await Promise.all(running.map((server) => server[Symbol.asyncDispose]()));
      }
    }
    const figures = samples.figures();
    if (!figures.some(({ unit }) => unit === CPU))
      notes.push('No CPU time: there is no /proc here to tell it.');
    return { baseline: samples.baseline, figures, notes };
  },
};

/** @throws one of our own is missing */
function whatIsMissing(started: readonly (ServerProcess | string)[]): string[] {
  return [...servers, ...peers].flatMap(({ name }, index) => {
    const why = started[index];
    if (typeof why !== 'string') return [];
    if (index < servers.length) throw new Error(`Cannot start ${name}:\n${why}`);
    return [`Skipped: ${name} (${why.split('\n').at(-1)})`];
  });
}

async function measureRound(
  round: number,
  running: readonly ServerProcess[],
  loads: readonly Load[],
  runLoad: (port: number, load: Load) => Promise<Echoes>,
  samples: Samples,
  { quick }: Effort,
): Promise<void> {
  if (!quick) for (const { port } of running) await warmUp(port, runLoad);
  for (const load of loads) {
    const caseName = describeLoad(load);
    for (let turn = 0; turn < running.length; turn += 1) {
      const { name, pid, port } = running[(turn + round) % running.length] as ServerProcess;
      const before = cpuTimeOf(pid);
      const { messages, seconds } = await runLoad(port, load);
      const after = cpuTimeOf(pid);
      if (messages === 0) throw new Error(`Cannot measure ${name}: it sent back no message, ${caseName}`);
      samples.add(name, caseName, RATE, messages / seconds);
      if (before === null || after === null) continue;
      samples.add(name, caseName, CPU, ((after - before) * 1000) / messages);
    }
  }
}

/** For the compiler alone: so many messages, however long they take. */
async function warmUp(port: number, runLoad: (port: number, load: Load) => Promise<Echoes>): Promise<void> {
  const load = { bytes: 64, connections: 50, depth: 1, milliseconds: 500 };
  for (let left = 100_000; left > 0; ) left -= (await runLoad(port, load)).messages;
}

function chooseKind({ settings }: Effort): Kind | null {
  const kind = settings['load'];
  if (kind === undefined || kind === 'c' || kind === 'node') return kind ?? null;
  throw new RangeError(`Cannot use the client ${kind}: there are c and node`);
}

/** Every combination of what was asked for. */
function chooseLoads({ quick, settings }: Effort): Load[] {
  const milliseconds = quick ? 300 : 500;
  const loads: Load[] = [];
  for (const connections of numbers(settings['connections'] ?? (quick ? '50' : '50,1'))) {
    for (const depth of numbers(settings['depth'] ?? '1')) {
      for (const bytes of numbers(settings['bytes'] ?? (quick ? '64' : '64,1024,10240'))) {
        loads.push({ bytes, connections, depth, milliseconds });
      }
    }
  }
  return loads;
}

function numbers(list: string): number[] {
  return list.split(',').map((text) => {
    const number = Number(text);
    if (!Number.isInteger(number) || number < 1) {
      throw new RangeError(`Cannot use ${text}: it is not a whole number of 1 or more`);
    }
    return number;
  });
}

function describeLoad({ bytes, connections, depth }: Load): string {
  const size = bytes % 1024 === 0 ? `${bytes / 1024} KiB` : `${bytes} B`;
  return `${size} on ${connections}${depth === 1 ? '' : `, ${depth} deep`}`;
}
