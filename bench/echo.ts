// Question: what does a message cost that a server sends back, in each style of writing one, against node:net and others?
//
// Each server is a process of its own; so is the client, which keeps a message in flight on each of its connections, or
// several. The servers take turns, A B A B …, each on the same core as the client (echo/one-core.ts). CPU time a message,
// of the server alone and in all its threads, is the figure to trust: it stays what it is while others use the machine.
// The rate has the client's own time in it.
//
// Unless loads are asked for, one thing is changed at a time: the size, then the connections, then the depth. With
// `--sizes`, `--connections` or `--depth`, it is every combination of what is given; `--servers` takes parts of names.
// Whole, that is hours: ask for parts of it.
import type { Effort, Question } from './answer.ts';
import { cpuTimeOf } from './echo/cpu-time.ts';
import type { Load } from './echo/load-generator.ts';
import type { ServerProcess } from './echo/server-process.ts';
import { type Bench, measureServers, numbersOf, warmUp } from './echo/servers-in-turn.ts';

const RATE = 'messages/s';
const CPU = 'CPU µs/message';

const kib = 1024;
/** The kernel's memory for sockets is bounded: with more in flight it is that which is measured. */
const inFlightBytesMax = 128 * 1024 * kib;

export const question: Question = {
  question: 'What does a message cost that a server sends back?',
  async ask(effort) {
    const { loads, tooMuch } = chooseLoads(effort);
    const answer = await measureServers(effort, (running, bench) =>
      measureRound(running, loads, bench, effort),
    );
    const notes = [...answer.notes];
    if (tooMuch.length > 0) {
      notes.push(`Left out, more than 128 MiB in flight: ${tooMuch.map(describeLoad).join('; ')}.`);
    }
    if (!answer.figures.some(({ unit }) => unit === CPU)) {
      notes.push('No CPU time: there is no /proc here to tell it.');
    }
    return { ...answer, notes };
  },
};

async function measureRound(
  running: readonly ServerProcess[],
  loads: readonly Load[],
  bench: Bench,
  { quick }: Effort,
): Promise<void> {
  if (!quick) for (const server of running) await warmUp(server, bench);
  for (const load of loads) {
    const caseName = describeLoad(load);
    for (const { name, pid, port } of running) {
      let before: number | null = null;
      let after: number | null = null;
      const { messages, seconds } = await bench.generator.run(port, load, bench.place, {
        before() {
          before = cpuTimeOf(pid);
        },
        after() {
          after = cpuTimeOf(pid);
        },
      });
      if (messages === 0) throw new Error(`Cannot measure ${name}: it sent back no message, ${caseName}`);
      bench.samples.add(name, caseName, RATE, messages / seconds);
      if (before === null || after === null) continue;
      bench.samples.add(name, caseName, CPU, ((after - before) * 1000) / messages);
    }
  }
}

function chooseLoads({ quick, settings }: Effort): { loads: Load[]; tooMuch: Load[] } {
  const milliseconds = quick ? 150 : 500;
  const { sizes, connections, depth } = settings;
  const all: Load[] = [];
  if (quick || (sizes ?? connections ?? depth) !== undefined) {
    for (const count of numbersOf(connections ?? '50')) {
      for (const deep of numbersOf(depth ?? '1')) {
        for (const bytes of numbersOf(sizes ?? '64')) {
          all.push({ bytes, connections: count, depth: deep, milliseconds });
        }
      }
    }
  } else {
    for (const bytes of [64, kib, 10 * kib, 64 * kib, kib * kib]) {
      all.push({ bytes, connections: 50, depth: 1, milliseconds });
    }
    for (const count of [1, 8, 1000, 10_000]) {
      all.push({ bytes: 64, connections: count, depth: 1, milliseconds });
    }
    all.push({ bytes: 64, connections: 50, depth: 16, milliseconds });
  }
  const fits = ({ bytes, connections: count, depth: deep }: Load) => bytes * count * deep <= inFlightBytesMax;
  return { loads: all.filter(fits), tooMuch: all.filter((load) => !fits(load)) };
}

function describeLoad({ bytes, connections, depth }: Load): string {
  const size =
    bytes % kib !== 0 ? `${bytes} B` : bytes < kib * kib ? `${bytes / kib} KiB` : `${bytes / kib / kib} MiB`;
  return `${size} on ${connections}${depth === 1 ? '' : `, ${depth} deep`}`;
}
