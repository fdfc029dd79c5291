// Goes past the loop in the thread that the argument names, for test/debug/past-loop.test.ts.
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { isMainThread, Worker } from 'node:worker_threads';
import { run } from 'tulipa';

if (isMainThread && process.argv[2] === 'worker') {
  await run(async () => void (await once(new Worker(new URL(import.meta.url)), 'exit')));
} else {
  // Node's timers do not fire below a loop that blocks, as one does in a worker thread unless told otherwise.
  await run(async () => void (isMainThread ? await wait(1) : setTimeout(() => {}, 1)));
}
