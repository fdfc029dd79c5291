// Runs a loop in a worker thread and posts what it saw: for test/runtime/worker.test.ts.
import { parentPort } from 'node:worker_threads';
import { createTask, gather, getRunningLoop, run, sleep } from 'tulipa';

const seen = await run(
  async () => {
    const loop = getRunningLoop();
    let signals = 'handled';
    try {
      loop.addSignalHandler('SIGHUP', () => {});
    } catch (error) {
      signals = (error as { code: string }).code;
    }
    const order: string[] = [];
    loop.callSoon(() => {
      void Promise.resolve().then(() => order.push('microtask'));
      order.push('callback');
    });
    loop.callSoon(() => order.push('next callback'));
    const results = await gather([
      createTask(function* () {
        yield* sleep(2);
        return 'generator';
      }),
      createTask(async () => {
        await sleep(1);
        await new Promise((resolve) => setImmediate(resolve));
        return 'async';
      }),
    ]);
    return { order, results, signals, driver: loop.driverName };
    // As a guest: the thread's own loop goes on beside it.
  },
  { driver: 'node' },
);
parentPort?.postMessage(seen);
