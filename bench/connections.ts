// Question: what does a connection cost that is made, sees one message echoed, and is closed?

import type { Question } from './answer.ts';
import { cpuTimeOf } from './echo/cpu-time.ts';
import { measureServers } from './echo/servers-in-turn.ts';

const RATE = 'connections/s';
const CPU = 'CPU µs/connection';

export const question: Question = {
  question: 'What does a connection cost that carries one message?',
  ask: (effort) =>
    measureServers(effort, async (running, { generator, place, samples }) => {
      const load = { bytes: 64, connections: 50, depth: 0, milliseconds: effort.quick ? 150 : 500 };
      for (const { name, pid, port } of running) {
        if (!effort.quick) await generator.run(port, { ...load, milliseconds: 1500 }, place);
        let before: number | null = null;
        let after: number | null = null;
        const { messages, seconds } = await generator.run(port, load, place, {
          before() {
            before = cpuTimeOf(pid);
          },
          after() {
            after = cpuTimeOf(pid);
          },
        });
        const caseName = '64 B, 50 at a time';
        samples.add(name, caseName, RATE, messages / seconds);
        if (before === null || after === null) continue;
        samples.add(name, caseName, CPU, ((after - before) * 1000) / messages);
      }
    }),
};
