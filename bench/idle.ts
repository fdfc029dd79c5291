// Question: how much memory does a connection take that does nothing?
//
// Of the server's process alone, without what the kernel keeps. Each connection has seen a byte echoed. What a server has
// after a hundred thousand messages is the beginning, so that what its engine takes to work at all is not counted.
import type { Effort, Question } from './answer.ts';
import { residentBytesOf } from './echo/cpu-time.ts';
import type { ServerProcess } from './echo/server-process.ts';
import { type Bench, measureServers, numbersOf, warmUp } from './echo/servers-in-turn.ts';

const UNIT = 'bytes/connection';

export const question: Question = {
  question: 'How much memory does an idle connection take?',
  async ask(effort) {
    const answer = await measureServers(effort, (running, bench) => measureRound(running, bench, effort));
    if (answer.figures.length > 0) return answer;
    return { ...answer, notes: [...answer.notes, 'No figures: there is no /proc here to tell them.'] };
  },
};

async function measureRound(
  running: readonly ServerProcess[],
  { samples, ...bench }: Bench,
  { quick, settings }: Effort,
): Promise<void> {
  const [connections = 0] = numbersOf(settings['connections'] ?? (quick ? '500' : '10000'));
  const load = { bytes: 64, connections, depth: 1, milliseconds: 0 };
  for (const server of running) {
    // It keeps nothing at all, and a ratio to that means nothing.
    if (server.name === 'C, epoll') continue;
    if (!quick) await warmUp(server, { samples, ...bench });
    const before = residentBytesOf(server.pid);
    let after: number | null = null;
    await bench.generator.run(server.port, load, bench.place, {
      before() {
        after = residentBytesOf(server.pid);
      },
      after() {},
    });
    if (before === null || after === null) continue;
    samples.add(server.name, `${connections} connections`, UNIT, (after - before) / connections);
  }
}
