// Ends worker threads in whose loops something is going on, or nothing, and says how that went:
//     ending-workers.ts DRIVER WAY STATE ROUNDS
import { readdirSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Future, getRunningLoop, run, sleep, startServer } from 'tulipa';

interface Task {
  readonly driver: string;
  readonly way: string;
  readonly state: string;
}

async function inWorker({ driver, way, state }: Task): Promise<void> {
  await run(
    function* () {
      const loop = getRunningLoop();
      yield* startServer(() => {}, { host: '127.0.0.1' });
      loop.callSoon(() => parentPort?.postMessage('running'));
      yield* sleep(0);
      if (way === 'guest') return;
      if (way === 'exit') loop.callSoon(() => process.exit(3));
      if (way === 'report') {
        loop.callSoon(() => {
          throw new Error('of a callback');
        });
        yield* sleep(1);
        return;
      }
      if (way === 'reject') throw new Error('of main');
      if (way === 'tick') {
        process.nextTick(() => {
          throw new Error('of a tick');
        });
      }
      if (way === 'microtask') {
        queueMicrotask(() => {
          throw new Error('of a microtask');
        });
      }
      if (way === 'promise') void Promise.reject(new Error('of a promise'));
      if (state === 'idle') yield* new Future<void>();
      for (;;) yield* sleep(0);
    },
    way === 'guest' ? { driver, runner: 'guest' } : { driver },
  );
}

/** Sockets, and not the descriptors by which the runtime talks to its threads. */
const openFiles = () => readdirSync('/proc/self/fd').length;

async function inMain(task: Task, rounds: number): Promise<void> {
  const { way } = task;
  const outcomes = new Set<string>();
  let before = 0;
  for (let round = 0; round < rounds; round++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: task });
    // Not by `once`, which an error would end.
    const heard = (event: string) => new Promise((resolve) => worker.once(event, resolve));
    const ended = heard('exit');
    let error = 'no error';
    worker.on('error', (thrown) => {
      error = String(thrown);
    });
    await heard('message');
    if (way === 'unref') worker.unref();
    if (way === 'exit-main' || way === 'unref') continue;
    if (way === 'terminate') await worker.terminate();
    outcomes.add(`${await ended} ${error}`);
    if (round === 0) before = openFiles();
  }
  console.log([...outcomes].join('; '));
  const grown = way === 'terminate' ? openFiles() - before : 0;
  // Of each worker some are left, but not those that it listened by.
  console.log(`${grown / rounds < 8 ? 'few' : grown} files left`);
  if (way === 'exit-main') process.exit(0);
}

if (isMainThread) {
  const [, , driver = 'epoll', way = 'terminate', state = 'idle', rounds = '20'] = process.argv;
  await inMain({ driver, way, state }, Number(rounds));
} else {
  await inWorker(workerData as Task);
}
