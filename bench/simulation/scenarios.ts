// What all of ours have in common: the hosts, and who waits for whom. Their programs, which are what differs, are given.
import { createTask, gather } from 'tulipa';
import { type HostMain, type Scenario, type SimulationOptions, simulate } from 'tulipa/testing';
import { begin, type Sample } from '../peers/serve.ts';
import { delayOf, LINK, PARTITION } from './cases.ts';

/** Clients that send so many messages together and receive half of them, which is what each of their programs returns. */
export async function messages(
  count: number,
  pairs: number,
  server: HostMain<unknown>,
  client: (exchanges: number) => HostMain<number>,
): Promise<Sample> {
  const end = begin();
  const sum = await simulate(
    function* (sim) {
      sim.host('server', server);
      const program = client(count / 2 / pairs);
      const clients = Array.from({ length: pairs }, (_, i) => sim.host(`client${i}`, program));
      let all = 0;
      for (const { finished } of clients) all += yield* finished;
      return all;
    },
    { link: LINK },
  );
  return end(2 * sum);
}

/** Tasks that sleep so often together, and return how often each has. */
export async function timers(
  count: number,
  sleepers: number,
  sleeps: (sleeper: number, times: number, delay: typeof delayOf) => PromiseLike<number>,
  delay = delayOf,
  options: SimulationOptions = {},
): Promise<Sample> {
  const end = begin();
  const sum = await simulate(function* () {
    const tasks = Array.from({ length: sleepers }, (_, sleeper) =>
      createTask(() => sleeps(sleeper, count / sleepers, delay)),
    );
    return (yield* gather(tasks)).reduce((all, times) => all + times, 0);
  }, options);
  return end(sum);
}

/** One simulation after the other. */
export async function simulations(count: number, scenario: Scenario<number>): Promise<Sample> {
  const end = begin();
  let sum = 0;
  for (let seed = 0; seed < count; seed += 1) sum += await simulate(scenario, { seed });
  return end(sum);
}

/** A client that does not reach the server for a long time, and returns 1 when it has. */
export function retries(count: number, server: HostMain<unknown>, client: HostMain<number>): Promise<Sample> {
  return simulations(count, function* (sim) {
    sim.host('server', server);
    const trying = sim.host('client', client);
    sim.network.partition('server', 'client');
    sim.at(PARTITION, () => sim.network.heal());
    return yield* trying.finished;
  });
}

export function threeHosts(count: number, program: HostMain<number>): Promise<Sample> {
  return simulations(count, function* (sim) {
    const hosts = ['one', 'two', 'three'].map((name) => sim.host(name, program));
    let ended = 0;
    for (const { finished } of hosts) ended += yield* finished;
    return ended / hosts.length;
  });
}
