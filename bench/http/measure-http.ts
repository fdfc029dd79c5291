import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Effort, Figure } from '../answer.ts';
import { cpuTimeOf } from '../echo/cpu-time.ts';
import { anywhere, findCore, type Place } from '../echo/one-core.ts';
import { type ServerCommand, ServerProcess } from '../echo/server-process.ts';
import { programFile } from '../program.ts';
import { Samples } from '../samples.ts';

const RATE = 'requests/s';
const CPU = 'CPU µs/request';

/** The arguments of a server (serve-as-asked.ts) by what they are shown as; the first is the baseline. */
const httpServers: Readonly<Record<string, readonly string[]>> = {
  'node:http': [],
  'epoll guest': ['--driver', 'epoll'],
  'epoll blocking': ['--driver', 'epoll', '--runner', 'blocking'],
  'node driver': ['--driver', 'node'],
};

/**
 * What a request costs, on 1 connection and on 50, in each of these servers; in 7 rounds, or as many as `--rounds` says.
 *
 * @param program of the server
 * @param nodeOptions how that finds the library
 */
export async function measureHttp(
  effort: Effort,
  program: string,
  nodeOptions: readonly string[],
): Promise<{ baseline: string; figures: Figure[] }> {
  const wanted = effort.settings['servers']?.split(',');
  const names = Object.keys(httpServers).filter((name) => wanted?.includes(name) ?? true);
  const samples = new Samples(names);
  const rounds = effort.quick ? 1 : Number(effort.settings['rounds'] ?? 7);
  const place = findCore() ?? anywhere;
  for (let round = 0; round < rounds; round += 1) {
    // New processes in each round, and another one first.
    const order = [...names.slice(round % names.length), ...names.slice(0, round % names.length)];
    for (const name of order) {
      const args = [...nodeOptions, program, ...(httpServers[name] ?? [])];
      await measureServer({ name, command: process.execPath, args }, samples, effort, place);
    }
  }
  return { baseline: samples.baseline, figures: samples.figures() };
}

async function measureServer(
  command: ServerCommand,
  samples: Samples,
  effort: Effort,
  place: Place,
): Promise<void> {
  const { name } = command;
  const server = await ServerProcess.start(command, place);
  if (typeof server === 'string') throw new Error(`Cannot start ${name}:\n${server}`);
  await using running = server;
  if (!effort.quick) await load(running.port, { connections: 50, requests: 40_000 }, place);
  for (const connections of [1, 50]) {
    const requests = effort.quick ? 200 : 30_000;
    let before: number | null = null;
    const seconds = await load(running.port, { connections, requests }, place, () => {
      before = cpuTimeOf(running.pid);
    });
    const after = cpuTimeOf(running.pid);
    const caseName = connections === 1 ? '1 connection' : `${connections} connections`;
    samples.add(name, caseName, RATE, requests / seconds);
    if (before === null || after === null) continue;
    samples.add(name, caseName, CPU, ((after - before) * 1000) / requests);
  }
}

async function load(
  port: number,
  { connections, requests }: { connections: number; requests: number },
  place: Place,
  onReady?: () => void,
): Promise<number> {
  const numbers = [port, connections, requests].map(String);
  const child = spawn(...place(process.execPath, [programFile('http/load'), ...numbers]), {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  let seconds = NaN;
  for await (const line of createInterface(child.stdout)) {
    if (line === 'ready') {
      onReady?.();
      child.stdin.write('\n');
    } else {
      ({ seconds } = JSON.parse(line) as { seconds: number });
      child.stdin.end();
    }
  }
  const [code] = await ended;
  if (code !== 0) throw new Error(`Cannot measure: the client ended with ${code}`);
  return seconds;
}
