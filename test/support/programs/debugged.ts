// Programs to look into from outside: for test/cli/ps.test.ts and test/debug/. The argument says which.
import { existsSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';
import {
  createTask,
  Future,
  getRunningLoop,
  newEventLoop,
  Runner,
  run,
  sleep,
  type Task,
  taskGroup,
  wait,
  wrapFuture,
} from 'tulipa';
import { serveDebug, startTrace, startWatchdog } from 'tulipa/debug';

const say = (text: string) => process.stdout.write(`${text}\n`);
const far = 3_600_000;

/** Until somebody sends SIGTERM. */
function* untilAsked() {
  const asked = new Future<void>();
  getRunningLoop().addSignalHandler('SIGTERM', () => asked.setResult());
  const alive = getRunningLoop().callLater(far, function keepAlive() {});
  say(`ready ${process.pid}`);
  yield* asked;
  alive.cancel();
}

function* work() {
  yield* sleep(far);
}

/** Computes until the file is there that is named by the second argument. */
function compute(): void {
  while (!existsSync(process.argv[3] ?? '')) Math.random();
}

function* busy() {
  yield;
  say('computes');
  compute();
}

class BusyProtocol {
  dataReceived(): void {
    say('computes');
    compute();
  }
}

const scenarios: Record<string, () => Promise<unknown>> = {
  tasks: () =>
    run(function* main() {
      yield* getRunningLoop().createServer(() => ({}), { host: '127.0.0.1' });
      yield* taskGroup(function* (group) {
        group.createTask(work(), { name: 'first\u001b[31m' });
        group.createTask(work(), { name: 'second' });
        yield* untilAsked();
        group.cancel();
      });
    }),

  'a circle': () =>
    run(function* main() {
      const broken = new Future<void>();
      const circle: Task<unknown>[] = [];
      for (const index of [0, 1]) {
        circle.push(
          createTask(
            function* () {
              yield;
              yield* wait([broken, circle[1 - index] as Task<unknown>]);
            },
            { name: `knot ${index}` },
          ) as Task<unknown>,
        );
      }
      yield* untilAsked();
      broken.setResult();
      for (const task of circle) task.cancel();
    }),

  'a busy loop': () =>
    run(function* main() {
      createTask(busy, { name: 'culprit' });
      yield* untilAsked();
    }),

  'a watched loop': () =>
    run(function* main() {
      startWatchdog({ threshold: 50 });
      createTask(busy, { name: 'culprit' });
      yield* untilAsked();
    }),

  'a watched loop and a busy protocol': () =>
    run(function* main() {
      startWatchdog({ threshold: 50 });
      const loop = getRunningLoop();
      const server = yield* loop.createServer(() => new BusyProtocol(), { host: '127.0.0.1' });
      const address = server.sockets[0] as { host: string; port: number };
      const [transport] = yield* loop.createConnection(() => ({}), address);
      transport.write(new Uint8Array(1));
      yield* untilAsked();
    }),

  'a watched loop and a busy host': () =>
    run(function* main() {
      startWatchdog({ threshold: 50 });
      setImmediate(function hostWork() {
        say('computes');
        compute();
      });
      yield* untilAsked();
    }),

  'a watched loop that is left': () =>
    run(function* main() {
      startWatchdog({ threshold: 50 });
      yield;
    }),

  'a loop that is looked at in all ways': () =>
    run(
      function* main() {
        startWatchdog();
        startTrace();
        const { path } = yield* wrapFuture(serveDebug(getRunningLoop()));
        say(`${readdirSync(dirname(path)).length} socket`);
      },
      { debug: true },
    ),

  'a loop that is never closed': () =>
    new Runner().run(function* () {
      const loop = getRunningLoop();
      startWatchdog({ loop });
      startTrace(loop);
      const { path } = yield* wrapFuture(serveDebug(loop));
      say(`${readdirSync(dirname(path)).length} socket`);
    }),

  // At the top level of a module, where no promise makes progress until it returns.
  'a loop that runs for ever': async () => {
    const loop = newEventLoop();
    loop.createTask(
      function* main() {
        createTask(work(), { name: 'sleeper' });
        yield* untilAsked();
        loop.stop();
      },
      { name: 'main' },
    );
    loop.runForever();
    loop.close();
  },

  'a worker that is terminated': async () => {
    const worker = new Worker(new URL(import.meta.url), { argv: ['in a worker'], stdout: true });
    for await (const text of worker.stdout) if (String(text).includes('ready')) break;
    await worker.terminate();
  },

  'a worker': async () => {
    const worker = new Worker(new URL(import.meta.url), { argv: ['in a worker'], stdin: false });
    await new Promise((resolve) => worker.on('exit', resolve));
  },

  'in a worker': () =>
    run(
      function* main() {
        createTask(work(), { name: 'in the worker' });
        yield;
        say(`ready ${process.pid}`);
        yield* sleep(far);
      },
      { debugSocket: true },
    ),

  'no loop': async () => {
    process.on('SIGUSR2', () => say('signal'));
    setInterval(() => {}, far);
    say(`ready ${process.pid}`);
  },
};

const scenario = scenarios[process.argv[2] ?? ''];
if (scenario === undefined) throw new RangeError(`Cannot run ${process.argv[2]}: no such scenario`);
await scenario();
say('end');
