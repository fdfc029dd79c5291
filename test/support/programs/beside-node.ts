// Node's own work and ours in one process: for test/hostile/beside-node.test.ts. Tells its ports, then the median time of
// each kind of work, in milliseconds, whenever it is asked by a line; ends with its input.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { openConnection, run, sleep, startServer } from 'tulipa';
import type { InternetAddress } from 'tulipa/interface';

const samples = 25;
const local = '127.0.0.1';
const say = (what: object) => process.stdout.write(`${JSON.stringify(what)}\n`);

async function median(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < samples; i++) {
    const began = performance.now();
    await work();
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  return times[samples >> 1] as number;
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tulipa-beside-'));
  const file = join(folder, 'file');
  await writeFile(file, 'content');
  const web = createServer((_request, response) => void response.end('hello')).listen(0, local);
  await once(web, 'listening');
  const webPort = (web.address() as AddressInfo).port;
  const worker = new Worker(
    "require('worker_threads').parentPort.on('message', function (m) { this.postMessage(m); })",
    {
      eval: true,
    },
  );
  const run = promisify(execFile);
  const server = await startServer(
    async (reader, writer) => {
      try {
        for (let data = await reader.read(1024); data.length > 0; data = await reader.read(1024)) {
          await writer.write(data);
        }
      } catch {
        // The load is over in the middle of an answer.
      }
    },
    { host: local },
  );
  const { host, port } = server.sockets[0] as InternetAddress;
  const { reader, writer } = await openConnection({ host, port });

  const works: Record<string, () => Promise<unknown>> = {
    'node:http and fetch': async () => (await fetch(`http://${local}:${webPort}/`)).text(),
    'fs.promises': () => readFile(file),
    setTimeout: () => new Promise((resolve) => setTimeout(resolve, 1)),
    setImmediate: () => new Promise((resolve) => setImmediate(resolve)),
    Worker: () => {
      worker.postMessage('ping');
      return once(worker, 'message');
    },
    child_process: () => run('true'),
    'our connection': async () => {
      await writer.write('ping');
      await reader.readExactly(4);
    },
    'our timer': async () => void (await sleep(1)),
    'our turn': async () => void (await sleep(0)),
  };
  const lines = createInterface({ input: process.stdin });
  say({ webPort, port });
  for await (const _line of lines) {
    // All at once: each is beside all the others too.
    const medians = await Promise.all(Object.values(works).map((work) => median(work)));
    say(Object.fromEntries(Object.keys(works).map((name, index) => [name, medians[index]])));
  }
  writer.close();
  server.close();
  server.closeClients();
  await worker.terminate();
  web.close();
  web.closeAllConnections();
  await rm(folder, { recursive: true });
}

await run(main, { driver: process.argv[2], runner: 'guest' });
// Nothing is left on either side that would keep the process.
say({ ended: true });
