import { link as lockLink, lockService } from '../../examples/lock-service/explore.ts';
import { link, replicatedLog } from '../../examples/replicated-log/explore.ts';
import { type Scenario, type SimulationOptions, simulate, Trace } from '../../src/testing/index.ts';
import { randomProgram } from './random-program.ts';

/** A course of events in a line: what it was, how much happened, how it ended, and the digest of its whole trace. */
export async function digest(name: string): Promise<string> {
  const [kind, number] = name.split(' ') as [string, string];
  const { scenario, options } = courseOf(kind, Number(number));
  const trace = new Trace({ eventsMax: 0 });
  const ended = await simulate(scenario, { ...options, trace }).then(
    () => 'well',
    (error: unknown) => `with ${error}`.split('\n', 1)[0],
  );
  return `${name}: ${trace.count} events, ${trace.digest()}, ended ${ended}`;
}

/** `program 17`: a program made of that number; `lock 17`, `log 17`: an example with that seed. */
function courseOf(kind: string, number: number): { scenario: Scenario<unknown>; options: SimulationOptions } {
  const order = number % 2 === 0 ? 'any' : 'queued';
  switch (kind) {
    case 'program':
      return {
        scenario: randomProgram(number),
        options: {
          seed: number,
          order,
          globals: number % 3 === 0,
          link: {
            latency: { min: 0.1, max: 30, median: 2 },
            loss: 0.02,
            duplication: 0.02,
            reordering: 0.05,
          },
        },
      };
    case 'lock':
      return { scenario: lockService(true), options: { seed: number, order, link: lockLink } };
    default:
      return { scenario: replicatedLog(false), options: { seed: number, order, link } };
  }
}
